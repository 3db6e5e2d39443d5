"""Audience of an event: the users most likely to attend, for its organizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import numpy as np

from shared.entities import Interaction, User
from shared.entities.profile import MAX_HISTORY
from shared.errors import Forbidden, StoreUnavailable
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.ports import Caller, Documents, InteractionLog
from shared.services.serving.context import ListRequest, ServingContext, with_fallback
from shared.signals.users import UserBatch

MAX_READ: Final = 5_000
"""Limit of interactions that an answer considers, and that one read of the log returns."""

_PERIODS: Final = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""Periods up to now that are read in turn until one holds `MAX_READ` interactions; also the limit of reads."""


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
    degraded : parts that could not be used, see `RequestView`.
    """

    event_id: str
    model_version: str | None
    users: list[LikelyAttendee]
    considered: int
    degraded: tuple[str, ...]


@with_fallback
def audience(context: ServingContext, *, caller: Caller, event_id: str, limit: int) -> Audience:
    """Audience of an event: the `limit` recently active users most likely to attend.

    Users who booked, attended or dismissed the event are left out, and those who do not wish to be profiled. Raises
    `Forbidden` unless the caller organizes the event or is an admin, and `NotFound` for an event that the caller may
    not know of, see `RequestView.with_event`.
    """
    view = context.view(ListRequest()).with_event(context.documents.events, event_id, caller)
    model = view.recommender
    catalog = model.catalog
    row = np.array([catalog.events.row(event_id)])
    organizer = catalog.fields["organizer"].at(row)
    names = catalog.organizers.ids(organizer[organizer >= 0])
    if not caller.is_admin and not set(caller.organizer_ids) & set(names):
        raise Forbidden("event_id: expected an event of yours; only its organizer and admins may ask for its audience")
    degraded = view.degraded
    interactions: list[Interaction] = []
    try:
        interactions = _profiled(context.documents, _recent(context.documents.interactions, view.now))
    except StoreUnavailable:
        degraded = (*degraded, "history")
    known = InteractionTable.of(interactions, catalog)
    table = known.before(view.now)
    users = [User(user_id=user_id) for user_id in table.users.ids()]
    histories = Histories.of_table(users, table, view.now, newest=MAX_HISTORY)
    scores = model.scorer.score(UserBatch(histories, model.candidates(row, view.now)))[:, 0]
    is_consumed = histories.consumed(len(catalog))[:, row[0]]
    order = np.argsort(-np.where(is_consumed, -np.inf, scores), kind="stable")[: min(limit, int((~is_consumed).sum()))]
    guests = [LikelyAttendee(users[position].user_id, float(scores[position])) for position in order]
    return Audience(event_id, view.snapshot.model_version, guests, len(users), degraded)


def _profiled(documents: Documents, interactions: Sequence[Interaction]) -> list[Interaction]:
    """Interactions of users who may be profiled: neither visitors nor those who do not wish it."""
    known = [entry for entry in interactions if not entry.is_of_visitor()]
    unprofiled = documents.users.unprofiled(sorted({entry.user_id for entry in known}))
    return [entry for entry in known if entry.user_id not in unprofiled]


def _recent(log: InteractionLog, now: datetime) -> list[Interaction]:
    """Newest interactions, up to `MAX_READ`, oldest first, from as many reads of `MAX_READ` as there are periods.

    The log lists the oldest of a period first, so that a read which reaches its limit misses the newest. The next one
    is then over a period half as long as the time that the interactions of this read span. The newest are missed only
    if all reads reach the limit, as after a bulk load; a busy deployment may miss some between those of two reads.
    """
    found: dict[str, Interaction] = {}
    period, longer = _PERIODS[0], list(_PERIODS[1:])
    complete, was_cut = timedelta(0), False
    for _ in _PERIODS:
        read = list(islice(log.since(now - period), MAX_READ))
        found |= {interaction.interaction_id: interaction for interaction in read}
        if len(read) == MAX_READ:
            was_cut = True
            period = (_recorded_at(read[-1], now) - (now - period)) / 2
            if period <= complete:
                break
        elif was_cut or not longer:
            break
        else:
            complete, period = period, longer.pop(0)
    return sorted(found.values(), key=lambda interaction: _recorded_at(interaction, now))[-MAX_READ:]


def _recorded_at(interaction: Interaction, now: datetime) -> datetime:
    return interaction.recorded_at or now
