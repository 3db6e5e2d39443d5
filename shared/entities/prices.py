"""Prices of Google Cloud: what the operations that are known cost."""

from dataclasses import dataclass, fields
from datetime import date
from typing import Final, Self

AS_OF: Final = date(2026, 11, 1)
"""Day on which the default prices were looked up: those of Firestore and Cloud Run in us-central1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices in US dollars; they differ by region, and part of each day's use is free.

    Attributes
    ----------
    reads, writes, deletes : price of 100,000 documents of Firestore.
    requests : price of a million requests to functions, without the time that they take.
    """

    reads: float = 0.06
    writes: float = 0.18
    deletes: float = 0.02
    requests: float = 0.40


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Billed operations: documents of Firestore that are read, written and deleted, and requests to functions."""

    reads: float = 0.0
    writes: float = 0.0
    deletes: float = 0.0
    requests: float = 0.0

    def __add__(self, other: Self) -> Self:
        """Sum of two usages."""
        return type(self)(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    def times(self, number: float) -> Self:
        """Usage of `number` equal operations."""
        return type(self)(**{field.name: getattr(self, field.name) * number for field in fields(self)})

    def usd(self, prices: Prices) -> float:
        """Price in US dollars.

        >>> round(Usage(reads=2_000_000).usd(Prices()), 2)
        1.2
        """
        documents = self.reads * prices.reads + self.writes * prices.writes + self.deletes * prices.deletes
        return documents / 100_000 + self.requests * prices.requests / 1_000_000
