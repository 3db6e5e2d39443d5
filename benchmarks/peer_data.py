"""Training data of peers: bookings, saves and attendances, and the attributes of events, as matrices.

Peers learn from what was booked, saved, attended and followed before a cutoff, from the organizer, venue, category,
subcategory, tags and three-hour slot of the week of events, and from the places of users and events.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.folds import Fold
from shared.entities import Event, InteractionType
from shared.entities.fields import Location
from shared.evaluation.holdout import has_feedback
from shared.feedback.interactions import DAY_S
from shared.feedback.weights import CODES

_EPSILON: Final = 1e-9

_ATTRIBUTES: Final[Mapping[str, Callable[[Event], Sequence[str]]]] = {
    "organizer": lambda event: [event.organizer_id],
    "venue": lambda event: [event.venue_id],
    "slot": lambda event: [_slot(event)],
    "tags": lambda event: event.tags,
    "category": lambda event: [event.category],
    "subcategory": lambda event: [event.subcategory],
}
"""Attributes of events by name; "" means unknown."""


@dataclass(frozen=True)
class PeerData:
    """Training data of peers; users and events in file order, which also breaks ties.

    Attributes
    ----------
    user_rows : row of each user by id.
    event_rows : int64 of shape (n,) – row of each event of the fold's catalog in the matrices below.
    candidates : int64 of shape (c,) – rows of the candidates, ascending.
    columns : int64 of shape (c,) – column of each of them among the candidates of the fold.
    user_items : CSR, float32 of shape (users, n) – 1 where a user booked, saved or attended an event.
    taken : CSR, float32 of shape (users, n) – 1 where a user booked or attended an event, which lists leave out.
    users, events, age_days : int64, int64 and float64 of shape (h,) – user row, event row and age of each hit, repeats
        included.
    of_attribute : name → CSR, float32 of shape (n, values) – 1 where an event has a value of the attribute.
    series : CSR, float32 of shape (n, values) – 1 for the series of an event: its organizer with the title or, without
        one, with venue and slot.
    follows : CSR, float32 of shape (users, organizers) – 1 where a user follows an organizer, a column of
        `of_attribute["organizer"]`.
    wait_s : float64 of shape (n,) – seconds from the cutoff to the start; inf for undated events.
    is_new : bool of shape (n,) – events without any interaction before the cutoff.
    homes, places : float32 of shape (users, 2) and (n, 2) – declared latitude and longitude of users, and those of
        events, NaN where unknown.
    """

    user_rows: dict[str, int]
    event_rows: NDArray[np.int64]
    candidates: NDArray[np.int64]
    columns: NDArray[np.int64]
    user_items: sp.csr_matrix[Any]
    taken: sp.csr_matrix[Any]
    users: NDArray[np.int64]
    events: NDArray[np.int64]
    age_days: NDArray[np.float64]
    of_attribute: Mapping[str, sp.csr_matrix[Any]]
    series: sp.csr_matrix[Any]
    follows: sp.csr_matrix[Any]
    wait_s: NDArray[np.float64]
    is_new: NDArray[np.bool_]
    homes: NDArray[np.float32]
    places: NDArray[np.float32]

    @classmethod
    def of(cls, fold: Fold) -> Self:
        """Training data of a fold, with rows for the evaluated users too."""
        catalog, past, data = fold.catalog, fold.past, fold.data
        user_ids = dict.fromkeys([*data.users, *past.users.ids(), *fold.user_ids])
        user_rows = {user_id: row for row, user_id in enumerate(user_ids)}
        by_id = {event.event_id: event for event in data.events}
        order = catalog.events.rows(list(dict.fromkeys([*by_id, *catalog.events.ids()])))
        event_rows = np.empty(len(order), np.int64)
        event_rows[order] = np.arange(len(order))
        columns = np.argsort(event_rows[fold.candidates])
        row_of_user = np.array([user_rows[key] for key in past.users.ids()], np.int64)
        users, events, hits = row_of_user[past.user_rows], event_rows[past.event_rows], past.is_hit()
        shape = (len(user_rows), len(order))
        user_items, taken = (_ones(users[mask], events[mask], shape) for mask in (hits, past.takes_event()))
        listed = [by_id.get(event_id) or Event(event_id=event_id) for event_id in catalog.events.ids(order)]
        encoded = {name: _one_hot([read(event) for event in listed]) for name, read in _ATTRIBUTES.items()}
        organizers = encoded["organizer"][1]
        column_of = np.array([organizers.get(key, -1) for key in catalog.organizers.ids()] + [-1], np.int64)
        followed = column_of[past.organizer_rows]
        holds = past.until >= fold.cutoff.timestamp()
        follows = (past.codes == CODES[InteractionType.FOLLOW]) & holds & (followed >= 0)
        profiles = data.profiled()
        return cls(
            user_rows=user_rows,
            event_rows=event_rows,
            candidates=event_rows[fold.candidates][columns],
            columns=columns,
            user_items=user_items,
            taken=taken,
            users=users[hits],
            events=events[hits],
            age_days=(fold.cutoff.timestamp() - past.occurred_at[hits]) / DAY_S,
            of_attribute={name: matrix for name, (matrix, _) in encoded.items()},
            series=_one_hot([[_series(event)] for event in listed])[0],
            follows=_ones(users[follows], followed[follows], (len(user_rows), len(organizers))),
            wait_s=catalog.starts_at[order] - fold.cutoff.timestamp(),
            is_new=~has_feedback(past, len(catalog))[order],
            homes=_degrees([profiles[key].location if key in profiles else None for key in user_ids]),
            places=_degrees([event.location for event in listed]),
        )

    @cached_property
    def attributes(self) -> sp.csr_matrix[Any]:
        """All attributes side by side, CSR float32 of shape (n, m); m is 0 without attributes."""
        return sp.csr_matrix(sp.hstack(list(self.of_attribute.values())))

    def rows_of(self, user_ids: Iterable[str]) -> NDArray[np.int64]:
        """Rows of users, int64, in the order of `user_ids`."""
        return np.array([self.user_rows[user_id] for user_id in user_ids], np.int64)

    def allowed(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the candidates that lists of b users may hold, bool of shape (b, c): those not taken before."""
        allowed: NDArray[np.bool_] = self.taken[users][:, self.candidates].toarray() == 0
        return allowed

    def decayed(self, half_life_days: float) -> sp.csr_matrix[Any]:
        """Hits with half the weight after each half-life, summed over repeats, CSR float32 of shape (users, n)."""
        weights = (0.5 ** (self.age_days / half_life_days)).astype(np.float32)
        return sp.csr_matrix((weights, (self.users, self.events)), shape=self.user_items.shape)


def unit_rows(matrix: sp.csr_matrix[Any]) -> sp.csr_matrix[Any]:
    """Rows divided by their lengths; rows of zeros stay."""
    return divided(matrix, np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()))


def divided(matrix: sp.csr_matrix[Any], by: NDArray[Any]) -> sp.csr_matrix[Any]:
    """Rows divided by the numbers `by`, of shape (rows,); those of 0 stay 0."""
    return sp.csr_matrix(sp.diags((1 / np.maximum(by, _EPSILON)).astype(np.float32)) @ matrix)


def _one_hot(lists: Sequence[Sequence[str]]) -> tuple[sp.csr_matrix[Any], dict[str, int]]:
    """One-hot matrix of lists of values, CSR float32 of shape (n, values), and its columns in order of appearance."""
    columns: dict[str, int] = {}
    cells = [
        (row, columns.setdefault(value, len(columns))) for row, values in enumerate(lists) for value in values if value
    ]
    rows, cell_columns = np.array(cells, np.int64).reshape(-1, 2).T
    return _ones(rows, cell_columns, (len(lists), len(columns))), columns


def _ones(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sp.csr_matrix[Any]:
    """Matrix with 1 in the given cells, CSR float32; repeated cells count once."""
    matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    matrix.data[:] = 1
    return matrix


def _degrees(locations: Sequence[Location | None]) -> NDArray[np.float32]:
    pairs = [(place.lat, place.lng) if place else (np.nan, np.nan) for place in locations]
    return np.array(pairs, np.float32).reshape(-1, 2)


def _slot(event: Event) -> str:
    return f"{(event.starts_at.weekday() * 24 + event.starts_at.hour) // 3}" if event.starts_at else ""


def _series(event: Event) -> str:
    return f"{event.organizer_id}|{event.title.lower() or f'{event.venue_id}|{_slot(event)}'}"
