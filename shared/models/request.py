"""What scoring needs, worked out once and shared by all signals: the candidates of a moment, and users before them."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.models.catalog import Catalog
from shared.models.history import Histories
from shared.models.interactions import DAY_S
from shared.models.ranges import ranges
from shared.models.weights import CODES, taste_weights

TASTE_HALF_LIFE_DAYS: Final = 180.0
MAX_PROFILE_NAMES: Final = 300
_FAR_DAYS: Final = 730.0
SEGMENTS: Final = ("cold", "few", "many")
"""Users by how often they did something that speaks for a known event: never, one to four times, more often."""
_BOUNDS: Final = np.array([1, 5])
_Part = TypeVar("_Part")

Sparse = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Owners, columns and values of a sparse matrix's entries."""


class Candidates:
    """c events that lists may hold, at a moment.

    Parameters
    ----------
    catalog : all events.
    rows : int of shape (c,) – the candidates.
    now_s : POSIX seconds.
    popularity : float64 of shape (c,) – forward-decayed, see `models/popularity.py`.
    """

    def __init__(
        self, catalog: Catalog, rows: NDArray[np.integer], now_s: float, popularity: NDArray[np.float64]
    ) -> None:
        self.catalog = catalog
        self.rows = rows
        self.now_s = now_s
        self.popularity = popularity
        self._parts: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def once(self, name: str, make: Callable[[], _Part]) -> _Part:
        """What `make` gives, made on the first call under this name."""
        if name not in self._parts:
            self._parts[name] = make()
        part: _Part = self._parts[name]
        return part

    def codes(self, field: str) -> NDArray[np.int32]:
        """Values of a field, int32 of shape (c,), -1 where unknown."""
        return self.once(f"codes {field}", lambda: self.catalog.fields[field].at(self.rows))

    def trained_codes(self, field: str) -> NDArray[np.int32]:
        """Values of a field as places among those of the training, int32 of shape (c,), -1 where new or unknown."""
        return self.once(f"trained {field}", lambda: self.catalog.fields[field].trained_at(self.rows))

    def wait_days(self) -> NDArray[np.float32]:
        """Days until the start, at least 0; two years where undated."""
        wait = (self.catalog.starts_at[self.rows] - self.now_s) / DAY_S
        return np.clip(np.where(np.isfinite(wait), wait, _FAR_DAYS), 0, None).astype(np.float32)

    def postings(self, bag: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """The candidates of each name of a bag: name i has those at `starts[i]:starts[i + 1]`, and their weights."""

        def make() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
            whole = self.catalog.bags[bag]
            places, columns, weights = whole.entries(self.rows)
            order = np.argsort(columns, kind="stable")
            sizes = np.bincount(columns, minlength=len(whole.names))
            return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), places[order], weights[order]

        return self.once(f"postings {bag}", make)


class Request:
    """b users before c candidates.

    Attributes
    ----------
    owners : int64 of shape (n,) – the user of each history entry.
    likes : float32 of shape (n,) – what an entry says for its event, decayed; 0 without a known event.
    counts : float32 of shape (n,) – the same undecayed.
    """

    def __init__(self, histories: Histories, candidates: Candidates) -> None:
        self.histories = histories
        self.candidates = candidates
        self.owners = histories.owners()
        is_about_event = (histories.event_rows >= 0).astype(np.float32)
        columns = (histories.codes, histories.values, histories.age_days)
        self.likes = np.maximum(taste_weights(*columns, half_life_days=TASTE_HALF_LIFE_DAYS), 0) * is_about_event
        self.counts = np.maximum(taste_weights(*columns, half_life_days=np.inf), 0) * is_about_event
        self._parts: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.histories)

    def once(self, name: str, make: Callable[[], _Part]) -> _Part:
        """What `make` gives, made on the first call under this name."""
        if name not in self._parts:
            self._parts[name] = make()
        part: _Part = self._parts[name]
        return part

    def segments(self) -> NDArray[np.int64]:
        """The place of each user in `SEGMENTS`, int64 of shape (b,)."""
        spoken = np.bincount(self.owners, weights=self.counts > 0, minlength=len(self))
        return np.searchsorted(_BOUNDS, spoken, side="right").astype(np.int64)

    def tally(self, field: str, *, decayed: bool) -> NDArray[np.float32]:
        """Each user's entries by the value of a field, float32 of shape (b, m)."""

        def make() -> NDArray[np.float32]:
            values = self.candidates.catalog.fields[field]
            codes = values.at(self.histories.event_rows)
            used = (self.counts > 0) & (codes >= 0)
            weights = (self.likes if decayed else self.counts)[used]
            return scatter(self.owners[used], codes[used], weights, (len(self), len(values.names)))

        return self.once(f"tally {field} {decayed}", make)

    def follows(self) -> NDArray[np.float32]:
        """Which organizers each user follows, float32 of shape (b, m), 0 or 1."""

        def make() -> NDArray[np.float32]:
            entries = self.histories
            used = (entries.codes == CODES[InteractionType.FOLLOW]) & (entries.organizer_rows >= 0)
            shape = (len(self), len(self.candidates.catalog.organizers))
            ones = np.ones(int(used.sum()), np.float32)
            return np.minimum(scatter(self.owners[used], entries.organizer_rows[used], ones, shape), 1)

        return self.once("follows", make)

    def profile(self, bag: str) -> Sparse:
        """Each user's sum of their events' bags, decayed, scaled to length 1; the strongest names of each user."""

        def make() -> Sparse:
            used = np.flatnonzero(self.likes > 0)
            whole = self.candidates.catalog.bags[bag]
            places, columns, weights = whole.entries(self.histories.event_rows[used])
            weights = weights * self.likes[used][places]
            return unit_sparse(self.owners[used][places], columns, weights, (len(self), len(whole.names)))

        return self.once(f"profile {bag}", make)


def scatter(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """A dense matrix of sums, float32 of `shape`."""
    size = shape[0] * shape[1]
    flat = rows.astype(np.int64) * shape[1] + columns
    summed = np.bincount(flat, weights=weights, minlength=size) if size else np.zeros(0)
    return summed.astype(np.float32).reshape(shape)


def unit_sparse(
    rows: NDArray[np.integer], columns: NDArray[np.integer], weights: NDArray[np.floating], shape: tuple[int, int]
) -> Sparse:
    """Sums by cell with rows scaled to length 1, then cut to each row's `MAX_PROFILE_NAMES` strongest entries."""
    size = max(shape[1], 1)
    cells, inverse = np.unique(rows.astype(np.int64) * size + columns, return_inverse=True)
    values = np.bincount(inverse, weights=weights, minlength=len(cells))
    owners = cells // size
    lengths = np.sqrt(np.bincount(owners, weights=values**2, minlength=shape[0]))
    values = values / np.maximum(lengths[owners], 1e-12)
    order = np.lexsort((cells, -values, owners))
    starts = np.searchsorted(owners[order], np.arange(shape[0]))
    kept = order[np.arange(len(order)) - starts[owners[order]] < MAX_PROFILE_NAMES]
    return owners[kept], cells[kept] % size, values[kept].astype(np.float32)


def gather(table: NDArray[np.float32], codes: NDArray[np.integer]) -> NDArray[np.float32]:
    """Columns of a table of shape (b, m) by code, float32 of shape (b, c); 0 where the code is -1."""
    if not table.shape[1]:
        return np.zeros((len(table), len(codes)), np.float32)
    taken = table[:, codes]
    taken[:, codes < 0] = 0
    return taken


def dot(profile: Sparse, candidates: Candidates, bag: str, b: int) -> NDArray[np.float32]:
    """Products of b sparse profiles and the candidates' bags, float32 of shape (b, c)."""
    starts, places, weights = candidates.postings(bag)
    owners, columns, values = profile
    lengths = starts[columns + 1] - starts[columns]
    picked = ranges(starts[columns], lengths)
    return scatter(
        np.repeat(owners, lengths), places[picked], np.repeat(values, lengths) * weights[picked], (b, len(candidates))
    )
