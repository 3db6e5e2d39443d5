"""Why an event is in a list: what its score would lose most without."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from shared.analysis import reasons
from shared.entities import User
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
    nobody = User(user_id=user.user_id)
    if not len(entries) and user == nobody:
        return [(None, None)] * len(rows)
    others = (
        replace(user, preferred_tags=(), preferred_categories=()),
        replace(user, friends=()),
        replace(user, location=None),
        nobody,
    )
    listed = recommender.candidates(rows, now)
    taste = recommender.scorer.taste(Request(histories.without_each(entries, others), listed))
    losses = taste[0] - taste[1:]
    strongest = losses[:-1].argmax(axis=0)
    sources = recommender.scorer.sources(Request(histories, listed))
    return [
        (sources[place], _cause(histories, entries, int(strongest[place]), recommender.catalog))
        if taste[0, place] > 0 and losses[strongest[place], place] > _NOTHING
        else (None, None)
        for place in range(len(rows))
    ]


def _cause(histories: Histories, entries: NDArray[np.int64], strongest: int, catalog: Catalog) -> str | None:
    if strongest >= len(entries):
        return ("matches your interests", "a friend goes", "near you")[strongest - len(entries)]
    entry = entries[strongest]
    if histories.event_rows[entry] < 0:
        return "you follow the organizer"
    return reasons.because(TYPES[histories.codes[entry]], catalog.title(int(histories.event_rows[entry])))
