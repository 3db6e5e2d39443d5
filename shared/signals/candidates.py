"""The events that lists may hold at a moment, and what follows from them alone, worked out once."""

from collections.abc import Callable
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import places, ranges
from shared.arrays.sparse import Sparse, scatter, segment_sums, summed
from shared.catalog.attributes import Codes
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S
from shared.signals.cached import cached
from shared.signals.groups import FEW, Groups, Values

_FAR_DAYS: Final = 730.0
_Value = TypeVar("_Value")


class Candidates:
    """c events that lists may hold, at a moment.

    Parameters
    ----------
    catalog : all events.
    rows : int of shape (c,) – the candidates.
    now_s : POSIX seconds.
    popularity : float64 of shape (c,) – forward-decayed, see `feedback/popularity.py`.
    lasting : what is known already of these events, see `later`.
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
        self._parts: dict[str, Any] = {}
        self._static = {} if cached_static is None else cached_static

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, now_s: float, popularity: NDArray[np.float64]) -> Self:
        """The same events at another moment; they share what does not change with it."""
        return type(self)(self.catalog, self.rows, now_s, popularity, cached_static=self._static)

    def cached(self, name: str, make: Callable[[], _Value]) -> _Value:
        """What `make` gives, made on the first call under this name."""
        return cached(self._parts, name, make)

    def cached_static(self, name: str, make: Callable[[], _Value]) -> _Value:
        """The same for what depends on neither the time nor popularity, and outlives the moment."""
        return cached(self._static, name, make)

    def codes(self, field: str) -> Codes:
        """Values of a field, int32 of shape (c,), -1 where unknown."""
        return self.cached_static(f"codes {field}", lambda: self.catalog.fields[field].at(self.rows))

    def trained_codes(self, field: str) -> Codes:
        """Values of a field as places among those of the training, int32 of shape (c,), -1 where new or unknown."""
        return self.cached_static(f"trained {field}", lambda: self.catalog.fields[field].trained_at(self.rows))

    def values(self, field: str) -> Values:
        """The values of a field that candidates have."""
        return self.cached_static(f"values {field}", lambda: Values.of(self.catalog.fields[field], self.codes(field)))

    def holders(self, field: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The candidates of each of m values: value i has those at `starts[i]:starts[i + 1]`, ascending."""

        def make() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            values = self.values(field)
            sizes = np.bincount(values.of_candidates, minlength=len(values) + 1)[: len(values)]
            order = np.argsort(values.of_candidates, kind="stable")
            return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), order

        return self.cached_static(f"holders {field}", make)

    def ascending(self) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        """The rows in ascending order, and the candidate of each."""

        def make() -> tuple[NDArray[np.integer], NDArray[np.int64]]:
            order = np.argsort(self.rows, kind="stable")
            return self.rows[order], order

        return self.cached_static("ascending", make)

    def starts_at(self) -> NDArray[np.float64]:
        """POSIX seconds of the start, float64 of shape (c,), see `Catalog`."""
        return self.cached_static("starts at", lambda: self.catalog.starts_at[self.rows])

    def wait_days(self) -> NDArray[np.float32]:
        """Days until the start, at least 0; two years where undated."""
        wait = (self.starts_at() - self.now_s) / DAY_S
        return np.clip(np.where(np.isfinite(wait), wait, _FAR_DAYS), 0, None).astype(np.float32)

    def groups_by(self, what: str) -> Groups:
        """The candidates by `place`, by `price` or by what is in a bag: recurring events have the same."""

        def make() -> Groups:
            if what in self.catalog.bags:
                return Groups.of(self.rows, self.catalog.bags[what].fingerprints(self.rows))
            # As bits, and one more so that only what is unknown is 0.
            if what == "price":
                numbers = self.catalog.price[self.rows][:, None]
                keys = numbers[:, 0].view(np.uint32).astype(np.uint64)
            else:
                numbers = np.stack([self.catalog.lng[self.rows], self.catalog.lat[self.rows]], axis=1)
                keys = numbers.view(np.uint64)[:, 0]
            return Groups.of(self.rows, np.where(np.isnan(numbers).any(axis=1), np.uint64(0), keys + np.uint64(1)))

        return self.cached_static(f"alike {what}", make)

    def group_ids(self, of: str) -> tuple[int, NDArray[np.int64]]:
        """How many values of a field, places or prices there are, m, and which each candidate has, m for none."""
        if of in self.catalog.fields:
            return len(self.values(of)), self.values(of).of_candidates
        return len(self.groups_by(of)), self.groups_by(of).of_candidates

    def postings(self, bag: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Which groups of `alike` have each name of a bag: name i those at `starts[i]:starts[i + 1]`, with weights."""

        def make() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
            whole = self.catalog.bags[bag]
            places, columns, weights = whole.entries(self.groups_by(bag).rows)
            order = np.argsort(columns, kind="stable")
            sizes = np.bincount(columns, minlength=len(whole.names))
            return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), places[order], weights[order]

        return self.cached_static(f"postings {bag}", make)

    def dot(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        """Products of b sparse profiles and the candidates' bags, float32 of shape (b, c)."""
        owners, columns, values = profiles
        if len(self) <= FEW:
            return self._dot_few(bag, profiles, b)
        alike = self.groups_by(bag)
        starts, holders, weights = self.postings(bag)
        begins = starts[columns]
        lengths = starts[columns + 1] - begins
        picked = ranges(begins, lengths)
        products = np.repeat(values, lengths) * weights[picked]
        # The last column stays 0: it is that of candidates with nothing in the bag.
        shape = (b, len(alike) + 1)
        cells = holders[picked] if b == 1 else np.repeat(owners * shape[1], lengths) + holders[picked]
        return summed(cells, products, shape).take(alike.of_candidates, axis=1)

    def _dot_few(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        places_of, names, weights = self.cached_static(f"few {bag}", lambda: self.catalog.bags[bag].entries(self.rows))
        kept, numbers = np.unique(names, return_inverse=True)
        owners, columns, values = profiles
        found = places(kept, columns)
        is_there = found >= 0
        wanted = scatter(owners[is_there], found[is_there], values[is_there], (b, len(kept)))
        return segment_sums(wanted[:, numbers] * weights, places_of, len(self))
