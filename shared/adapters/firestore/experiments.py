"""Experiments in Firestore."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from shared.adapters import untrusted
from shared.adapters.firestore.client import Database
from shared.adapters.firestore.pages import Listing, documents
from shared.entities import Experiment

COLLECTION: Final = "experiments"
ENDING: Final = Listing(COLLECTION, "ends_at", ">")
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class FirestoreExperiments:
    """Experiment store (`ExperimentStore`) on the collection `experiments`, which no client may read or write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, experiment_id: str) -> Experiment | None:
        """Experiment by id, None for a missing document; raises `InvalidField` for an unreadable one."""
        found = self._database.read([self._database.document(COLLECTION, experiment_id)])
        data = found.get((COLLECTION, experiment_id))
        return None if data is None else Experiment.from_document(experiment_id, data)

    def ending_after(self, moment: datetime | None) -> Iterator[Experiment]:
        """Experiments whose end is after `moment`, all for None, by end; unreadable ones are logged and left out."""
        found = documents(self._database, ENDING, moment or _FIRST)
        return untrusted.readable("experiments", found, Experiment.from_document)

    def put(self, experiment: Experiment) -> None:
        """Create an experiment, or replace the one with its id."""
        batch = self._database.client.batch()
        batch.set(self._database.document(COLLECTION, experiment.experiment_id), experiment.to_document())
        self._database.commit(batch, "an experiment")
