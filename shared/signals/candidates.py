"""Candidates: the events that a list may contain at a point in time, with cached values that depend on them alone."""

from collections.abc import Callable
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import positions_of
from shared.arrays.ragged import Ragged
from shared.arrays.sparse import Sparse, scatter, segment_sums, summed
from shared.catalog.attributes import Codes
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S
from shared.signals.cached import cached
from shared.signals.groups import FEW, Groups, Values

_FAR_DAYS: Final = 730.0
"""Days until the start that an undated event counts as: two years, after everything that is on sale."""
_Value = TypeVar("_Value")


class Candidates:
    """Candidate set: c events that a list may contain at `now_s`.

    Parameters
    ----------
    catalog : all events.
    rows : int of shape (c,) – the candidates.
    now_s : POSIX seconds.
    popularity : float64 of shape (c,) – forward-decayed, see `feedback/popularity.py`.
    cached_static : values that are already known of these events, see the method `cached_static`.
    """

    def __init__(
        self,
        catalog: Catalog,
        rows: NDArray[np.integer],
        now_s: float,
        popularity: NDArray[np.float64],
        *,
        cached_static: dict[str, Any] | None = None,
    ) -> None:
        self.catalog = catalog
        self.rows = rows
        self.now_s = now_s
        self.popularity = popularity
        self._cache: dict[str, Any] = {}
        self._static = {} if cached_static is None else cached_static

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, now_s: float, popularity: NDArray[np.float64]) -> Self:
        """Candidates with the same events at another time, sharing all values of `cached_static`."""
        return type(self)(self.catalog, self.rows, now_s, popularity, cached_static=self._static)

    def cached(self, name: str, make: Callable[[], _Value]) -> _Value:
        """Value that `make` computes on the first call under this name; dropped with this time and popularity."""
        return cached(self._cache, name, make)

    def cached_static(self, name: str, make: Callable[[], _Value]) -> _Value:
        """Value that depends on neither time nor popularity; `make` computes it once for all times, see `at`."""
        return cached(self._static, name, make)

    def codes(self, field: str) -> Codes:
        """Codes of a field's values, int32 of shape (c,), -1 where unknown."""
        return self.cached_static(f"codes {field}", lambda: self.catalog.fields[field].at(self.rows))

    def trained_codes(self, field: str) -> Codes:
        """Codes of a field's values in the training's names, int32 of shape (c,), -1 where newer or unknown."""
        return self.cached_static(f"trained {field}", lambda: self.catalog.fields[field].trained_at(self.rows))

    def values(self, field: str) -> Values:
        """Distinct values of a field among the candidates."""
        return self.cached_static(f"values {field}", lambda: Values.of(self.catalog.fields[field], self.codes(field)))

    def candidates_of_values(self, field: str) -> Ragged[NDArray[np.int64]]:
        """Candidates of each of the m values of a field, ragged array of m rows: columns, int64, ascending in each."""

        def make() -> Ragged[NDArray[np.int64]]:
            values = self.values(field)
            return Ragged.grouped(values.of_candidates, len(values), np.arange(len(self)))

        return self.cached_static(f"candidates of {field}", make)

    def sorted_rows(self) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        """Rows of the catalog in ascending order, int of shape (c,), and the candidate of each, int64 of shape (c,)."""

        def make() -> tuple[NDArray[np.integer], NDArray[np.int64]]:
            order = np.argsort(self.rows, kind="stable")
            return self.rows[order], order

        return self.cached_static("sorted rows", make)

    def starts_at(self) -> NDArray[np.float64]:
        """Start times in POSIX seconds, float64 of shape (c,), see `Catalog`."""
        return self.cached_static("starts at", lambda: self.catalog.starts_at[self.rows])

    def days_to_start(self) -> NDArray[np.float32]:
        """Days until the start, float32 of shape (c,), at least 0; `_FAR_DAYS` where undated."""
        wait = (self.starts_at() - self.now_s) / DAY_S
        return np.clip(np.where(np.isfinite(wait), wait, _FAR_DAYS), 0, None).astype(np.float32)

    def groups_by(self, what: str) -> Groups:
        """Groups of candidates with the same `place`, the same `price` or the same content of a bag.

        Recurring events share all three, so a score of a group is computed once.
        """

        def make() -> Groups:
            if what in self.catalog.bags:
                return Groups.of(self.rows, self.catalog.bags[what].fingerprints(self.rows))
            # The key is the number's bits plus one, so that only unknown numbers have the key 0.
            if what == "price":
                numbers = self.catalog.price[self.rows][:, None]
                keys = numbers[:, 0].view(np.uint32).astype(np.uint64)
            else:
                numbers = np.stack([self.catalog.lng[self.rows], self.catalog.lat[self.rows]], axis=1)
                keys = numbers.view(np.uint64)[:, 0]
            return Groups.of(self.rows, np.where(np.isnan(numbers).any(axis=1), np.uint64(0), keys + np.uint64(1)))

        return self.cached_static(f"groups {what}", make)

    def group_ids(self, field: str) -> tuple[int, NDArray[np.int64]]:
        """Number m of values of a field (or of `place` or `price`), and each candidate's value, int64 of shape (c,).

        A candidate without a value has m.
        """
        if field in self.catalog.fields:
            return len(self.values(field)), self.values(field).of_candidates
        return len(self.groups_by(field)), self.groups_by(field).of_candidates

    def postings(self, bag: str) -> Ragged[NDArray[np.int64], NDArray[np.float32]]:
        """Inverted index of a bag, ragged array with a row for each name: groups of `groups_by`, int64, and weights."""

        def make() -> Ragged[NDArray[np.int64], NDArray[np.float32]]:
            attribute = self.catalog.bags[bag]
            groups, names, weights = attribute.entries(self.groups_by(bag).rows)
            return Ragged.grouped(names, len(attribute.names), groups, weights)

        return self.cached_static(f"postings {bag}", make)

    def dot(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        """Dot products of b users' sparse profiles and the candidates' bags, float32 of shape (b, c)."""
        users, names, values = profiles
        if len(self) <= FEW:
            return self._dot_few(bag, profiles, b)
        groups = self.groups_by(bag)
        postings = self.postings(bag).rows(names)
        lengths, (columns, weights) = postings.lengths(), postings.values
        products = np.repeat(values, lengths) * weights
        # The last column stays 0: it belongs to candidates with an empty bag.
        shape = (b, len(groups) + 1)
        cells = columns if b == 1 else np.repeat(users * shape[1], lengths) + columns
        return summed(cells, products, shape).take(groups.of_candidates, axis=1)

    def _dot_few(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        columns, names, weights = self.cached_static(f"few {bag}", lambda: self.catalog.bags[bag].entries(self.rows))
        used, local = np.unique(names, return_inverse=True)
        users, profile_names, values = profiles
        found = positions_of(used, profile_names)
        is_used = found >= 0
        dense = scatter(users[is_used], found[is_used], values[is_used], (b, len(used)))
        return segment_sums(dense[:, local] * weights, columns, len(self))
