"""Feedback figures of a day: click-through rate, conversion, satisfaction and accuracy of the lists that were shown.

All are computed from the rows of `attribution.py`, as numbers of distinct pairs of a user and an event on a UTC day, so
that neither a repeated act nor the way in which it was read moves them. docs/monitoring.md defines each figure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranks_within_groups
from shared.entities import InteractionType
from shared.entities.provenance import SOURCES, ListKind, Segment
from shared.evaluation.metrics import of_hits
from shared.feedback.weights import CODES
from shared.monitoring.attribution import Rows

MAX_SHOWN: Final = 500
"""Events a day by which one account can move figures: somebody who looks at that many is hardly an exception lost."""
MAX_TAKEN: Final = 20
"""Bookings a day, and ratings, by which one account can move figures."""
CUT: Final = 10
"""Places of a list by which its accuracy is measured."""
HOURS: Final = 24

_HOUR_US: Final = 3_600_000_000
_SEGMENT: Final = 0b111

_MULTIPLIERS: Final = {
    "user": np.uint64(0x9E3779B97F4A7C15),
    "event": np.uint64(0xC2B2AE3D27D4EB4F),
    "list": np.uint64(0x165667B19E3779F9),
}
"""Odd multipliers by which hashes of several fields become one: random 64-bit numbers, as those of xxHash."""

Hashes = NDArray[np.uint64]
"""Hashes of some fields of rows: equal where all of them are, and otherwise different but for one pair in 2^64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of some lists on a day; the shares are None where they divide by nothing.

    Attributes
    ----------
    impressions : distinct pairs of a user and an event that was shown to the user.
    clicks : those of them that the user clicked.
    ctr : `clicks` / `impressions`.
    bookings : distinct pairs of a user and an event that was booked and is credited to one of the lists.
    conversion : `bookings` / `impressions`.
    ratings : ratings of events whose booking is credited to one of the lists.
    stars : their mean, 1..5.
    lists : lists that were shown.
    hit_lists : those of them of which the user took something: clicked or booked it from the list.
    ndcg_at_10 : mean NDCG@10 of these, with binary gains at the positions of what was taken.
    reciprocal_rank : their mean reciprocal rank of the first event that was taken.
    """

    impressions: int = 0
    clicks: int = 0
    ctr: float | None = None
    bookings: int = 0
    conversion: float | None = None
    ratings: int = 0
    stars: float | None = None
    lists: int = 0
    hit_lists: int = 0
    ndcg_at_10: float | None = None
    reciprocal_rank: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackFigures:
    """Feedback figures of a UTC day.

    Attributes
    ----------
    total : figures of all lists.
    organic_bookings : bookings that are credited to no list.
    recommended_share : share of all bookings that lists earned; None without bookings.
    events_shown : distinct events that were shown.
    coverage : `events_shown` / the number of events that could be shown; None where that is unknown.
    gini : Gini coefficient of the impressions of events, 0 (all as often) to 1 (one has all); None without any.
    cold_start_share : share of the impressions that were in lists of anybody but warm users; None without any.
    left_out : rows beyond `MAX_SHOWN` and `MAX_TAKEN`, which move no figure.
    by : figures by dimension (`list`, `source`, `model`, `segment`, `variant`) and name.
    hours : impressions, clicks and bookings by the hour in which they came first, 24 of each.
    """

    day: date
    total: Figures = field(default_factory=Figures)
    organic_bookings: int = 0
    recommended_share: float | None = None
    events_shown: int = 0
    coverage: float | None = None
    gini: float | None = None
    cold_start_share: float | None = None
    left_out: int = 0
    by: Mapping[str, Mapping[str, Figures]] = field(default_factory=dict)
    hours: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """JSON object of the figures, without the day."""
        document = asdict(self)
        del document["day"]
        return {**document.pop("total"), **document}


def figures_of(
    rows: Rows,
    day: date,
    *,
    model_names: Mapping[int, str] | None = None,
    variant_names: Mapping[int, str] | None = None,
    live_events: int | None = None,
) -> FeedbackFigures:
    """Figures of the rows of a day.

    Parameters
    ----------
    rows : rows of a day, each act once, see `attribution.union`.
    model_names, variant_names : names by their hashes in lists, see `provenance.named`; others are hexadecimal.
    live_events : number of events that could be shown, None where it is unknown.
    """
    day_rows = _DayRows.of(rows)
    shown = day_rows.shown
    _, firsts = np.unique(_hashes(shown, *_PAIR), return_index=True)
    exposure = np.unique(shown["event"][firsts], return_counts=True)[1]
    total = day_rows.figures(_everything)
    is_cold = (shown["flags"] & _SEGMENT) != Segment.WARM
    organic = int((day_rows.booked["kind"] == 0).sum())
    return FeedbackFigures(
        day=day,
        total=total,
        organic_bookings=organic,
        recommended_share=_share(total.bookings, total.bookings + organic),
        events_shown=len(exposure),
        coverage=_share(len(exposure), live_events) if live_events else None,
        gini=gini(exposure, max(live_events or 0, len(exposure))) if len(exposure) else None,
        cold_start_share=_share(_count(shown[is_cold]), total.impressions),
        left_out=day_rows.left_out,
        by={
            "list": day_rows.by(lambda each: each["kind"], lambda code: ListKind(code).name.lower()),
            "source": day_rows.by(lambda each: each["source"], lambda code: SOURCES[code] or "unknown"),
            "model": day_rows.by(lambda each: each["model"], _namer(model_names)),
            "segment": day_rows.by(lambda each: each["flags"] & _SEGMENT, lambda code: Segment(code).name.lower()),
            "variant": day_rows.by(lambda each: each["variant"], _namer(variant_names)),
        },
        hours=day_rows.hours(),
    )


def gini(counts: NDArray[np.integer], n: int) -> float:
    """Gini coefficient of the exposure of n events, of which those without a count have none; n ≥ len(counts) ≥ 1.

    Σ (2 i − n − 1) x_i / (n Σ x) over the counts x in ascending order, i from 1.

    >>> gini(np.array([1, 1, 1, 1]), 4), gini(np.array([4]), 4)
    (0.0, 0.75)
    """
    ordered = np.sort(counts).astype(np.float64)
    ranks = np.arange(n - len(ordered) + 1, n + 1)
    return float(((2 * ranks - n - 1) * ordered).sum() / (n * ordered.sum()))


@dataclass(frozen=True, slots=True)
class _DayRows:
    """Rows of a day by what they are, within the limits of accounts.

    Attributes
    ----------
    shown, clicked : impressions, and clicks on events that were shown to the user that day.
    booked : bookings that were not cancelled later that day, the organic ones included.
    rated : ratings after bookings that lists earned.
    left_out : rows beyond the limits.
    """

    shown: Rows
    clicked: Rows
    booked: Rows
    rated: Rows
    left_out: int

    @classmethod
    def of(cls, rows: Rows) -> "_DayRows":
        kinds = {kind: rows[rows["type"] == CODES[kind]] for kind in _KINDS}
        shown = _first_of_users(kinds[InteractionType.IMPRESSION], MAX_SHOWN)
        booked = _kept(kinds[InteractionType.BOOKING], kinds[InteractionType.CANCEL])
        booked, n_booked = _first_of_users(booked, MAX_TAKEN), len(booked)
        rated = _first_of_users(kinds[InteractionType.RATING], MAX_TAKEN)
        limited = len(kinds[InteractionType.IMPRESSION]) + n_booked + len(kinds[InteractionType.RATING])
        left_out = limited - len(shown) - len(booked) - len(rated)
        clicked = kinds[InteractionType.CLICK]
        clicked = clicked[np.isin(_hashes(clicked, *_PAIR), _hashes(shown, *_PAIR))]
        return cls(shown, _placed(clicked, shown), _placed(booked, shown), rated, left_out)

    def figures(self, chosen: Callable[[Rows], NDArray[np.bool_]]) -> Figures:
        """Figures of the rows that are credited to lists and chosen."""
        shown, clicked, booked, rated = (
            each[chosen(each) & (each["kind"] > 0)] for each in (self.shown, self.clicked, self.booked, self.rated)
        )
        n_shown, n_bookings = _count(shown), _count(booked)
        n_clicks = _count(clicked[np.isin(_hashes(clicked, *_PAIR), _hashes(shown, *_PAIR))])
        return Figures(
            impressions=n_shown,
            clicks=n_clicks,
            ctr=_share(n_clicks, n_shown),
            bookings=n_bookings,
            conversion=_share(n_bookings, n_shown),
            ratings=len(rated),
            stars=float(rated["stars"].astype(np.float64).mean()) if len(rated) else None,
            **_accuracy(shown, np.concatenate([clicked, booked])),
        )

    def by(self, code_of: Callable[[Rows], NDArray[np.integer]], name_of: Callable[[int], str]) -> dict[str, Figures]:
        """Figures by the values of a dimension that any row has."""
        every = np.concatenate([self.shown, self.clicked, self.booked, self.rated])
        codes = np.unique(code_of(every[every["kind"] > 0]))
        return {name_of(int(code)): self.figures(_equal(code_of, code)) for code in codes}

    def hours(self) -> dict[str, list[int]]:
        """Impressions, clicks and bookings of lists by the hour in which each pair came first."""
        booked = self.booked[self.booked["kind"] > 0]
        named = {"impressions": self.shown, "clicks": self.clicked, "bookings": booked}
        return {name: _by_hour(each) for name, each in named.items()}


_KINDS: Final = (
    InteractionType.IMPRESSION,
    InteractionType.CLICK,
    InteractionType.BOOKING,
    InteractionType.CANCEL,
    InteractionType.RATING,
)


_PAIR: Final = ("user", "event")
_ITEM: Final = ("user", "list", "event")


def _equal(code_of: Callable[[Rows], NDArray[np.integer]], code: np.integer) -> Callable[[Rows], NDArray[np.bool_]]:
    return lambda rows: code_of(rows) == code


def _everything(rows: Rows) -> NDArray[np.bool_]:
    return np.ones(len(rows), np.bool_)


def _hashes(rows: Rows, *names: str) -> Hashes:
    hashed = np.zeros(len(rows), np.uint64)
    for name in names:
        hashed += rows[name] * _MULTIPLIERS[name]
    return hashed


def _count(rows: Rows) -> int:
    """Number of distinct pairs of a user and an event."""
    return len(np.unique(_hashes(rows, *_PAIR)))


def _first_of_users(rows: Rows, limit: int) -> Rows:
    """Rows of the first `limit` events of each user, in the order of the rows, which is that of time."""
    _, firsts, inverse = np.unique(_hashes(rows, *_PAIR), return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    ranks = np.empty(len(firsts), np.int64)
    ranks[order] = ranks_within_groups(rows["user"][firsts[order]])
    kept: Rows = rows[ranks[inverse] < limit]
    return kept


def _kept(booked: Rows, cancelled: Rows) -> Rows:
    """Bookings that no later cancellation of the day reverts."""
    both = np.concatenate([booked, cancelled])
    pairs, inverse = np.unique(_hashes(both, *_PAIR), return_inverse=True)
    last = np.full(len(pairs), np.iinfo(np.int64).min)
    np.maximum.at(last, inverse[len(booked) :], cancelled["at"])
    kept: Rows = booked[booked["at"] > last[inverse[: len(booked)]]]
    return kept


def _placed(rows: Rows, shown: Rows) -> Rows:
    """Rows with position and source as the same list showed the event, where it did; clients need not repeat them."""
    items, firsts = np.unique(_hashes(shown, *_ITEM), return_index=True)
    if not len(items):
        return rows
    wanted = _hashes(rows, *_ITEM)
    places = np.minimum(np.searchsorted(items, wanted), len(items) - 1)
    is_there = items[places] == wanted
    placed = rows.copy()
    for name in ("position", "source"):
        placed[name] = np.where(is_there, shown[name][firsts[places]], rows[name])
    return placed


def _accuracy(shown: Rows, taken: Rows) -> dict[str, Any]:
    """Accuracy of the lists that were shown, by what was taken of each."""
    items, firsts = np.unique(_hashes(shown, *_ITEM), return_index=True)
    lists, list_rows = np.unique(_hashes(shown[firsts], "user", "list"), return_inverse=True)
    positions = shown["position"][firsts].astype(np.int64)
    is_hit = np.isin(items, _hashes(taken, *_ITEM)) & (positions >= 0)
    hits = list_rows[is_hit]
    n_relevant = np.bincount(hits, minlength=len(lists))
    has_hits = n_relevant > 0
    if not has_hits.any():
        return {"lists": len(lists)}
    positions = positions[is_hit]
    grid = np.zeros((len(lists), CUT), np.bool_)
    is_near = positions < CUT
    grid[hits[is_near], positions[is_near]] = True
    first = np.full(len(lists), np.iinfo(np.int64).max)
    np.minimum.at(first, hits, positions)
    ndcg, _ = of_hits(grid[has_hits], n_relevant[has_hits])
    return {
        "lists": len(lists),
        "hit_lists": int(has_hits.sum()),
        "ndcg_at_10": float(ndcg.mean()),
        "reciprocal_rank": float((1 / (first[has_hits] + 1)).mean()),
    }


def _by_hour(rows: Rows) -> list[int]:
    firsts = np.unique(_hashes(rows, *_PAIR), return_index=True)[1]
    hours = rows["at"][firsts] // _HOUR_US % HOURS
    return [int(count) for count in np.bincount(hours, minlength=HOURS)]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _namer(names: Mapping[int, str] | None) -> Callable[[int], str]:
    known = names or {}
    return lambda code: known.get(code, f"{code:08x}") if code else "none"
