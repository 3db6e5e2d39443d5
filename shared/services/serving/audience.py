"""Audience of an event: the users most likely to attend, for its organizer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import numpy as np

from shared.entities import Interaction, User, is_anonymous
from shared.entities.profile import MAX_HISTORY
from shared.errors import Forbidden, StoreUnavailable
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.ports import Caller, InteractionLog
from shared.services.serving.context import ServingContext
from shared.services.serving.similar import with_event
from shared.signals.users import UserBatch

MAX_READ: Final = 5_000
"""Limit of interactions read for one answer."""

_LOOKBACK_DAYS: Final = (1, 7, 30)
"""Periods read in turn until one holds `MAX_READ` interactions."""


@dataclass(frozen=True, slots=True)
class LikelyAttendee:
    """User in an audience; only the order of scores has a meaning."""

    user_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Audience:
    """Answer of `audience`.

    Attributes
    ----------
    model_version : version in service, None without a model.
    users : users most likely to attend, best first.
    considered : number of recently active users that were scored.
    degraded : parts that could not be used, see `Answer`.
    """

    event_id: str
    model_version: str | None
    users: list[LikelyAttendee]
    considered: int
    degraded: tuple[str, ...]


def audience(context: ServingContext, *, caller: Caller, event_id: str, limit: int) -> Audience:
    """Audience of an event: the `limit` recently active users most likely to attend.

    Users who booked, attended or dismissed the event are left out. Raises `Forbidden` unless the caller organizes the
    event or is an admin, and `NotFound` for an unknown event.
    """
    view = context.view()
    model = with_event(view.recommender, context.documents.events, event_id)
    catalog = model.catalog
    row = np.array([catalog.events.row(event_id)])
    organizer = catalog.fields["organizer"].at(row)
    names = catalog.organizers.ids(organizer[organizer >= 0])
    if not caller.is_admin and not set(caller.organizer_ids) & set(names):
        raise Forbidden("event_id: expected an event of yours; only its organizer and admins may ask for its audience")
    degraded = view.degraded
    interactions: list[Interaction] = []
    try:
        interactions = _recent(context.documents.interactions, view.now)
    except StoreUnavailable:
        degraded = (*degraded, "history")
    table = InteractionTable.of(
        (interaction for interaction in interactions if not is_anonymous(interaction.user_id)), catalog
    )
    users = [User(user_id=user_id) for user_id in table.users.ids()]
    histories = Histories.of_table(users, table, view.now, newest=MAX_HISTORY)
    scores = model.scorer.score(UserBatch(histories, model.candidates(row, view.now)))[:, 0]
    is_consumed = histories.consumed(len(catalog))[:, row[0]]
    order = np.argsort(-np.where(is_consumed, -np.inf, scores), kind="stable")[: min(limit, int((~is_consumed).sum()))]
    guests = [LikelyAttendee(users[position].user_id, float(scores[position])) for position in order]
    return Audience(event_id, view.snapshot.model_version, guests, len(users), degraded)


def _recent(log: InteractionLog, now: datetime) -> list[Interaction]:
    """Interactions of the shortest lookback period with `MAX_READ` of them, else of the longest; oldest first."""
    recent: list[Interaction] = []
    for days in _LOOKBACK_DAYS:
        recent = list(islice(log.since(now - timedelta(days=days)), MAX_READ))
        if len(recent) == MAX_READ:
            break
    return recent
