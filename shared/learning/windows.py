"""Time windows: temporal splits of past interactions into history and positives, for learning to rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np

from shared.feedback.interactions import InteractionTable

MAX_WINDOWS: Final = 8
"""Upper limit of the number of windows; four instead of eight cost 1.5 % of NDCG."""
MIN_WINDOWS: Final = 2
"""Lower limit of the number of windows: model selection learns from the earlier one and holds out the later one."""
HIT_SHARE: Final = 0.06
"""Share of all hits in each window: eight windows cover the latest half of the hits."""
MAX_INTERACTIONS: Final = 1_200_000
"""Upper limit of interactions × windows, beyond `MIN_WINDOWS`: bounds training time, since each window fits signals."""
_SELECTION_SHARE: Final = 3 / 8
"""Share of the windows, the latest ones, that model selection holds out: three of eight."""
_HOLDOUT_SHARE: Final = 0.1
"""Share of hits in the random split."""


@dataclass(frozen=True, slots=True)
class Window:
    """Window of time from `start_s` (included) to `until_s` (excluded), POSIX seconds."""

    start_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Split:
    """Temporal split: interactions that are known at a window's start, and the positives inside the window.

    Attributes
    ----------
    past : interactions known at the window's start.
    positives : hits inside the window.
    window : the window.
    """

    past: InteractionTable
    positives: InteractionTable
    window: Window


def windows_of(
    table: InteractionTable, now_s: float, *, max_interactions: int = MAX_INTERACTIONS
) -> tuple[Window, ...]:
    """Consecutive windows up to `now_s`, oldest first, with `HIT_SHARE` of the hits each.

    Their number is `max_interactions` / n for n interactions, between `MIN_WINDOWS` and `MAX_WINDOWS`. Empty if all
    hits have the same time, or too few distinct times to separate a window from its past.
    """
    count = int(np.clip(max_interactions // max(len(table), 1), MIN_WINDOWS, MAX_WINDOWS))
    times = table.occurred_at[table.is_hit()]
    if not len(times):
        return ()
    cuts = [times[int(len(times) * (1 - HIT_SHARE * left))] for left in range(count, 0, -1)]
    edges = np.unique([*np.floor(cuts), now_s]).tolist()
    return tuple(Window(start, until) for start, until in pairwise(edges) if start > times[0])


def selection_cutoff(windows: Sequence[Window]) -> datetime | None:
    """Cutoff of model selection, start of the windows that it holds out, UTC; None if there is no earlier window."""
    count = max(1, int(len(windows) * _SELECTION_SHARE))
    return datetime.fromtimestamp(windows[-count].start_s, UTC) if len(windows) > count else None


def split(table: InteractionTable, window: Window) -> Split:
    """Temporal split at a window: all interactions before it, and the hits inside."""
    inside = table.between(window.start_s, window.until_s)
    return Split(table.as_of(window.start_s), inside.where(inside.is_hit()), window)


def random_split(table: InteractionTable, now_s: float, rng: "np.random.Generator") -> Split | None:
    """Random split: `_HOLDOUT_SHARE` of the user-event pairs with a hit become positives; None without any hits.

    All interactions of these pairs are taken out of the past. The window is from `now_s` on.
    """
    pairs = table.user_rows.astype(np.int64) << 32 | table.event_rows
    hits = np.unique(pairs[table.is_hit()])
    if not len(hits):
        return None
    # Other interactions of a pair, such as views, would leak the positive into the past.
    is_holdout = np.isin(pairs, hits[rng.random(len(hits)) < _HOLDOUT_SHARE]) & (table.event_rows >= 0)
    return Split(table.where(~is_holdout), table.where(is_holdout & table.is_hit()), Window(now_s, np.inf))
