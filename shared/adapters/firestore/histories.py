"""Users' histories in Firestore: one document a user, a map that is merged without reading it.

A document may not exceed 1 MiB, so what is too old to matter is taken out: when counts are settled, for whom did
something meanwhile, since their histories are read then anyway, and now and then while interactions are loaded. Which
loads those are follows from the interactions' ids: about one in 64. The trigger itself reads nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from shared.adapters import history
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.entities import Interaction
from shared.entities.profile import MAX_HISTORY

if TYPE_CHECKING:
    from google.cloud.firestore import WriteBatch

HISTORIES: Final = "histories"
_ENTRY_BYTES: Final = 500
_TURN: Final = 64

Entries = dict[str, str]


class Histories:
    """Merges and trims the documents `histories/{user_id}`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Merge interactions; repeating it changes nothing, and neither does their order."""
        by_user: dict[str, Entries] = defaultdict(dict)
        for one in interactions:
            if one.is_remembered():
                by_user[one.user_id][history.key_of(one.interaction_id)] = history.text_of(one)
        for user_id, entries in by_user.items():
            for key in history.outdated(user_id, entries):
                del entries[key]
        in_parallel(self._merge_all, chunks(by_user.items(), lambda item: len(item[1]) * _ENTRY_BYTES))

    def merge(self, batch: "WriteBatch", user_id: str, entries: Entries) -> None:
        """Let `batch` put entries into a history."""
        paths = [f"entries.{key}" for key in entries]
        batch.set(self._database.document(HISTORIES, user_id), {"entries": entries}, merge=paths)

    def trim(self, user_ids: Iterable[str]) -> None:
        """Take out of these histories what the newest entries have pushed out."""
        stored = self._database.read(self._database.document(HISTORIES, user_id) for user_id in user_ids)
        self._shorten({user_id: data["entries"] for (_, user_id), data in stored.items()})

    def _shorten(self, stored: Mapping[str, Entries]) -> None:
        from google.cloud.firestore import DELETE_FIELD

        batch = self._database.client.batch()
        for user_id, entries in stored.items():
            if paths := [f"entries.{key}" for key in history.outdated(user_id, entries)]:
                # Only named entries go, so what others merge meanwhile stays.
                batch.update(self._database.document(HISTORIES, user_id), dict.fromkeys(paths, DELETE_FIELD))
        if len(batch):
            self._database.commit(batch, f"{len(batch)} shorter histories")

    def trim_histories(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Shorten the histories that these belong to, and tell which of these are not in them."""
        wanted = [one for one in interactions if one.is_remembered()]
        users = sorted({one.user_id for one in wanted})

        def read(user_ids: Sequence[str]) -> dict[tuple[str, str], dict[str, Entries]]:
            return self._database.read(self._database.document(HISTORIES, user_id) for user_id in user_ids)

        found = in_parallel(read, chunks(users, lambda _: MAX_HISTORY * _ENTRY_BYTES // 2))
        stored = {user_id: data.get("entries", {}) for part in found for (_, user_id), data in part.items()}
        self._shorten(stored)
        return [one for one in wanted if history.key_of(one.interaction_id) not in stored.get(one.user_id, {})]

    def _merge_all(self, items: Sequence[tuple[str, Entries]]) -> None:
        batch = self._database.client.batch()
        for user_id, entries in items:
            self.merge(batch, user_id, entries)
        self._database.commit(batch, f"{len(batch)} histories")
        if due := [user_id for user_id, entries in items if is_due(entries)]:
            self.trim(due)


def is_due(keys: Iterable[str]) -> bool:
    """Whether it is the turn of these new entries to have their history trimmed."""
    return any(int(key[1:], 16) % _TURN == 0 for key in keys)
