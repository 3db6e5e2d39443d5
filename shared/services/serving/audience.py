"""Audience of an event: the users most likely to attend, for its organizer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import numpy as np

from shared.entities import Interaction, InteractionType, User
from shared.entities.profile import MAX_HISTORY
from shared.errors import Forbidden, StoreUnavailable
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.feedback.states import last_words
from shared.ports import Caller, Documents, InteractionLog
from shared.services.ingest.upgrade import former_ids, has_former_ids
from shared.services.serving.context import ListRequest, ServingContext, with_fallback
from shared.signals.users import UserBatch

MAX_READ: Final = 5_000
"""Limit of accounts' interactions that an answer considers, and that one read of the log returns."""
MAX_DOCUMENTS: Final = 20_000
"""Limit of interactions that all reads of an answer return, those of visitors included, who may be far more."""

_PERIODS: Final = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
"""Periods up to now that are read in turn until one holds `MAX_READ` interactions; also the limit of reads."""
_CONSUMING: Final = [kind for kind in InteractionType if kind.meaning.takes_event or kind.meaning.hides_event]
"""Types of the states by which a user has consumed an event."""
_ANY_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Time of a state whose id is asked for, which does not depend on it."""


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

    Users who booked, attended or dismissed the event, however long ago, are left out, and those who do not wish to be
    profiled. Raises `Forbidden` unless the caller organizes the event or is an admin, and `NotFound` for an event
    that the caller may not know of, see `RequestView.with_event`.
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
    order = np.argsort(-np.where(is_consumed, -np.inf, scores), kind="stable")[: int((~is_consumed).sum())]
    ranked = [LikelyAttendee(users[position].user_id, float(scores[position])) for position in order]
    guests: list[LikelyAttendee] = []
    try:
        guests = _without_consumers(context.documents, ranked, event_id, limit)
    except StoreUnavailable:
        degraded = (*degraded, "history")
    return Audience(event_id, view.snapshot.model_version, guests, len(users), degraded)


def _without_consumers(
    documents: Documents, ranked: Sequence[LikelyAttendee], event_id: str, limit: int
) -> list[LikelyAttendee]:
    """First `limit` of the ranked users who have not consumed the event, by the documents of their states."""
    guests: list[LikelyAttendee] = []
    begin, size = 0, limit
    while len(guests) < limit and begin < len(ranked):
        part = ranked[begin : begin + size]
        consumers = _consumers(documents, [guest.user_id for guest in part], event_id)
        guests += [guest for guest in part if guest.user_id not in consumers]
        # Few rounds also where most have consumed the event.
        begin, size = begin + size, 2 * size
    return guests[:limit]


def _consumers(documents: Documents, user_ids: Sequence[str], event_id: str) -> set[str]:
    """Subset of the users who booked, attended or dismissed an event and did not undo it."""
    asked = [
        Interaction(interaction_id="", user_id=user_id, event_id=event_id, type=kind, occurred_at=_ANY_TIME)
        for user_id in user_ids
        for kind in _CONSUMING
    ]
    ids = {state.expected_id() for state in asked}
    former = {key for state in asked for key in former_ids(state)} if has_former_ids(documents) else set()
    found = documents.interactions.get([*ids, *former]).values()
    states = last_words(replace(state, interaction_id=state.expected_id()) for state in found)
    # Several users and targets could share an id of earlier versions.
    return {state.user_id for key, state in states.items() if key in ids and state.type in _CONSUMING}


def _profiled(documents: Documents, interactions: Sequence[Interaction]) -> list[Interaction]:
    """Interactions without those of users who do not wish to be profiled."""
    unprofiled = documents.users.unprofiled(sorted({entry.user_id for entry in interactions}))
    return [entry for entry in interactions if entry.user_id not in unprofiled]


def _recent(log: InteractionLog, now: datetime) -> list[Interaction]:
    """Newest interactions of accounts, up to `MAX_READ`, oldest first, from as many reads as there are periods.

    The log lists the oldest of a period first, so that a read which reaches its limit misses the newest. The next one
    is then over a period half as long as the time that `MAX_READ` interactions of this read span. The newest are missed
    only if all reads reach the limit, as after a bulk load; a busy deployment may miss some between those of two reads.

    Visitors' interactions are passed over: a read goes on until it has `MAX_READ` of accounts, or as many of all as
    `MAX_DOCUMENTS` leaves when each later read may have `MAX_READ`. What is left of the time up to now is halved then,
    to get past a burst of visitors.
    """
    found: dict[str, Interaction] = {}
    period, longer = _PERIODS[0], list(_PERIODS[1:])
    complete, was_cut, left = timedelta(0), False, MAX_DOCUMENTS
    for n_later in reversed(range(len(_PERIODS))):
        limit = left - n_later * MAX_READ
        n_read, accounts, last = 0, list[Interaction](), now
        for interaction in islice(log.since(now - period), limit):
            n_read, last = n_read + 1, _recorded_at(interaction, now)
            if not interaction.is_of_visitor():
                accounts.append(interaction)
                if len(accounts) == MAX_READ:
                    break
        left -= n_read
        found |= {interaction.interaction_id: interaction for interaction in accounts}
        if len(accounts) == MAX_READ or n_read == limit:
            was_cut = True
            period = (last - (now - period)) * MAX_READ / n_read / 2
            if len(accounts) < MAX_READ:
                period = min(period, (now - last) / 2)
            if period <= complete:
                break
        elif was_cut or not longer:
            break
        else:
            complete, period = period, longer.pop(0)
    return sorted(found.values(), key=lambda interaction: _recorded_at(interaction, now))[-MAX_READ:]


def _recorded_at(interaction: Interaction, now: datetime) -> datetime:
    return interaction.recorded_at or now
