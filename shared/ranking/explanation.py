"""Explanations of recommendations: the history entry or profile attribute that contributes most to an event's score.

Contributions are measured by leaving out: the score is computed again without each entry and without each attribute,
and the largest loss names the reason.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.history import Histories
from shared.feedback.weights import TYPES
from shared.models.scorer import Scorer
from shared.ranking.filters import distance_km
from shared.ranking.query import Viewer
from shared.ranking.reasons import Reason, because, following, plain, starting
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

Explanation = tuple[str | None, tuple[Reason, ...]]
"""Explanation of a listed event: its source, None where none was requested, and its reasons."""
Cause = tuple[str | None, Reason | None]
"""Source and reason of the largest personal contribution to an event's score; None where there is none."""
Causes = MutableMapping[int, Cause]
"""Cached causes by event row."""

_MIN_LOSS: Final = 1e-6
"""Loss of score up to which leaving out an entry or an attribute counts as no change."""
_FEW_VARIANTS: Final = 32
"""Variants of a history up to which scoring them takes less than scoring twice: some 0.15 ms each, beside 5 ms."""
_NEAR_KM: Final = 10.0
"""Distance, km, up to which a popular event is called near."""


def explain(scorer: Scorer, viewer: Viewer, listed: Candidates, causes: Causes, now: datetime) -> list[Explanation]:
    """Source and reasons of each of a user's listed events.

    The reason is the history entry or profile attribute without which the score would fall most. An entry about the
    event itself is none: where there is no other reason, the event is explained as if it were not there, and has a
    source alone if nothing is left. Where no entry or attribute raises the score, the source is `popularity` or, for
    events without popularity, `soonest`.

    Parameters
    ----------
    listed : the l listed events.
    causes : cache by event row; events in it are not explained again, and the causes of others are added to it.
    """
    catalog, rows = listed.catalog, listed.rows
    new = [column for column, row in enumerate(rows.tolist()) if row not in causes]
    if new:
        unexplained = Candidates(catalog, rows[new], listed.now_s, listed.popularity[new])
        causes.update(zip(unexplained.rows.tolist(), _causes(scorer, viewer.histories, unexplained), strict=True))
    known = [causes[row] for row in rows.tolist()]
    home = viewer.profile.user.location
    # Most events of a user with a place have a cause, and the distances of all cost more than asking first.
    if home and any(source is None for source, _ in known):
        near = (distance_km(listed, home) <= _NEAR_KM).tolist()
    else:
        near = [False] * len(rows)
    explanations: list[Explanation] = []
    days = catalog.days_ahead(rows, now).tolist()
    for (source, cause), popularity, is_near, ahead in zip(known, listed.popularity.tolist(), near, days, strict=True):
        if source is None:
            is_popular = popularity > 0
            cause = plain("popular_near" if is_near else "popular") if is_popular else None
            source = "popularity" if is_popular else "soonest"
        given = (cause, starting(ahead))
        explanations.append((source, tuple(reason for reason in given if reason)))
    return explanations


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Scores of l events for one user, and what is lost of them without each of v entries and attributes.

    Attributes
    ----------
    entries : int64 of shape (e,) – history entries that were left out, the first e of the v.
    declared : codes of reasons of the v - e attributes that were left out.
    sources : source of the largest part of each event's score.
    scores, losses : float32 of shapes (l,) and (v, l).
    """

    histories: Histories
    entries: NDArray[np.int64]
    declared: Sequence[str]
    sources: Sequence[str]
    scores: NDArray[np.float32]
    losses: NDArray[np.float32]

    def is_raised(self, column: int) -> bool:
        """Whether some entry or attribute raises the score of an event."""
        return bool(self.scores[column] > 0 and (self.losses[:, column] > _MIN_LOSS).any())

    def cause(self, column: int, listed: Candidates) -> Cause:
        """Cause of a listed event, (None, None) without any; an entry about the event itself is none."""
        losses = self.losses[:, column].copy()
        losses[: len(self.entries)][self.histories.event_rows[self.entries] == listed.rows[column]] = -np.inf
        largest = int(losses.argmax()) if len(losses) else -1
        if largest < 0 or self.scores[column] <= 0 or losses[largest] <= _MIN_LOSS:
            return None, None
        if largest < len(self.entries):
            return self.sources[column], _because(self.histories, int(self.entries[largest]), listed.catalog)
        return self.sources[column], plain(self.declared[largest - len(self.entries)])


def _causes(scorer: Scorer, histories: Histories, listed: Candidates) -> list[Cause]:
    """Cause of each listed event for one user, (None, None) where no entry or attribute raises its score."""
    # An event that was looked at or saved may be listed again; that is no reason to like it.
    entries = histories.explainable()
    is_own = histories.event_rows[entries][:, None] == listed.rows
    own = np.flatnonzero(is_own.any(axis=0)).tolist()

    def without_own(columns: Sequence[int]) -> list[Histories]:
        return [histories.without(entries[is_own[:, column]]) for column in columns]

    # Without its own entries, others of its kind may be missed that these have stood in for. Where these are few, they
    # are scored with the rest before it is known whether they are needed, since a second scoring takes longer.
    apart = own if len(own) * len(entries) <= _FEW_VARIANTS else []
    everything, *rests = _left_out(scorer, [histories, *without_own(apart)], listed)
    causes = [everything.cause(column, listed) for column in range(len(listed))]
    hidden = [column for column in own if causes[column] == (None, None) and everything.is_raised(column)]
    if hidden and not apart:
        apart, rests = hidden, _left_out(scorer, without_own(hidden), listed)
    by_column = dict(zip(apart, rests, strict=True))
    for column in hidden:
        source, cause = by_column[column].cause(column, listed)
        causes[column] = source or everything.sources[column], cause
    return causes


def _left_out(scorer: Scorer, several: Sequence[Histories], listed: Candidates) -> list[_LeftOut]:
    """Losses of the listed events for each of several histories of a single user, all scored at once."""
    user = several[0].users[0]
    attributes = {
        "matches_interests": replace(user, preferred_tags=(), preferred_categories=()),
        "friend_goes": replace(user, friends=()) if several[0].going is not None else user,
        "near": replace(user, location=None),
    }
    attributes = {code: variant for code, variant in attributes.items() if variant != user}
    entries = [histories.explainable() for histories in several]
    variants = [
        histories.without_each(each, tuple(attributes.values()))
        for histories, each in zip(several, entries, strict=True)
    ]
    ends = np.cumsum([len(each) for each in variants])
    by_source: Mapping[str, NDArray[np.float32]] = {}
    if ends[-1] > len(several):
        by_source = scorer.personal_scores(UserBatch(Histories.joined(variants), listed))
    names = list(by_source) or [""]
    scores = np.stack(list(by_source.values()) or [np.zeros((int(ends[-1]), len(listed)), np.float32)])
    found = []
    for histories, each, end, variant in zip(several, entries, ends.tolist(), variants, strict=True):
        own = scores[:, end - len(variant) : end]
        totals = own.sum(axis=0)
        sources = [names[source] for source in own[:, 0].argmax(axis=0).tolist()]
        found.append(_LeftOut(histories, each, list(attributes), sources, totals[0], totals[0] - totals[1:]))
    return found


def _because(histories: Histories, entry: int, catalog: Catalog) -> Reason | None:
    row = int(histories.event_rows[entry])
    if row < 0:
        return following(catalog.organizers.ids(histories.organizer_rows[[entry]])[0])
    return because(TYPES[histories.codes[entry]], catalog.events.ids(np.array([row]))[0], catalog.title(row))
