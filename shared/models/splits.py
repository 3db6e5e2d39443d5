"""Splits a deployment's own past into what was known and what came next, for the blend to learn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np

from shared.models.interactions import InteractionTable

WINDOWS: Final = 8
SHARE: Final = 0.06
MAX_INTERACTIONS: Final = 1_200_000
_HELD_OUT: Final = 0.1


@dataclass(frozen=True, slots=True)
class Split:
    """What was known at a moment and the hits that came next.

    Attributes
    ----------
    past : the interactions known at `now_s`.
    later : hits between `now_s` and `until_s`, POSIX seconds.
    """

    past: InteractionTable
    later: InteractionTable
    now_s: float
    until_s: float


def splits(
    table: InteractionTable, now_s: float, rng: "np.random.Generator", *, max_interactions: int = MAX_INTERACTIONS
) -> Iterator[Split]:
    """The latest windows before `now_s`, oldest first, with `SHARE` of the hits each.

    Fewer than `WINDOWS` where there are so many interactions that learning from all of them would take longer than
    learning the signals. Where all hits have the same time, or there
    are too few times to tell before from after, a tenth of what users went to is held out at random.
    """
    count = int(np.clip(max_interactions // max(len(table), 1), 1, WINDOWS))
    hits = table.where(table.positive())
    if not len(hits):
        return
    cuts = [hits.occurred_at[int(len(hits) * (1 - SHARE * left))] for left in range(count, 0, -1)]
    edges = np.unique([*np.floor(cuts), now_s])
    windows = [(float(start), float(end)) for start, end in pairwise(edges) if start > hits.occurred_at[0]]
    for start, end in windows:
        later = hits.where((hits.occurred_at >= start) & (hits.occurred_at < end))
        yield Split(table.before(datetime.fromtimestamp(start, UTC)), later, start, end)
    if not windows:
        yield _random_split(table, now_s, rng)


def _random_split(table: InteractionTable, now_s: float, rng: "np.random.Generator") -> Split:
    pairs = table.user_rows.astype(np.int64) << 32 | table.event_rows
    hits = np.unique(pairs[table.positive()])
    # Whatever else a user did with an event that is held out would give it away.
    is_held = np.isin(pairs, hits[rng.random(len(hits)) < _HELD_OUT]) & (table.event_rows >= 0)
    return Split(table.where(~is_held), table.where(is_held & table.positive()), now_s, np.inf)
