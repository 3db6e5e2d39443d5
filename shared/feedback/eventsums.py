"""Sums over all interactions by event, in integers, which every engine that reads the ledger adds up alike.

Popularity is that of `popularity.py`, quantised: floating-point powers differ between engines in the last digit, and
floating-point sums depend on their order. An interaction weighs thousandths, and decay grows by whole minutes, by a
table of one half-life in units of 2^-20. An event has a sum for each half-life since 1970. So each engine multiplies
and adds integers, and only `EventSums.popularity` rounds. A minute is 1/20,160 of a half-life, and its middle stands
for all of it, so popularity differs from that of `popularity.py` by less than 0.002 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.entities.interaction import MAX_STARS
from shared.feedback.interactions import InteractionColumns
from shared.feedback.popularity import HALF_LIFE_DAYS, growth, raw_weights
from shared.feedback.trends import WINDOWS, Popularity
from shared.feedback.weights import HAS_STARS, NEUTRAL_STARS, STARS_TO_WEIGHT, TYPES

US: Final = 1_000_000
"""Microseconds of a second: the ledger's times have them, and engines compare them as integers."""

MINUTE_US: Final = 60 * US
DAY_US: Final = 86_400 * US

MINUTES: Final = round(HALF_LIFE_DAYS * 24 * 60)
"""Minutes of a half-life."""

WEIGHT: Final = 1_000
"""Units of a weight of 1: the weights of all types, and of whole stars, are thousandths."""

GROWTH: Final = 2**20
"""Units of a growth of 1. A sum holds 4 · 10^9 interactions of an event in a half-life before 64 bits overflow."""

QUANTISATION: Final = 2e-5
"""Bound of the relative difference between quantised popularity and that of `popularity.py`."""

RECENT_DAYS: Final = 28
"""Days before now of which the interactions of each event are counted, those that drift detection compares."""


@cache
def growth_units() -> NDArray[np.int64]:
    """Growth within a half-life by minute, int64 of shape (`MINUTES`,) in units of 1/`GROWTH`."""
    middles = (np.arange(MINUTES) + 0.5) / MINUTES
    units: NDArray[np.int64] = np.rint(np.exp2(middles) * GROWTH).astype(np.int64)
    return units


@cache
def weight_units() -> NDArray[np.int64]:
    """Popularity weight of each interaction type without stars, int64 of shape (len(TYPES),) in units of 1/`WEIGHT`."""
    codes = np.arange(len(TYPES), dtype=np.int8)
    return np.rint(raw_weights(codes, np.full(len(codes), np.nan, np.float32)) * WEIGHT).astype(np.int64)


def weights(codes: NDArray[np.int8], values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Popularity weights of interactions, int64 of shape (n,) in units of 1/`WEIGHT`, at least 0."""
    units = weight_units()[codes]
    rated = np.flatnonzero(HAS_STARS[codes])
    rated = rated[(values[rated] >= 1) & (values[rated] <= MAX_STARS)]
    # Exact until the floor, also for stars that are no whole number.
    stars = (values[rated].astype(np.float64) - NEUTRAL_STARS) * (STARS_TO_WEIGHT * WEIGHT)
    units[rated] = np.maximum(np.floor(stars + 0.5), 0).astype(np.int64)
    return units


def microseconds(posix_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Microseconds since 1970 of POSIX seconds, int64 of the same shape; exact for times of the ledger."""
    return np.rint(posix_s * US).astype(np.int64)


def microsecond(moment: datetime) -> int:
    """Microseconds since 1970 of a time."""
    return round(moment.timestamp() * US)


def measures(moments: Sequence[datetime]) -> list[str]:
    """Columns of the sums beside the event and the half-life, in their order.

    For each moment, units that hold then: all (`held_0`, `held_1` …), and those up to the beginning of each trend
    window; and the number of interactions that hold. Then `recent`, the number in the latest `RECENT_DAYS`.
    """
    names = [f"{name}_{number}" for number in range(len(moments)) for name in ("held", *WINDOWS, "count")]
    return [*names, "recent"]


def sums_of(
    columns: InteractionColumns, moments: Sequence[datetime], now: datetime
) -> tuple[NDArray[np.bytes_], NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Sums of interactions that models learn from, by event and half-life, ascending.

    Returns
    -------
    event_ids : bytes of shape (m,).
    half_lives : int64 of shape (m,) – half-lives from 1970 to the interactions.
    sums : int64 of shape (m,) by name, see `measures`.
    """
    order = columns.order()
    until = columns.until(order)
    has_event = columns.event_rows[order] >= 0
    order, until = order[has_event], until[has_event]
    at = microseconds(columns.occurred_at[order])
    until_us = np.full(len(until), np.iinfo(np.int64).max)
    until_us[np.isfinite(until)] = microseconds(until[np.isfinite(until)])
    half_lives, minutes = np.divmod(at // MINUTE_US, MINUTES)
    units = weights(columns.codes[order], columns.values[order]) * growth_units()[minutes]
    size = int(half_lives.max(initial=0)) + 1
    keys = columns.event_rows[order].astype(np.int64) * size + half_lives
    by_key = np.argsort(keys, kind="stable")
    distinct, begins = np.unique(keys[by_key], return_index=True)
    at, until_us, units = at[by_key], until_us[by_key], units[by_key]

    def total(values: NDArray[Any]) -> NDArray[np.int64]:
        return np.add.reduceat(values.astype(np.int64), begins) if len(begins) else np.empty(0, np.int64)

    found: list[NDArray[np.int64]] = []
    for moment in moments:
        moment_us = microsecond(moment)
        holds = (at < moment_us) & (until_us >= moment_us)
        held = np.where(holds, units, 0)
        befores = [np.where(at <= moment_us - round(days * DAY_US), held, 0) for days in WINDOWS.values()]
        found += [total(held), *map(total, befores), total(holds)]
    found.append(total(at >= microsecond(now) - RECENT_DAYS * DAY_US))
    return columns.events.keys[distinct // size], distinct % size, dict(zip(measures(moments), found, strict=True))


@dataclass(frozen=True, slots=True)
class EventSums:
    """Sums over all interactions, m rows of an event and a half-life each, ascending by both.

    Attributes
    ----------
    events : vocabulary of the events.
    event_rows : int64 of shape (m,) – rows of `events`.
    half_lives : int64 of shape (m,) – half-lives from 1970 to the interactions.
    moments : times as of which sums are known, UTC.
    sums : int64 of shape (m,) by name, see `measures`.
    """

    events: Vocabulary
    event_rows: NDArray[np.int64]
    half_lives: NDArray[np.int64]
    moments: Sequence[datetime]
    sums: dict[str, NDArray[np.int64]]

    def popularity(self, moment: datetime, events: Vocabulary) -> Popularity:
        """Popularity of each of `events` as of one of the `moments`; `ValueError` for another time."""
        scale = growth(self.half_lives.astype(np.float64) * (HALF_LIFE_DAYS * DAY_US / US)) / (WEIGHT * GROWTH)

        def of(name: str) -> NDArray[np.float64]:
            return self._by_event(self._as_of(name, moment) * scale, events)

        return Popularity(of("held"), np.stack([of(name) for name in WINDOWS]))

    def is_known(self, moment: datetime, events: Vocabulary) -> NDArray[np.bool_]:
        """Mask of those of `events` with any interaction that holds at one of the `moments`."""
        return self._by_event(self._as_of("count", moment), events) > 0

    def recent(self, events: Vocabulary) -> NDArray[np.int64]:
        """Number of interactions with each of `events` in the latest `RECENT_DAYS`, int64 of shape (len(events),)."""
        return self._by_event(self.sums["recent"], events).astype(np.int64)

    def _as_of(self, name: str, moment: datetime) -> NDArray[np.int64]:
        return self.sums[f"{name}_{self.moments.index(moment)}"]

    def _by_event(self, values: NDArray[Any], events: Vocabulary) -> NDArray[np.float64]:
        # Rows are ascending, so engines that give the same integers give the same floating-point sums.
        own = np.bincount(self.event_rows, weights=values, minlength=len(self.events))
        rows = self.events.rows_of_keys(events.keys)
        return np.append(own, 0.0)[rows]
