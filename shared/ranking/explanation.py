"""Why an event is in a list: what its score would lose most without."""

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from shared.catalog.catalog import Catalog, moment
from shared.feedback.history import Histories
from shared.feedback.weights import TYPES
from shared.models.scorer import Scorer
from shared.ranking import reasons
from shared.ranking.filters import distance_km
from shared.ranking.query import Viewer
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

Reason = tuple[str | None, tuple[str, ...]]
"""The source of a listed event, None where nobody asked, and why it is there."""
Cause = tuple[str | None, str | None]
"""The source of what speaks to the user in an event and the reason; None where nothing does."""
Causes = MutableMapping[int, Cause]
"""By event row."""

_NOTHING: Final = 1e-6
_NEAR_KM: Final = 10.0


def explain(scorer: Scorer, viewer: Viewer, listed: Candidates, causes: Causes, now: datetime) -> list[Reason]:
    """The source of each of one user's listed events and the reasons for it.

    Reasons are true: the entry of the history, or the part of the profile, without which the score would fall most.
    Causes that `causes` holds already are not worked out again; new ones are put there.
    """
    catalog, rows = listed.catalog, listed.rows
    is_fresh = np.array([row not in causes for row in rows.tolist()], np.bool_)
    if is_fresh.any():
        fresh = Candidates(catalog, rows[is_fresh], listed.now_s, listed.popularity[is_fresh])
        causes.update(zip(fresh.rows.tolist(), _causes(scorer, viewer.histories, fresh), strict=True))
    home = viewer.profile.user.location
    near = distance_km(listed, home) <= _NEAR_KM if home else np.zeros(len(rows), np.bool_)
    told: list[Reason] = []
    for row, popularity, is_near in zip(rows.tolist(), listed.popularity, near, strict=True):
        source, cause = causes[row]
        if source is None:
            is_popular = popularity > 0
            cause = ("popular near you" if is_near else "popular now") if is_popular else None
            source = "popularity" if is_popular else "soonest"
        why = (cause, reasons.starting(moment(catalog.starts_at[row]), now))
        told.append((source, tuple(reason for reason in why if reason)))
    return told


def _causes(scorer: Scorer, histories: Histories, listed: Candidates) -> list[Cause]:
    """The source of what speaks to the user in each event and what caused it; None where nothing does."""
    entries, user = histories.explainable(), histories.users[0]
    others = {
        "matches your interests": replace(user, preferred_tags=(), preferred_categories=()),
        "a friend goes": replace(user, friends=()),
        "near you": replace(user, location=None),
    }
    others = {cause: other for cause, other in others.items() if other != user}
    if not len(entries) and not others:
        return [(None, None)] * len(listed)
    variants = histories.without_each(entries, tuple(others.values()))
    personal_scores = scorer.personal_scores(UserBatch(variants, listed))
    if not personal_scores:
        return [(None, None)] * len(listed)
    personal = np.sum(list(personal_scores.values()), axis=0)
    losses = personal[0] - personal[1:]
    strongest = losses.argmax(axis=0)
    is_told = (personal[0] > 0) & (losses[strongest, np.arange(len(listed))] > _NOTHING)
    sources, loudest = list(personal_scores), np.argmax([one[0] for one in personal_scores.values()], axis=0)
    causes = list(others)
    return [
        (sources[loudest[place]], _because(histories, int(entries[cause]), listed.catalog))
        if is_told[place] and cause < len(entries)
        else (sources[loudest[place]], causes[cause - len(entries)])
        if is_told[place]
        else (None, None)
        for place, cause in enumerate(strongest.tolist())
    ]


def _because(histories: Histories, entry: int, catalog: Catalog) -> str | None:
    if histories.event_rows[entry] < 0:
        return "you follow the organizer"
    return reasons.because(TYPES[histories.codes[entry]], catalog.title(int(histories.event_rows[entry])))
