"""References between the files of a folder: ids of events, users and organizers that are named but do not exist."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Final

from jobs.folder import Folder
from shared.entities import Event, Interaction, User

_MAX_LOOKUPS: Final = 100
"""Most events that are looked up in the store, as each costs a read: a sample of those that events.csv lacks."""


class References:
    """Ids that the rows of a folder name, beside those that it has; rows are noted in loading order."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._organizers: set[str] = set()
        self._friends: set[str] = set()
        self._unknown: dict[str, Counter[str]] = {name: Counter() for name in ("event_id", "user_id", "organizer_id")}
        self._named: Counter[str] = Counter()

    def note(self, entity: Event | User | Interaction) -> None:
        """Note of the ids that an accepted row names."""
        match entity:
            case Event():
                self._organizers.add(entity.organizer_id)
            case User():
                self._friends.update(entity.friends)
            case Interaction():
                events, users, _ = self._folder.files()
                self._count("event_id", entity.event_id, events.ids)
                self._count("user_id", entity.user_id, users.ids)
                self._count("organizer_id", entity.organizer_id, self._organizers)

    def _count(self, field: str, named: str, known: Collection[str]) -> None:
        if named:
            self._named[field] += 1
            if named not in known:
                self._unknown[field][named] += 1

    def warnings(self, is_stored: Callable[[str], bool]) -> Iterator[str]:
        """Warnings about ids that do not exist.

        Of events any is worth a word: interactions teach little about one that is unknown. Users and organizers may
        lack a row of their own, so there only a file in which none has one is.

        Parameters
        ----------
        is_stored : whether the store has an event of an id; asked for at most 100.
        """
        events, users, _ = self._folder.files()
        looked_up = islice(self._unknown["event_id"].items(), _MAX_LOOKUPS)
        unknown = Counter({event_id: count for event_id, count in looked_up if not is_stored(event_id)})
        if unknown:
            # Where none of a sample is stored, the others are not taken to be.
            if len(unknown) == _MAX_LOOKUPS:
                unknown = self._unknown["event_id"]
            where = "neither in events.csv nor in the store"
            yield _warning("interactions.csv", "event_id", unknown, self._named["event_id"], where, events.ids)
        for field, file, known in (
            ("user_id", "users.csv", users.ids),
            ("organizer_id", "events.csv", self._organizers),
        ):
            unknown = self._unknown[field]
            total = self._named[field]
            if known and unknown and unknown.total() == total:
                yield _warning("interactions.csv", field, unknown, total, f"not in {file}", known)
        strangers = self._friends - users.ids.keys()
        if strangers and strangers == self._friends:
            unknown = Counter(strangers)
            yield _warning("users.csv", "friends", unknown, unknown.total(), "not in users.csv", users.ids)


def _warning(file: str, field: str, unknown: Counter[str], total: int, where: str, known: Collection[str]) -> str:
    count = unknown.total()
    share = f"all {total:,}" if count == total else f"{count:,} of {total:,}"
    plain = {_plain(name): name for name in known}
    pairs = ((name, plain.get(_plain(name))) for name in sorted(unknown))
    example = next((f"{name!r} instead of {meant!r}" for name, meant in pairs if meant), repr(min(unknown)))
    return f"warning: {file}: {share} ids in {field} are {where}, such as {example}"


def _plain(name: str) -> str:
    """Id as people compare it: without white space, case, leading zeros and the decimals of a spreadsheet's number."""
    return re.sub(r"\.0+$", "", "".join(name.split()).casefold()).lstrip("0")
