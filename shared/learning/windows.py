"""Splits a deployment's own past into what was known and what came next, for the blend to learn from."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from shared.feedback.interactions import InteractionTable

WINDOWS: Final = 8
FEWEST: Final = 2
SHARE: Final = 0.06
MAX_INTERACTIONS: Final = 1_200_000
_HELD_OUT: Final = 0.1


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time from `start_s` up to `until_s`, POSIX seconds."""

    start_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Split:
    """What was known at a moment and the hits that came next.

    Attributes
    ----------
    past : the interactions known at the window's start.
    later : hits inside the window.
    """

    past: InteractionTable
    later: InteractionTable
    window: Window


def windows_of(
    table: InteractionTable, now_s: float, *, max_interactions: int = MAX_INTERACTIONS
) -> tuple[Window, ...]:
    """The latest windows before `now_s`, oldest first, with `SHARE` of the hits each.

    Fewer than `WINDOWS`, but no fewer than `FEWEST`, where there are so many interactions that learning from all of
    them would take longer than learning the signals. None where all hits have the same time, or there are too few times
    to tell before from after.
    """
    count = int(np.clip(max_interactions // max(len(table), 1), FEWEST, WINDOWS))
    times = table.occurred_at[table.positive()]
    if not len(times):
        return ()
    cuts = [times[int(len(times) * (1 - SHARE * left))] for left in range(count, 0, -1)]
    edges = np.unique([*np.floor(cuts), now_s]).tolist()
    return tuple(Window(start, until) for start, until in pairwise(edges) if start > times[0])


def split(table: InteractionTable, window: Window) -> Split:
    """What was known before a window, and the hits inside."""
    inside = table.between(window.start_s, window.until_s)
    return Split(table.between(-np.inf, window.start_s), inside.where(inside.positive()), window)


def random_split(table: InteractionTable, now_s: float, rng: "np.random.Generator") -> Split | None:
    """A tenth of what users went to, held out at random; None without any hits."""
    pairs = table.user_rows.astype(np.int64) << 32 | table.event_rows
    hits = np.unique(pairs[table.positive()])
    if not len(hits):
        return None
    # Whatever else a user did with an event that is held out would give it away.
    is_held = np.isin(pairs, hits[rng.random(len(hits)) < _HELD_OUT]) & (table.event_rows >= 0)
    return Split(table.where(~is_held), table.where(is_held & table.positive()), Window(now_s, np.inf))
