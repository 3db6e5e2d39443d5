"""Interaction log in Firestore."""

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
_BYTES: Final = 3_000
"""Estimated size of a document; no interaction is larger."""
_ROUNDS: Final = 5
"""Attempts to create a batch while other writers create some of its documents."""


class FirestoreInteractions:
    """Interaction log (`InteractionLog`) on the collection `interactions`, which clients also write directly."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, interactions: Sequence[Interaction], *, now: datetime, counted: bool) -> Sequence[bool]:
        """Append interactions stamped `recorded_at=now`; a bool for each, False where the id exists already."""
        stamps = {"recorded_at": now, "counted": counted}
        fresh: dict[str, dict[str, Any]] = {}
        for interaction in interactions:
            document = known_fields(interaction, "interaction_id", "recorded_at") | stamps
            fresh.setdefault(interaction.interaction_id, document)
        created = set().union(*in_parallel(self._create, chunks(fresh.items(), lambda _: _BYTES)))
        answers = []
        for interaction in interactions:
            answers.append(interaction.interaction_id in created)
            created.discard(interaction.interaction_id)  # a repeat within the call exists already
        return answers

    def known(self, interaction_ids: Sequence[str]) -> set[str]:
        """Known interaction ids: those of `interaction_ids` that have a document."""
        return set().union(*in_parallel(self._there, chunks(interaction_ids, lambda _: _BYTES)))

    def get(self, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Interactions by id; ids without a readable document are left out."""

        def read(keys: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
            references = [self._database.document(COLLECTION, key) for key in keys]
            return [(key, data) for (_, key), data in self._database.read(references).items()]

        parts = in_parallel(read, chunks(interaction_ids, lambda _: _BYTES))
        found = untrusted.readable(COLLECTION, chain.from_iterable(parts), Interaction.from_document)
        return {interaction.interaction_id: interaction for interaction in found}

    def uncounted(self, moment: datetime) -> Iterator[Interaction]:
        """Uncounted interactions recorded at or after `moment`, oldest first: those that their writer did not count."""
        found = (item for item in documents(self._database, RECORDED, moment) if item[1].get("counted") is not True)
        return untrusted.readable(COLLECTION, found, Interaction.from_document)

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions recorded at or after `moment`, oldest first; for None all with ids after `after`, by id."""
        found = documents(self._database, ALL if moment is None else RECORDED, moment, after=after)
        return untrusted.readable(COLLECTION, found, Interaction.from_document)

    def _create(self, items: Sequence[tuple[str, dict[str, Any]]]) -> set[str]:
        """Created ids, those that did not exist; reads only after a conflict, since bulk loads mostly bring new ids."""
        from google.api_core.exceptions import AlreadyExists

        missing = dict(items)
        for _ in range(_ROUNDS):
            batch = self._database.client.batch()
            for key, document in missing.items():
                batch.create(self._database.document(COLLECTION, key), document)
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
        references = [self._database.document(COLLECTION, key) for key in interaction_ids]
        return {key for _, key in self._database.read(references, only="recorded_at")}
