"""Users before candidates: what scoring needs of their histories, worked out once and shared by all signals."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.entities import InteractionType
from shared.models.candidates import Candidates
from shared.models.history import Histories
from shared.models.sparse import Sparse, summed, unit_sparse
from shared.models.weights import CODES, taste_weights

TASTE_HALF_LIFE_DAYS: Final = 180.0
SEGMENTS: Final = ("cold", "few", "many")
"""Users by how often they did something that speaks for a known event: never, one to four times, more often."""
_BOUNDS: Final = np.array([1, 5])
_Part = TypeVar("_Part")


@dataclass(frozen=True, slots=True)
class Touched:
    """The t values of a field that both candidates and events that users liked have.

    Attributes
    ----------
    columns : int64 of shape (t,) – places among the candidates' values, ascending.
    entries : int64 – the history entries of such events; `cells` is where each belongs in a (b, t) table, row by row.
    """

    columns: NDArray[np.int64]
    entries: NDArray[np.int64]
    cells: NDArray[np.int64]


class Request:
    """b users before c candidates.

    Attributes
    ----------
    owners : int64 of shape (n,) – the user of each history entry.
    likes : float32 of shape (n,) – what an entry says for its event, decayed; 0 without a known event.
    counts : float32 of shape (n,) – the same undecayed.
    liked : int64 – the entries with a like.
    """

    def __init__(self, histories: Histories, candidates: Candidates) -> None:
        self.histories = histories
        self.candidates = candidates
        self.owners = histories.owners()
        is_about_event = histories.event_rows >= 0
        columns = (histories.codes, histories.values, histories.age_days)
        self.likes = np.maximum(taste_weights(*columns, half_life_days=TASTE_HALF_LIFE_DAYS), 0) * is_about_event
        self.counts = np.maximum(taste_weights(*columns, half_life_days=np.inf), 0) * is_about_event
        self.liked = np.flatnonzero(self.counts > 0)
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
        spoken = np.bincount(self.owners[self.liked], minlength=len(self))
        return np.searchsorted(_BOUNDS, spoken, side="right").astype(np.int64)

    @cached_property
    def total_likes(self) -> NDArray[np.float32]:
        """Sum of each user's likes, float32 of shape (b,)."""
        return np.bincount(self.owners, weights=self.likes, minlength=len(self)).astype(np.float32)

    @cached_property
    def follows(self) -> NDArray[np.int64]:
        """The history entries that follow an organizer, int64."""
        entries = self.histories
        return np.flatnonzero((entries.codes == CODES[InteractionType.FOLLOW]) & (entries.organizer_rows >= 0))

    def liked_codes(self, field: str) -> NDArray[np.int32]:
        """The value of a field of each of the `liked` entries, int32, -1 where unknown."""
        return self.once(
            f"codes {field}", lambda: self.candidates.catalog.fields[field].at(self.histories.event_rows[self.liked])
        )

    def touched(self, field: str) -> Touched:
        """The values of a field that both candidates and liked events have."""

        def make() -> Touched:
            places = self.candidates.values(field).of_names[self.liked_codes(field)]
            shared = np.flatnonzero(places >= 0)
            columns, local = np.unique(places[shared], return_inverse=True)
            entries = self.liked[shared]
            return Touched(columns, entries, self.owners[entries] * len(columns) + local)

        return self.once(f"touched {field}", make)

    def tally(self, field: str, *, decayed: bool) -> NDArray[np.float32]:
        """Each user's likes by `touched` value of a field, float32 of shape (b, t)."""

        def make() -> NDArray[np.float32]:
            touched = self.touched(field)
            weights = (self.likes if decayed else self.counts)[touched.entries]
            return summed(touched.cells, weights, (len(self), len(touched.columns)))

        return self.once(f"tally {field} {decayed}", make)

    def largest(self, field: str, of_entries: NDArray[np.floating]) -> NDArray[np.float32]:
        """The largest of a number at least 0 that each entry has, by `touched` value, float32 of shape (b, t)."""
        touched = self.touched(field)
        table = np.zeros(len(self) * len(touched.columns), np.float32)
        np.maximum.at(table, touched.cells, of_entries[touched.entries])
        return table.reshape(len(self), len(touched.columns))

    def profile(self, bag: str) -> Sparse:
        """Each user's sum of their events' bags, decayed, scaled to length 1; the strongest names of each user."""

        def make() -> Sparse:
            used = self.liked[self.likes[self.liked] > 0]
            places, columns, weights = self.candidates.catalog.bags[bag].entries(self.histories.event_rows[used])
            weights = weights * self.likes[used][places]
            return unit_sparse(self.owners[used][places], columns, weights, len(self))

        return self.once(f"profile {bag}", make)
