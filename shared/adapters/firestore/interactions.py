"""The interaction log in Firestore."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final

from shared.adapters import untrusted
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.pages import Listing, documents
from shared.entities import Interaction
from shared.entities.event import known_fields
from shared.errors import StoreUnavailable

COLLECTION: Final = "interactions"
RECORDED: Final = Listing(COLLECTION, "recorded_at")
ALL: Final = Listing(COLLECTION)
_BYTES: Final = 3_000  # more than any interaction has
_ROUNDS: Final = 5


class FirestoreInteractions:
    """`InteractionLog` on the collection `interactions`, which users' own programs write too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, interactions: Sequence[Interaction], *, now: datetime, counted: bool) -> Sequence[bool]:
        """Create documents stamped `recorded_at=now`; False where that id is there already."""
        stamps = {"recorded_at": now, "counted": counted}
        fresh: dict[str, dict[str, Any]] = {}
        for one in interactions:
            fresh.setdefault(one.interaction_id, known_fields(one, "interaction_id", "recorded_at") | stamps)
        created = set().union(*in_parallel(self._create, chunks(fresh.items(), lambda _: _BYTES)))
        answers = []
        for one in interactions:
            answers.append(one.interaction_id in created)
            created.discard(one.interaction_id)  # a repeat within the call is one that is there already
        return answers

    def known(self, interaction_ids: Sequence[str]) -> set[str]:
        """Which of these ids have a document."""
        return set().union(*in_parallel(self._there, chunks(interaction_ids, lambda _: _BYTES)))

    def get(self, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Those of these interactions that have a readable document, by id."""

        def read(keys: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
            places = [self._database.document(COLLECTION, key) for key in keys]
            return [(key, data) for (_, key), data in self._database.read(places).items()]

        parts = in_parallel(read, chunks(interaction_ids, lambda _: _BYTES))
        found = untrusted.readable(COLLECTION, chain.from_iterable(parts), Interaction.from_document)
        return {one.interaction_id: one for one in found}

    def uncounted(self, moment: datetime) -> Iterator[Interaction]:
        """As `since`, without those whose writer counted them itself."""
        found = (item for item in documents(self._database, RECORDED, moment) if item[1].get("counted") is not True)
        return untrusted.readable(COLLECTION, found, Interaction.from_document)

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions with `recorded_at` at or after `moment`, oldest first; for None all behind `after`, by id."""
        found = documents(self._database, ALL if moment is None else RECORDED, moment, after=after)
        return untrusted.readable(COLLECTION, found, Interaction.from_document)

    def _create(self, items: Sequence[tuple[str, dict[str, Any]]]) -> set[str]:
        """The ids that were not there; reads only when one was, since bulk loads mostly bring new ones."""
        from google.api_core.exceptions import AlreadyExists

        missing = dict(items)
        for _ in range(_ROUNDS):
            places = {key: self._database.document(COLLECTION, key) for key in missing}
            batch = self._database.client.batch()
            for key, document in missing.items():
                batch.create(places[key], document)
            try:
                if missing:
                    self._database.commit(batch, f"{len(missing)} interactions")
            except AlreadyExists:
                there = self._there(list(missing))
                missing = {key: document for key, document in missing.items() if key not in there}
            else:
                return set(missing)
        raise StoreUnavailable(f"cannot write {len(missing)} interactions: others create the same ones; try again")

    def _there(self, interaction_ids: Sequence[str]) -> set[str]:
        places = [self._database.document(COLLECTION, key) for key in interaction_ids]
        return {key for _, key in self._database.read(places, only="recorded_at")}
