"""Explanations of recommendations: the history entry or profile attribute that contributes most to an event's score.

Contributions are measured by leaving out: the score is computed again without each entry and without each attribute,
and the largest loss names the reason.
"""

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

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


def _causes(scorer: Scorer, histories: Histories, listed: Candidates) -> list[Cause]:
    """Cause of each listed event for one user, (None, None) where no entry or attribute raises its score."""
    entries, user = histories.explainable(), histories.users[0]
    variants = {
        "matches_interests": replace(user, preferred_tags=(), preferred_categories=()),
        "friend_goes": replace(user, friends=()) if histories.going is not None else user,
        "near": replace(user, location=None),
    }
    variants = {code: variant for code, variant in variants.items() if variant != user}
    if not len(entries) and not variants:
        return [(None, None)] * len(listed)
    left_out = histories.without_each(entries, tuple(variants.values()))
    personal_scores = scorer.personal_scores(UserBatch(left_out, listed))
    if not personal_scores:
        return [(None, None)] * len(listed)
    personal = np.sum(list(personal_scores.values()), axis=0)
    losses = personal[0] - personal[1:]
    # An event that was looked at or saved may be listed again; that is no reason to like it.
    is_own = histories.event_rows[entries][:, None] == listed.rows
    is_raised = (personal[0] > 0) & (losses > _MIN_LOSS).any(axis=0)
    losses[: len(entries)][is_own] = -np.inf
    largest = losses.argmax(axis=0)
    has_cause = (personal[0] > 0) & (losses[largest, np.arange(len(listed))] > _MIN_LOSS)
    sources, top_source = list(personal_scores), np.argmax([scores[0] for scores in personal_scores.values()], axis=0)
    declared = [plain(code) for code in variants]
    causes: list[Cause] = [
        (sources[top_source[column]], _because(histories, int(entries[cause]), listed.catalog))
        if has_cause[column] and cause < len(entries)
        else (sources[top_source[column]], declared[cause - len(entries)])
        if has_cause[column]
        else (None, None)
        for column, cause in enumerate(largest.tolist())
    ]
    # Without its own entries, others of its kind may be missed that these have stood in for.
    for column in np.flatnonzero(is_raised & ~has_cause).tolist():
        rest = histories.without(entries[is_own[:, column]])
        [(source, cause)] = _causes(scorer, rest, listed.part(np.array([column])))
        causes[column] = (source or sources[top_source[column]], cause)
    return causes


def _because(histories: Histories, entry: int, catalog: Catalog) -> Reason | None:
    row = int(histories.event_rows[entry])
    if row < 0:
        return following(catalog.organizers.ids(histories.organizer_rows[[entry]])[0])
    return because(TYPES[histories.codes[entry]], catalog.events.ids(np.array([row]))[0], catalog.title(row))
