"""Answers "who is most likely to come?" for those who organize an event."""

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
"""Interactions that one answer reads at most, a day's, a week's or a month's latest."""

_WINDOWS_DAYS: Final = (1, 7, 30)


@dataclass(frozen=True, slots=True)
class Guest:
    """A user who may come; only the order of scores means something."""

    user_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Audience:
    """Users most likely to come, best first; `considered` of them did something lately."""

    event_id: str
    model_version: str | None
    users: list[Guest]
    considered: int
    degraded: tuple[str, ...]


def audience(context: ServingContext, *, caller: Caller, event_id: str, limit: int) -> Audience:
    """Of the users who did something lately, the `limit` most likely to come to an event.

    Who booked, attended or dismissed it is left out. Raises `Forbidden` for who neither organizes it nor is an admin,
    `NotFound` when there is none with this id.
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
    done: list[Interaction] = []
    try:
        done = _latest(context.documents.interactions, view.now)
    except StoreUnavailable:
        degraded = (*degraded, "history")
    table = InteractionTable.of((one for one in done if not is_anonymous(one.user_id)), catalog)
    users = [User(user_id=user_id) for user_id in table.users.ids()]
    histories = Histories.of_table(users, table, view.now, newest=MAX_HISTORY)
    scores = model.scorer.score(UserBatch(histories, model.candidates(row, view.now)))[:, 0]
    is_taken = histories.excluded(len(catalog))[:, row[0]]
    order = np.argsort(-np.where(is_taken, -np.inf, scores), kind="stable")[: min(limit, int((~is_taken).sum()))]
    guests = [Guest(users[place].user_id, float(scores[place])) for place in order]
    return Audience(event_id, view.snapshot.model_version, guests, len(users), degraded)


def _latest(log: InteractionLog, now: datetime) -> list[Interaction]:
    found: list[Interaction] = []
    for days in _WINDOWS_DAYS:
        found = list(islice(log.since(now - timedelta(days=days)), MAX_READ))
        if len(found) == MAX_READ:
            break
    return found
