"""Experiments in SQLite."""

from collections.abc import Iterator
from datetime import datetime

from shared.adapters import untrusted
from shared.adapters.sqlite.database import Database, encode, iso, parsed
from shared.entities import Experiment


class SqliteExperiments:
    """Experiment store (`ExperimentStore`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, experiment_id: str) -> Experiment | None:
        """Experiment by id, None for a missing document; raises `InvalidField` for an unreadable one."""
        rows = self._database.rows("SELECT document FROM experiments WHERE experiment_id = ?", (experiment_id,))
        return parsed(Experiment.from_document)(experiment_id, {"document": rows[0][0]}) if rows else None

    def ending_after(self, moment: datetime | None) -> Iterator[Experiment]:
        """Experiments whose end is after `moment`, all for None, by end; unreadable ones are logged and left out."""
        rows = self._database.rows(
            "SELECT experiment_id, document FROM experiments WHERE ends_at > ? ORDER BY ends_at, experiment_id",
            (iso(moment) if moment else "",),
        )
        return untrusted.readable(
            "experiments", ((key, {"document": text}) for key, text in rows), parsed(Experiment.from_document)
        )

    def put(self, experiment: Experiment) -> None:
        """Create an experiment, or replace the one with its id."""
        row = (experiment.experiment_id, encode(experiment.to_document()), iso(experiment.ends_at))
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO experiments (experiment_id, document, ends_at) VALUES (?, ?, ?)", row
            )
