"""Reduction of a ledger by SQL, whichever engine runs it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np

from shared.adapters.digesters import statements
from shared.errors import ArtifactError
from shared.feedback.drawing import BUCKETS
from shared.feedback.eventsums import growth_units, weight_units
from shared.feedback.weights import FAMILY, HAS_STARS, LASTS, TYPES
from shared.ledger.index import INTERACTIONS
from shared.ports import LedgerCounts

if TYPE_CHECKING:  # the import takes 0.2 s, which no other command should pay
    import pyarrow as pa


class Session(Protocol):
    """Session of an engine in which the relations of `statements.py` are there."""

    def query(self, sql: str) -> "pa.Table":
        """Rows of a statement; raises `ArtifactError` for a file that cannot be read."""

    def keep(self, name: str, sql: str) -> None:
        """Relation of a statement's rows, computed once for all later statements."""


class SqlReduction:
    """Reduction (`Reduction`) by the statements of `statements.py`."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now

    def counts(self) -> LedgerCounts:
        """Counts of interactions by bucket, and of profiles; raises `ArtifactError` for a ledger that is damaged."""
        [damaged] = self._session.query(statements.damaged())["n"].to_pylist()
        if damaged:
            raise ArtifactError(
                f"ledger/{INTERACTIONS}/: expected ids, known types and origins, and times from 1970 to 2200, "
                f"got others in {damaged:,} rows; read everything again with `marquee train --reread`"
            )
        self._session.keep("profiles", statements.PROFILES)
        self._session.keep("accounts", statements.accounts(self._now))
        by_bucket = np.zeros(BUCKETS, np.int64)
        for row in self._session.query(statements.COUNTS).to_pylist():
            by_bucket[int(row["bucket"], 16)] = row["n"]
        odd = self._session.query(statements.ODD).to_pylist()
        mended, dropped = Counter[str](), Counter[str]()
        for row in odd:
            for found, column in ((mended, "mended"), (dropped, "dropped")):
                found.update({name: row["n"] * number for name, number in Counter(row[column] or ()).items()})
        profiled = sum(row["n"] for row in odd if row["profiling"] is not False)
        return LedgerCounts(by_bucket, sum(row["n"] for row in odd), profiled, mended, dropped)

    def interactions(self, last: int) -> "pa.Table":
        """Interactions that models learn from, of the users up to a bucket, with all columns of the ledger."""
        return self._session.query(statements.interactions(self._now, last))

    def users(self, last: int) -> "pa.Table":
        """Newest profiles of the users up to a bucket who may be profiled, with all columns of the ledger."""
        return self._session.query(statements.users(last))

    def sums(self, moments: Sequence[datetime]) -> "pa.Table":
        """Sums of all interactions by event and half-life."""
        return self._session.query(statements.sums(moments, self._now))

    def bookings(self, week: date) -> "pa.Table":
        """Numbers of bookings by event and week."""
        return self._session.query(statements.bookings(week, self._now))


def constants() -> Mapping[str, "pa.Table"]:
    """Relations of this program's constants, by name: `types` and `growth`."""
    import pyarrow as pa

    types = {
        "type": [str(kind) for kind in TYPES],
        "family": [str(TYPES[code]) for code in FAMILY],
        "code": np.arange(len(TYPES), dtype=np.int64),
        "lasts": LASTS,
        "has_stars": HAS_STARS,
        "weight": weight_units(),
    }
    growth = {"minute": np.arange(len(growth_units())), "units": growth_units()}
    return {"types": pa.table(types), "growth": pa.table(growth)}
