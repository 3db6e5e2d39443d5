"""Arm of an experiment: sums of its users over the days so far, and how its lists were answered."""

import io
import json
import zipfile
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.errors import ArtifactError, InvalidField
from shared.monitoring.acts import SUMS, Sums
from shared.monitoring.operations import OperationFigures

USERS: Final = np.dtype([*SUMS.descr, ("first", "i4")])
"""Sums of a user over all days, and the ordinal of the day of the first of them."""
_ADDED: Final = ("impressions", "clicks", "bookings", "ratings", "stars")
_UNREADABLE: Final = (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, InvalidField)


@dataclass(frozen=True, slots=True)
class ArmState:
    """State of an arm.

    Attributes
    ----------
    until : last day whose acts are in it; None before the first.
    users : sums of n users, of dtype `USERS` and shape (n,), in the order of the subject.
    lists : figures of its lists: latency and how many were fallbacks.
    """

    until: date | None = None
    users: NDArray[Any] = field(default_factory=lambda: np.zeros(0, USERS))
    lists: OperationFigures = field(default_factory=OperationFigures)

    def exposed(self) -> NDArray[Any]:
        """Users who were shown a list of the arm, of whom alone its metrics are."""
        found: NDArray[Any] = self.users[self.users["impressions"] > 0]
        return found

    def with_day(self, day: date, sums: Sums, lists: OperationFigures) -> Self:
        """State with the sums of another day, later than `until`; the same for a day that is in it already."""
        if self.until is not None and day <= self.until:
            return self
        subjects = np.union1d(self.users["subject"], sums["subject"])
        users = np.zeros(len(subjects), USERS)
        users["subject"], users["first"] = subjects, day.toordinal()
        before, added = (np.searchsorted(subjects, part["subject"]) for part in (self.users, sums))
        users["first"][before] = self.users["first"]
        for name in _ADDED:
            users[name][before] = self.users[name]
            users[name][added] += sums[name]
        merged = OperationFigures()
        merged.merge(self.lists)
        merged.merge(lists)
        return type(self)(day, users, merged)

    def without(self, subjects: NDArray[np.uint64]) -> Self:
        """State without some users."""
        return type(self)(self.until, self.users[~np.isin(self.users["subject"], subjects)], self.lists)

    def to_bytes(self) -> bytes:
        """Stored form: a NumPy archive without pickled objects."""
        about = {"until": self.until.isoformat() if self.until else "", "lists": self.lists.to_document()}
        written = io.BytesIO()
        np.savez_compressed(written, users=self.users, about=np.frombuffer(json.dumps(about).encode(), np.uint8))
        return written.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Self:
        """State from its stored form; raises `ArtifactError` for what is none."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                users, about = arrays["users"], json.loads(arrays["about"].tobytes())
            if users.dtype != USERS or users.ndim != 1:
                raise ValueError(f"expected users of an arm, got {users.dtype}")
            until = date.fromisoformat(about["until"]) if about["until"] else None
            return cls(until, users, OperationFigures.from_document(about["lists"]))
        except (*_UNREADABLE, TypeError, AttributeError) as error:
            raise ArtifactError(f"{name}: expected the users of an arm, got {error}; delete the object") from error
