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

from shared.entities.provenance import SOURCES, ListKind, Segment
from shared.monitoring.acts import DayActs, Figures, share
from shared.monitoring.attribution import Rows

_SEGMENT: Final = 0b111
"""Bits of the flags of a row that are the segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackFigures:
    """Feedback figures of a UTC day.

    Attributes
    ----------
    total : figures of all lists.
    organic_bookings : bookings that are credited to no list.
    recommended_share : share of all bookings that lists earned; None without bookings.
    events_shown : distinct events that were shown.
    coverage : `events_shown` / the number of events that could be shown, 0..1; None where that is unknown.
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
    live_events : greatest number of events that could be shown at a time, None where it is unknown. More may have been
        shown, since some end in the day and others are announced.
    """
    acts = DayActs.of(rows)
    shown, total = acts.shown, acts.figures()
    _, firsts = np.unique(shown.pairs, return_index=True)
    exposure = np.unique(shown.rows["event"][firsts], return_counts=True)[1]
    is_cold = (shown.rows["flags"] & _SEGMENT) != Segment.WARM
    could_be_shown = max(live_events or 0, len(exposure))
    organic = int((acts.booked.rows["kind"] == 0).sum())
    return FeedbackFigures(
        day=day,
        total=total,
        organic_bookings=organic,
        recommended_share=share(total.bookings, total.bookings + organic),
        events_shown=len(exposure),
        coverage=share(len(exposure), could_be_shown if live_events else None),
        gini=gini(exposure, could_be_shown) if len(exposure) else None,
        cold_start_share=share(int(np.bincount(shown.pairs[is_cold]).astype(np.bool_).sum()), total.impressions),
        left_out=acts.left_out,
        by={
            "list": acts.by(lambda each: each["kind"], lambda code: ListKind(code).label),
            "source": acts.by(lambda each: each["source"], lambda code: SOURCES[code] or "unknown"),
            "model": acts.by(lambda each: each["model"], _namer(model_names)),
            "segment": acts.by(lambda each: each["flags"] & _SEGMENT, lambda code: Segment(code).label),
            "variant": acts.by(lambda each: each["variant"], _namer(variant_names)),
        },
        hours={
            "impressions": shown.by_hour(),
            "clicks": acts.clicked.by_hour(),
            "bookings": acts.booked.where(acts.booked.rows["kind"] > 0).by_hour(),
        },
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


def _namer(names: Mapping[int, str] | None) -> Callable[[int], str]:
    known = names or {}
    return lambda code: known.get(code, f"{code:08x}") if code else "none"
