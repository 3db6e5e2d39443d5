"""Shortlist: the part of many live events from which one list is made, by estimated scores (two-stage retrieval).

The first stage estimates the scores of all events from what is summed by inverted lists, the second scores the best of
them exactly. Conditions of the list apply between the two, so that a filtered list is as good as any.
(Covington, Adams, Sargin: "Deep neural networks for YouTube recommendations", RecSys 2016, candidate generation and
ranking.)
"""

from collections.abc import Callable, Hashable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import distinct
from shared.entities import Rules
from shared.models.scorer import Stages
from shared.ranking.exploration import MAX_POOL, Exploration
from shared.ranking.filters import Filters
from shared.ranking.lists import boosts, build_list, may_show, pinned, shown_before
from shared.ranking.query import ListQuery, RankedList, Viewer
from shared.signals.candidates import Candidates

STAGED_FROM: Final = 200_000
"""Live events from which lists are made in two stages: with half as many, to score all takes as long."""
LENGTH: Final = 2_000
"""Events of a shortlist that the first stage chooses: 1,000 hold 99.7 % of the exact top ten of a million."""
FILTERED: Final = 8
"""Factor of the length for filtered lists: what a user has no taste in differs by vectors and by common words, of which
an estimate has little.

With a million live events, the best-estimated 2,000 of a category hold 90 % of its exact top ten, and 16,000 hold 97 %.
"""
REFINED: Final = 8
"""Factor of the length of a filtered list's shortlist for the best-estimated events from which it is chosen by all that
inverted lists have of them: then its 16,000 hold all of the exact top ten, at a sixth of the time of exact scores.
"""
LEAST_KNOWN: Final = 100 * MAX_POOL
"""Events with the least feedback from which exploration draws those that meet the conditions of a list."""
_SAMPLE: Final = 10_000
"""Estimates, evenly spread, from which the threshold of the best ones is read."""
_WIDER: Final = 8
"""Factor by which more events are tried where too few of the best estimated ones meet the conditions."""

Allowed = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""Function that gives the mask of the columns, int64 of shape (k,), of candidates that may be listed."""


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Shortlist of n candidates, with exact scores.

    Attributes
    ----------
    candidates : those of the shortlist, in the order of the rows.
    scores : float32 of shape (n,).
    spread : standard deviation of the scores of all candidates, of a sample of them.
    is_complete : whether it holds all that may be listed.
    """

    candidates: Candidates
    scores: NDArray[np.float32]
    spread: float
    is_complete: bool


def shortlisted(
    stages: Stages,
    candidates: Candidates,
    allowed: Allowed,
    *,
    boosts: NDArray[np.floating] | None = None,
    others: Sequence[NDArray[np.int64]] = (),
    length: int = LENGTH,
    refined: int = 0,
) -> Shortlist:
    """Shortlist of the best-estimated candidates among those allowed, and of others.

    Parameters
    ----------
    boosts : float of shape (c,) – what is added to scores, in their standard deviations; None for nothing.
    others : columns of candidates that a list needs besides, whether they are allowed or not.
    length : number of the best-estimated ones.
    refined : number of those among which these are chosen by better estimates, where it is larger.
    """
    estimates, spread = stages.estimates, 1.0
    listed_at = stages.listed_at
    if boosts is not None:
        spread = float(stages.at(np.arange(0, len(candidates), _stride(len(candidates), length))).std())
        added = boosts.astype(np.float32) * np.float32(spread)
        estimates = estimates + added

        def listed_at(columns: NDArray[np.int64]) -> NDArray[np.float32]:
            return stages.listed_at(columns) + added[columns]

    best = best_allowed(estimates, allowed, max(length, refined))
    is_complete = len(best) < length
    if len(best) > length:
        best = best[_greatest_of(listed_at(best), length)]
    columns = distinct(best, *others)
    return Shortlist(candidates.part(columns), stages.at(columns), spread, is_complete)


def best_allowed(estimates: NDArray[np.float32], allowed: Allowed, length: int) -> NDArray[np.int64]:
    """Columns of the `length` greatest of c estimates among those allowed, int64; all allowed where these are fewer."""
    reach = 4 * length
    while True:
        pool = _greatest(estimates, reach)
        kept = pool[allowed(pool)]
        if len(kept) >= length or len(pool) == len(estimates):
            break
        reach *= _WIDER
    if len(kept) > length:
        kept = kept[_greatest_of(estimates[kept], length)]
    return kept


def _greatest_of(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Positions of the `count` greatest of more values, int64, in any order."""
    return np.argpartition(-values, count)[:count]


def _greatest(estimates: NDArray[np.float32], reach: int) -> NDArray[np.int64]:
    """Columns of the greatest estimates, int64, ascending: about `reach` of them, all from half of them on."""
    if 2 * reach >= len(estimates):
        return np.arange(len(estimates))
    sample = estimates[:: _stride(len(estimates), _SAMPLE)]
    rank = len(sample) - 1 - reach * len(sample) // len(estimates)
    return np.flatnonzero(estimates >= np.partition(sample, rank)[rank])


def _stride(size: int, sample: int) -> int:
    return max(size // sample, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Request for a ranked list: the arguments of `lists.build_list` and `lists.may_show`.

    Attributes
    ----------
    rules : rules whose blocks apply.
    placements : rules whose pins, boosts and cap by organizer apply.
    """

    viewer: Viewer
    query: ListQuery
    rules: Rules
    placements: Rules
    now: datetime
    exploration: Exploration | None = None

    def permits(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Mask of the candidates that may be listed, on this page or one before, bool of shape (c,)."""
        allowed = may_show(candidates.catalog, candidates.rows, self.viewer, self.rules, self.now)
        allowed &= self.query.filters.allowed(candidates, self.now)
        return allowed

    def conditions(self, candidates: Candidates) -> NDArray[np.bool_]:
        """Mask of the candidates that may be listed and were not on a page before, bool of shape (c,)."""
        allowed = self.permits(candidates)
        allowed[shown_before(candidates, self.query)] = False
        return allowed

    def allowed(self, candidates: Candidates) -> Allowed:
        """Mask of the candidates that meet the conditions, by column.

        Filters are computed for all, from days and places that are kept for later lists; what else there is, of the
        columns in question.
        """
        if not self.is_filtered():
            return lambda columns: self.conditions(candidates.part(columns))
        mask = self.conditions(candidates)
        return lambda columns: mask[columns]

    def list_of(
        self, candidates: Candidates, scores: NDArray[np.floating], *, spread: float | None = None
    ) -> RankedList:
        """Ranked list of the best of c candidates with these scores, float of shape (c,)."""
        allowed = may_show(candidates.catalog, candidates.rows, self.viewer, self.rules, self.now)
        return build_list(
            candidates,
            scores,
            allowed,
            self.query,
            rules=self.placements,
            now=self.now,
            exploration=self.exploration,
            spread=spread,
        )

    def explores(self) -> bool:
        """Whether slots may be explored."""
        return self.exploration is not None and self.exploration.share > 0

    def is_filtered(self) -> bool:
        """Whether the list has conditions besides events that are left out one by one."""
        return replace(self.query.filters, exclude=()) != Filters()

    def key(self) -> Hashable:
        """Cache key of a shortlist of one profile."""
        return self.query.filters, self.query.cursor, self.rules, self.placements, self.explores()


def ranked(
    wanted: Wanted,
    candidates: Candidates,
    stages: Callable[[], Stages],
    least_known: Callable[[], NDArray[np.int64]],
    known: MutableMapping[Hashable, Shortlist],
    *,
    length: int = LENGTH,
) -> RankedList:
    """Ranked list in two stages, from a shortlist that is made longer where it gives too few events within the caps.

    Parameters
    ----------
    stages : gives the scores of the viewer.
    least_known : gives columns of candidates with little feedback, the least known first, see `LEAST_KNOWN`.
    known : cache of shortlists, which long ones do not enter.
    length : number of events that the first stage chooses at first, without filters.
    """
    key = wanted.key()
    length *= FILTERED if wanted.is_filtered() else 1
    refined = length * REFINED if wanted.is_filtered() else 0
    shortlist = known.get(key) or _shortlist(wanted, candidates, stages(), least_known, length, refined)
    while True:
        if len(shortlist.scores) <= 2 * LENGTH:
            known[key] = shortlist
        found = wanted.list_of(shortlist.candidates, shortlist.scores, spread=shortlist.spread)
        if shortlist.is_complete or len(found.rows) >= wanted.query.k:
            return found
        shortlist = _shortlist(wanted, candidates, stages(), least_known, len(shortlist.scores) * _WIDER, refined)


def _shortlist(
    wanted: Wanted,
    candidates: Candidates,
    stages: Stages,
    least_known: Callable[[], NDArray[np.int64]],
    length: int,
    refined: int,
) -> Shortlist:
    allowed = wanted.allowed(candidates)
    others = [pinned(candidates, wanted.placements, wanted.now), shown_before(candidates, wanted.query)]
    if wanted.explores():
        columns = least_known()
        others.append(columns[allowed(columns)][:MAX_POOL])
    strengths = boosts(candidates, wanted.placements, wanted.now)
    return shortlisted(stages, candidates, allowed, boosts=strengths, others=others, length=length, refined=refined)
