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

if TYPE_CHECKING:  # a recommender explains its own lists
    from shared.models.recommender import Recommender

_NOTHING: Final = 1e-6
_NEAR_KM: Final = 10.0


def explain(
    recommender: "Recommender", histories: Histories, rows: NDArray[np.int64], now: datetime
) -> list[tuple[str, tuple[str, ...]]]:
    """The source of each of one user's listed events and the reasons for it.

    Reasons are true: the entry of the history, or the part of the profile, without which the score would fall most.
    """
    catalog = recommender.catalog
    entries = histories.telling()
    user = histories.users[0]
    others = (
        replace(user, preferred_tags=(), preferred_categories=()),
        replace(user, friends=()),
        replace(user, location=None),
        User(user_id=user.user_id),
    )
    listed = recommender.candidates(rows, now)
    taste = recommender.scorer.taste(Request(histories.without_each(entries, others), listed))
    losses = taste[0] - taste[1:]
    strongest = losses[:-1].argmax(axis=0)
    sources = recommender.scorer.sources(Request(histories, listed))
    near = distance_km(listed, user.location) <= _NEAR_KM if user.location else np.zeros(len(rows), np.bool_)
    told = []
    for place, row in enumerate(rows):
        is_personal = taste[0, place] > 0 and losses[strongest[place], place] > _NOTHING
        popular = recommender.popularity[row] > 0
        why: list[str | None] = []
        if is_personal:
            why.append(_cause(histories, entries, int(strongest[place]), catalog))
        elif popular:
            why.append("popular near you" if near[place] else "popular now")
        why.append(reasons.starting(moment(catalog.starts_at[row]), now))
        source = sources[place] if is_personal else "popularity" if popular else "soonest"
        told.append((source, tuple(reason for reason in why if reason)))
    return told


def _cause(histories: Histories, entries: NDArray[np.int64], strongest: int, catalog: Catalog) -> str | None:
    if strongest >= len(entries):
        return ("matches your interests", "a friend goes", "near you")[strongest - len(entries)]
    entry = entries[strongest]
    if histories.event_rows[entry] < 0:
        return "you follow the organizer"
    return reasons.because(TYPES[histories.codes[entry]], catalog.title(int(histories.event_rows[entry])))
