"""Conversion funnel of a user and an event: from search to rating, in causal order and at plausible times."""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from jobs.city.journeys import Journeys
from jobs.city.offers import Offers
from jobs.city.people import People
from jobs.city.taste import utility
from shared.entities import InteractionType as T

TYPES: Final = tuple(T)
_ROW_OF_TYPE: Final = {kind: row for row, kind in enumerate(TYPES)}
_DAY_S: Final = 86_400
# Shortest time between the arrival at an event and its start or now.
_LAST_LOOK_S: Final = 1_800
# Utility added by a friend who viewed the event.
_FRIEND: Final = 0.8
_QUERIES_PER_TOPIC: Final = 2


@dataclass(frozen=True, slots=True)
class Rows:
    """Interaction columns, int64 of shape (n,).

    Parameters
    ----------
    kinds : index into `TYPES`.
    users, events, hosts, topics : rows of the user, event, organizer and topic; the type decides which are written.
    values : stars of a rating, 1..5, otherwise 0.
    queries : index of the search query among those of the topic.
    at : time in seconds since 1970.
    """

    kinds: NDArray[np.int64]
    users: NDArray[np.int64]
    events: NDArray[np.int64]
    hosts: NDArray[np.int64]
    topics: NDArray[np.int64]
    values: NDArray[np.int64]
    queries: NDArray[np.int64]
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """Selection of rows, in the given order."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: "list[Rows]") -> Self:
        """Concatenation of row sets, in the given order."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def act(
    rng: np.random.Generator, people: People, offers: Offers, pairs: Journeys, *, seats: NDArray[np.int64], now_s: int
) -> Rows:
    """Interactions of each journey, grouped by journey, each group in causal order.

    Bookings reduce `seats` in place, int64 of shape (n_events,), and stop when an event has no seat left.
    """
    events, count = pairs.events, len(pairs.users)
    utilities = utility(people, pairs.users, offers, events) + _FRIEND * pairs.with_friend
    announced, starts, ends = offers.announced[events], offers.starts[events], offers.ends[events]
    closes = np.minimum(now_s, starts)

    def chance(share: float | NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(rng.random(count) < share)

    def between(low: NDArray[np.int64], high: NDArray[np.int64], lean: float = 1.0) -> NDArray[np.int64]:
        return low + ((high - low) * rng.random(count) ** lean).astype(np.int64)

    arrives = announced + ((closes - _LAST_LOOK_S - announced) * rng.beta(0.9, 1.3, count)).astype(np.int64)
    views = between(arrives + 40, arrives + 80)
    clicked, saved = chance(0.35), chance(_sigmoid(utilities - 3.2))
    booked = _seated(chance(_sigmoid(0.9 * utilities - 1.4)), events, seats)
    books = between(views + 120, closes - 900, 3.0)
    cancelled = booked & chance(0.07)
    attended = booked & ~cancelled & offers.takes_place[events] & (ends <= now_s) & chance(0.8)
    attends = between(ends, np.clip(now_s, ends, ends + _DAY_S // 4))
    rated = attended & chance(0.5)
    rates = between(attends, np.clip(now_s, attends, attends + 3 * _DAY_S))
    stars = np.clip(np.rint(2.7 + 0.5 * utilities + rng.normal(0.0, 0.8, count)), 1, 5).astype(np.int64)
    steps = {
        T.SEARCH: (chance(0.1), arrives),
        T.CATEGORY_CLICK: (chance(0.07), arrives + 10),
        T.IMPRESSION: (chance(0.15), arrives + 20),
        T.VIEW: (chance(1.0), views),
        T.CLICK: (clicked, between(views + 5, views + 50)),
        T.DISMISS: (~booked & ~saved & chance(0.15), between(views + 5, views + 90)),
        T.SAVE: (saved, between(views + 60, views + 110)),
        T.SHARE: (chance(0.04), between(views + 60, views + 119)),
        T.BOOKING: (booked, books),
        T.FOLLOW: ((booked & chance(0.15)) | (attended & chance(0.2)), books + 30),
        T.CANCEL: (cancelled, between(books + 60, closes)),
        T.ATTEND: (attended, attends),
        T.RATING: (rated, rates),
        T.REVIEW: (rated & chance(0.25), between(rates, np.clip(now_s, rates, rates + _DAY_S))),
    }
    happened = np.stack([occurs for occurs, _ in steps.values()], axis=1)
    pair_rows, step_rows = np.nonzero(happened)
    kinds = np.array([_ROW_OF_TYPE[kind] for kind in steps])[step_rows]
    return Rows(
        kinds=kinds,
        users=pairs.users[pair_rows],
        events=events[pair_rows],
        hosts=offers.hosts[events][pair_rows],
        topics=offers.topics[events][pair_rows],
        values=np.where(kinds == _ROW_OF_TYPE[T.RATING], stars[pair_rows], 0),
        queries=rng.integers(_QUERIES_PER_TOPIC, size=count)[pair_rows],
        at=np.stack([at for _, at in steps.values()], axis=1)[pair_rows, step_rows],
    )


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _seated(wants: NDArray[np.bool_], events: NDArray[np.int64], seats: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Seat allocation, first come, first served: bool mask of the successful bookings; reduces `seats` in place."""
    rows = np.flatnonzero(wants)
    order = rows[np.argsort(events[rows], kind="stable")]
    wanted = events[order]
    rank = np.arange(len(order)) - np.searchsorted(wanted, wanted)
    served = order[rank < seats[wanted]]
    np.subtract.at(seats, events[served], 1)
    gets = np.zeros(len(wants), np.bool_)
    gets[served] = True
    return gets
