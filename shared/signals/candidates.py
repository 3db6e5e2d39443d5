"""Candidates: the events that a list may contain at a point in time."""

from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S
from shared.signals.static_candidates import StaticCandidates

_FAR_DAYS: Final = 730.0
"""Days until the start that an event without one counts as: two years, after everything that is on sale."""


class Candidates:
    """Candidate set: c events that a list may contain at `now_s`.

    Parameters
    ----------
    catalog : all events.
    rows : int of shape (c,) – the candidates.
    now_s : POSIX seconds.
    popularity : float64 of shape (c,) – forward-decayed, see `feedback/popularity.py`.
    static : the static part of these candidates where it is known already, see `at`.

    Attributes
    ----------
    static : what depends on neither time nor popularity, cached.
    """

    def __init__(
        self,
        catalog: Catalog,
        rows: NDArray[np.integer],
        now_s: float,
        popularity: NDArray[np.float64],
        *,
        static: StaticCandidates | None = None,
    ) -> None:
        self.catalog = catalog
        self.rows = rows
        self.now_s = now_s
        self.popularity = popularity
        self.static = StaticCandidates(catalog, rows) if static is None else static

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, now_s: float, popularity: NDArray[np.float64]) -> Self:
        """Candidates with the same events at another time, sharing `static`."""
        return type(self)(self.catalog, self.rows, now_s, popularity, static=self.static)

    def part(self, columns: NDArray[np.integer]) -> Self:
        """Candidates `columns`, int of shape (k,), of these, in their order."""
        return type(self)(self.catalog, self.rows[columns], self.now_s, self.popularity[columns])

    def wait_s(self) -> NDArray[np.float64]:
        """Seconds until the next moment to go, float64 of shape (c,), at least 0; inf without a start.

        That is the start and, of an event that is on, its end or this time tomorrow, whichever is first: one that is on
        for months is no sooner than tonight's.
        """
        ahead = self.static.starts_at - self.now_s
        left = np.clip(self.static.ends_at - self.now_s, 0, DAY_S)
        return np.where(ahead > 0, ahead, left)

    def days_to_go(self) -> NDArray[np.float32]:
        """Days until the next moment to go, float32 of shape (c,), at least 0; `_FAR_DAYS` without a start."""
        return self._days_to_go

    @cached_property
    def _days_to_go(self) -> NDArray[np.float32]:
        days = self.wait_s() / DAY_S
        return np.where(np.isfinite(days), days, _FAR_DAYS).astype(np.float32)
