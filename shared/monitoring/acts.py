"""Acts of a day by what they are, within the limits of accounts, and the figures of those of some lists."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import ranks_within_groups
from shared.entities import InteractionType
from shared.evaluation.metrics import of_hits
from shared.feedback.weights import CODES
from shared.monitoring.attribution import Rows

MAX_SHOWN: Final = 500
"""Events a day by which one account can move figures: hardly anybody looks at as many."""
MAX_TAKEN: Final = 20
"""Bookings a day, and events with stars, by which one account can move figures."""
CUT: Final = 10
"""Places of a list by which its accuracy is measured."""
HOURS: Final = 24

_HOUR_US: Final = 3_600_000_000
_MULTIPLIERS: Final = {
    "user": np.uint64(0x9E3779B97F4A7C15),
    "event": np.uint64(0xC2B2AE3D27D4EB4F),
    "list": np.uint64(0x165667B19E3779F9),
}
"""Odd multipliers by which hashes of several fields become one, those of xxHash."""
_NEVER: Final = np.iinfo(np.int64).min

Hashes = NDArray[np.uint64]
"""Hashes of some fields of rows: equal where all of them are, and otherwise different but for one pair in 2^64."""

Mask = NDArray[np.bool_]

SUMS: Final = np.dtype(
    [("subject", "u8"), ("impressions", "u4"), ("clicks", "u4"), ("bookings", "u4"), ("ratings", "u4"), ("stars", "f8")]
)
"""Sums of a user under a variant: numbers of acts as in `Figures`, and the sum of the stars."""

Sums = NDArray[Any]
"""Sums of n users, of dtype `SUMS` and shape (n,), in the order of the subject."""


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
    ratings : distinct pairs of a user and an event that the user gave stars, in a rating or a review, after a booking
        that is credited to one of the lists.
    stars : mean of their stars, 1..5; of a pair the latest hold, of a rating and a review sent together the rating's.
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


@dataclass(frozen=True, slots=True)
class Acts:
    """Acts of one sort of a day.

    Attributes
    ----------
    rows : rows of the n acts, in the order of time.
    pairs : int64 of shape (n,) – number of the user and event, the same in all sorts of acts of a day.
    items : int64 of shape (n,) – number of the user, list and event, as well.
    """

    rows: Rows
    pairs: NDArray[np.int64]
    items: NDArray[np.int64]

    def where(self, mask: Mask) -> "Acts":
        """Acts that a mask of shape (n,) keeps."""
        return Acts(self.rows[mask], self.pairs[mask], self.items[mask])

    def by_hour(self) -> list[int]:
        """Number of the pairs that came first in each of the 24 hours."""
        firsts = np.unique(self.pairs, return_index=True)[1]
        counts = np.bincount(self.rows["at"][firsts] // _HOUR_US % HOURS, minlength=HOURS)
        return [int(count) for count in counts]


@dataclass(frozen=True, slots=True)
class DayActs:
    """Acts of a day within the limits of accounts.

    Attributes
    ----------
    shown, clicked : impressions, and clicks on events that were shown to the user that day.
    booked : bookings that were not cancelled later that day, the organic ones included.
    rated : stars of pairs, of ratings and reviews after bookings that lists earned.
    left_out : rows beyond `MAX_SHOWN` and `MAX_TAKEN`.
    n_pairs, n_lists : number of pairs of a user and an event, and of lists of a user.
    positions : int64, by item – position at which the list showed the event, -1 where it did not, or is unknown.
    lists : int64, by item – number of the list of a user.
    """

    shown: Acts
    clicked: Acts
    booked: Acts
    rated: Rows
    left_out: int
    n_pairs: int
    n_lists: int
    positions: NDArray[np.int64]
    lists: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Rows) -> "DayActs":
        """Acts of the rows of a day, each act once, in the order of time."""
        impressions, clicks, bookings, cancellations = (rows[rows["type"] == CODES[kind]] for kind in _KINDS)
        ratings = _last_of_pairs(rows[np.isin(rows["type"], _STARRED)])
        bookings = _without_cancelled(bookings, cancellations)
        shown = _first_of_users(impressions, MAX_SHOWN)
        clicked = clicks[np.isin(_hashes(clicks, *_PAIR), _hashes(shown, *_PAIR))]
        booked, rated = _first_of_users(bookings, MAX_TAKEN), _first_of_users(ratings, MAX_TAKEN)
        every = np.concatenate([shown, clicked, booked])
        n_pairs, pairs = _numbers(every, *_PAIR)
        n_items, items = _numbers(every, *_ITEM)
        n_lists, lists_of_acts = _numbers(every, "user", "list")
        lists = np.zeros(n_items, np.int64)
        lists[items] = lists_of_acts
        every = _as_shown(every, items, len(shown))
        positions = np.full(n_items, -1, np.int64)
        positions[items[: len(shown)]] = every["position"][: len(shown)]
        acts, ends = Acts(every, pairs, items), np.cumsum([len(shown), len(clicked), len(booked)])
        place = np.arange(len(every))
        parts = [acts.where((place >= begin) & (place < end)) for begin, end in zip([0, *ends], ends, strict=False)]
        left_out = len(impressions) + len(bookings) + len(ratings) - len(shown) - len(booked) - len(rated)
        return cls(parts[0], parts[1], parts[2], rated, left_out, n_pairs, n_lists, positions, lists)

    def figures(self, chosen: Callable[[Rows], Mask] | None = None) -> Figures:
        """Figures of the acts that are credited to lists and chosen, by default all."""
        shown, clicked, booked = (
            acts.where(_credited(acts.rows, chosen)) for acts in (self.shown, self.clicked, self.booked)
        )
        rated = self.rated[_credited(self.rated, chosen)]
        is_shown = _mask(self.n_pairs, shown.pairs)
        n_shown, n_bookings = int(is_shown.sum()), int(_mask(self.n_pairs, booked.pairs).sum())
        n_clicks = int((_mask(self.n_pairs, clicked.pairs) & is_shown).sum())
        return Figures(
            impressions=n_shown,
            clicks=n_clicks,
            ctr=share(n_clicks, n_shown),
            bookings=n_bookings,
            conversion=share(n_bookings, n_shown),
            ratings=len(rated),
            stars=float(rated["stars"].astype(np.float64).mean()) if len(rated) else None,
            **self._accuracy(shown.items, np.concatenate([clicked.items, booked.items])),
        )

    def by_subject(self, variant: int) -> Sums:
        """Sums over the acts of each user that are credited to the lists of a variant, which `figures` adds up.

        Parameters
        ----------
        variant : hash of the variant in lists, see `provenance.named`.
        """

        def of_variant(rows: Rows) -> Mask:
            mask: Mask = (rows["variant"] == variant) & (rows["subject"] > 0)
            return mask

        shown, clicked, booked = (
            acts.where(_credited(acts.rows, of_variant)) for acts in (self.shown, self.clicked, self.booked)
        )
        rated = self.rated[_credited(self.rated, of_variant)]
        clicked = clicked.where(np.isin(clicked.pairs, shown.pairs))
        columns = [_by_pair(shown), _by_pair(clicked), _by_pair(booked), rated["subject"]]
        subjects, inverse = np.unique(np.concatenate(columns), return_inverse=True)
        sums = np.zeros(len(subjects), SUMS)
        sums["subject"] = subjects
        ends = np.cumsum([len(column) for column in columns])
        parts = np.split(inverse, ends[:-1])
        for name, part in zip(("impressions", "clicks", "bookings", "ratings"), parts, strict=True):
            sums[name] = np.bincount(part, minlength=len(subjects))
        sums["stars"] = np.bincount(parts[-1], weights=rated["stars"], minlength=len(subjects))
        return sums

    def by(self, code_of: Callable[[Rows], NDArray[np.integer]], name_of: Callable[[int], str]) -> dict[str, Figures]:
        """Figures by the values of a dimension that any act has."""
        every = np.concatenate([self.shown.rows, self.clicked.rows, self.booked.rows, self.rated])
        codes = np.unique(code_of(every[every["kind"] > 0])).tolist()
        return {name_of(code): self.figures(lambda rows, code=code: code_of(rows) == code) for code in codes}  # type: ignore[misc]  # mypy infers no lambda with a default

    def _accuracy(self, shown: NDArray[np.int64], taken: NDArray[np.int64]) -> dict[str, Any]:
        """Accuracy of the lists with the items `shown`, by the items that were `taken`."""
        n_items = len(self.positions)
        is_item = _mask(n_items, shown)
        is_hit = is_item & _mask(n_items, taken) & (self.positions >= 0)
        n_lists = int(_mask(self.n_lists, self.lists[is_item]).sum())
        if not is_hit.any():
            return {"lists": n_lists}
        _, lists = np.unique(self.lists[is_hit], return_inverse=True)
        positions, n_relevant = self.positions[is_hit], np.bincount(lists)
        grid = np.zeros((len(n_relevant), CUT), np.bool_)
        is_near = positions < CUT
        grid[lists[is_near], positions[is_near]] = True
        first = np.full(len(n_relevant), np.iinfo(np.int64).max)
        np.minimum.at(first, lists, positions)
        ndcg, _ = of_hits(grid, n_relevant)
        return {
            "lists": n_lists,
            "hit_lists": len(n_relevant),
            "ndcg_at_10": float(ndcg.mean()),
            "reciprocal_rank": float((1 / (first + 1)).mean()),
        }


_KINDS: Final = (
    InteractionType.IMPRESSION,
    InteractionType.CLICK,
    InteractionType.BOOKING,
    InteractionType.CANCEL,
)
_STARRED: Final = [CODES[kind] for kind in InteractionType if kind.meaning.has_stars]
_PAIR: Final = ("user", "event")
_ITEM: Final = ("user", "list", "event")


def _by_pair(acts: Acts) -> NDArray[np.uint64]:
    """Subject of each pair of a user and an event, once."""
    subjects: NDArray[np.uint64] = acts.rows["subject"][np.unique(acts.pairs, return_index=True)[1]]
    return subjects


def share(part: int, whole: int | None) -> float | None:
    """Share of a whole; None where that is nothing or unknown."""
    return part / whole if whole else None


def _credited(rows: Rows, chosen: Callable[[Rows], Mask] | None) -> Mask:
    mask: Mask = rows["kind"] > 0
    return mask & chosen(rows) if chosen else mask


def _mask(n: int, numbers: NDArray[np.int64]) -> Mask:
    mask = np.zeros(n, np.bool_)
    mask[numbers] = True
    return mask


def _hashes(rows: Rows, *names: str) -> Hashes:
    hashed = np.zeros(len(rows), np.uint64)
    for name in names:
        hashed += rows[name] * _MULTIPLIERS[name]
    return hashed


def _numbers(rows: Rows, *names: str) -> tuple[int, NDArray[np.int64]]:
    """Number of distinct values of some fields, and the number of that of each row."""
    values, numbers = np.unique(_hashes(rows, *names), return_inverse=True)
    return len(values), numbers


def _first_of_users(rows: Rows, limit: int) -> Rows:
    """Rows of the first `limit` events of each user, in the order of the rows, which is that of time."""
    _, firsts, inverse = np.unique(_hashes(rows, *_PAIR), return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    ranks = np.empty(len(firsts), np.int64)
    ranks[order] = ranks_within_groups(rows["user"][firsts[order]])
    kept: Rows = rows[ranks[inverse] < limit]
    return kept


def _last_of_pairs(rows: Rows) -> Rows:
    """Latest stars of each user and event; those of a rating where a review was recorded at the same time."""
    rows = rows[np.lexsort((rows["key"], rows["type"] == CODES[InteractionType.RATING], rows["at"]))]
    _, lasts = np.unique(_hashes(rows, *_PAIR)[::-1], return_index=True)
    kept: Rows = rows[np.sort(len(rows) - 1 - lasts)]
    return kept


def _without_cancelled(booked: Rows, cancelled: Rows) -> Rows:
    """Bookings that no later cancellation of the day reverts."""
    n_pairs, pairs = _numbers(np.concatenate([booked, cancelled]), *_PAIR)
    last = np.full(n_pairs, _NEVER)
    np.maximum.at(last, pairs[len(booked) :], cancelled["at"])
    kept: Rows = booked[booked["at"] > last[pairs[: len(booked)]]]
    return kept


def _as_shown(rows: Rows, items: NDArray[np.int64], n_shown: int) -> Rows:
    """Rows with position and source as the list first showed the event, where it did; clients need not repeat them.

    The first `n_shown` rows are the impressions.
    """
    first = np.full(int(items.max(initial=-1)) + 1, -1, np.int64)
    # Backwards, so that the first one stays.
    first[items[:n_shown][::-1]] = np.arange(n_shown)[::-1]
    origin = np.where(first[items] >= 0, first[items], np.arange(len(rows)))
    placed = rows.copy()
    for name in ("position", "source"):
        placed[name] = rows[name][origin]
    return placed
