"""Nearest events among very many: those that share a rare name or value with an event, for exact similarity to rank."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.ranking.rerank import Cap, best_within
from shared.ranking.similarity import sharing
from shared.signals.candidates import Candidates

FROM: Final = 500_000
"""Candidates from which `nearest` leaves any out: with fewer, the exact similarity of all takes little longer."""

POOL: Final = 1_000
"""Candidates that are kept for the exact similarity."""

_FEW: Final = 5_000
"""Candidates, at most, that are all kept where the event shares enough with too few of them."""

_SPARE: Final = 3
"""Events of a group that are kept beyond its cap, since the exact similarity may prefer others of the group."""


def nearest(
    candidates: Candidates,
    row: int,
    allowed: Callable[[Candidates], NDArray[np.bool_]],
    *,
    caps: Mapping[str, int | None],
    size: int = POOL,
) -> Candidates:
    """Candidates that are likely the most similar ones to an event, in the order of all; all of them below `FROM`.

    They are the best of those that `sharing` finds: what frequent words and values, and the meanings of texts, add
    changes little of the order. Where it finds fewer than `size` that may be listed, such as under a narrow filter,
    they are all that may be listed, or just all. (Turtle, Flood: "Query evaluation: strategies and optimizations",
    1995.)

    Parameters
    ----------
    row : row of the event in the candidates' catalog.
    allowed : gives the mask of those of some candidates that may be listed.
    caps : greatest number of events with the same value by field, None for no limit.
    size : number of candidates to find.
    """
    if len(candidates) < FROM:
        return candidates
    columns, scores = sharing(candidates, row)
    if len(columns) >= size:
        found = candidates.part(columns)
        loose = [Cap(found.static.codes[field], cap + _SPARE) for field, cap in caps.items() if cap is not None]
        kept = best_within(scores, allowed(found), size, loose)
        if len(kept) == size:
            return found.part(np.sort(kept))
    may_be_listed = np.flatnonzero(allowed(candidates))
    return candidates.part(may_be_listed) if len(may_be_listed) <= _FEW else candidates
