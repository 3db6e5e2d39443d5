"""Why an event is in a list: what its score would lose most without."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.analysis import reasons
from shared.models.catalog import Catalog, moment
from shared.models.filters import distance_km
from shared.models.history import Histories
from shared.models.request import Request
from shared.models.weights import TYPES
from shared.models.wish import Viewer

if TYPE_CHECKING:  # a recommender explains its own lists
    from shared.models.recommender import Recommender

_NOTHING: Final = 1e-6
_NEAR_KM: Final = 10.0


def explain(
    recommender: "Recommender", viewer: Viewer, rows: NDArray[np.int64], now: datetime
) -> list[tuple[str, tuple[str, ...]]]:
    """The source of each of one user's listed events and the reasons for it.

    Reasons are true: the entry of the history, or the part of the profile, without which the score would fall most.
    """
    causes = recommender.memory(viewer.profile, recommender.live(now)).causes
    fresh = np.array([row for row in rows.tolist() if row not in causes], np.int64)
    if len(fresh):
        causes.update(zip(fresh.tolist(), _causes(recommender, viewer.histories, fresh, now), strict=True))
    home = viewer.profile.user.location
    near = distance_km(recommender.candidates(rows, now), home) <= _NEAR_KM if home else np.zeros(len(rows), np.bool_)
    told = []
    for row, is_near in zip(rows.tolist(), near, strict=True):
        source, cause = causes[row]
        if source is None:
            is_popular = recommender.popularity[row] > 0
            cause = ("popular near you" if is_near else "popular now") if is_popular else None
            source = "popularity" if is_popular else "soonest"
        why = (cause, reasons.starting(moment(recommender.catalog.starts_at[row]), now))
        told.append((source, tuple(reason for reason in why if reason)))
    return told


def _causes(
    recommender: "Recommender", histories: Histories, rows: NDArray[np.int64], now: datetime
) -> list[tuple[str | None, str | None]]:
    """The source of what speaks to the user in each event and what caused it; None where nothing does."""
    entries, user = histories.telling(), histories.users[0]
    others = {
        "matches your interests": replace(user, preferred_tags=(), preferred_categories=()),
        "a friend goes": replace(user, friends=()),
        "near you": replace(user, location=None),
    }
    others = {cause: other for cause, other in others.items() if other != user}
    if not len(entries) and not others:
        return [(None, None)] * len(rows)
    variants = histories.without_each(entries, tuple(others.values()))
    tastes = recommender.scorer.tastes(Request(variants, recommender.candidates(rows, now)))
    if not tastes:
        return [(None, None)] * len(rows)
    taste = np.sum(list(tastes.values()), axis=0)
    losses = taste[0] - taste[1:]
    strongest = losses.argmax(axis=0)
    is_told = (taste[0] > 0) & (losses[strongest, np.arange(len(rows))] > _NOTHING)
    sources, loudest = list(tastes), np.argmax([one[0] for one in tastes.values()], axis=0)
    causes = list(others)
    return [
        (sources[loudest[place]], _because(histories, int(entries[cause]), recommender.catalog))
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
