"""Similar events: live events by content similarity to an event, which may be newer than the model."""

from dataclasses import replace

import numpy as np

from shared.catalog.catalog import UNSEEN
from shared.errors import InvalidField, NotFound
from shared.ports import EventStore
from shared.ranking.lists import build_list, may_show
from shared.ranking.query import ListQuery
from shared.ranking.recommender import Recommender
from shared.ranking.similarity import similarity
from shared.services.serving.context import Answer, ServingContext

SOURCE = "content"
"""Source of the listed events."""


def similar(
    context: ServingContext,
    *,
    event_id: str,
    user_id: str,
    query: ListQuery,
    recommendation_id: str,
    organizer_ids: tuple[str, ...] = (),
) -> Answer:
    """Live events by content similarity to an event, which may be over; raises `NotFound` for an unknown event."""
    view = context.view(user_id, organizer_ids=organizer_ids)
    model = with_event(view.recommender, context.documents.events, event_id)
    # Adding an event to the catalog changes the rows of the events after it.
    view = replace(view, viewer=type(view.viewer).of(view.viewer.profile, model.catalog, view.now, organizer_ids))
    live, row = model.live(view.now), model.catalog.events.row(event_id)
    scores = similarity(live, np.array([row]))[0]
    allowed = may_show(model.catalog, live.rows, view.viewer, view.snapshot.rules, view.now)
    ranked = build_list(live, scores, allowed & (live.rows != row) & (scores > 0), query, now=view.now)
    return view.answer(ranked, query, recommendation_id=recommendation_id, recommender=model, source=SOURCE)


def with_event(model: Recommender, events: EventStore, event_id: str) -> Recommender:
    """Recommender with this event in its catalog, read from the store if missing; raises `NotFound`."""
    row = model.catalog.events.row(event_id)
    # An id that only interactions name has a row, but no attributes.
    if row >= 0 and model.catalog.starts_at[row] != UNSEEN:
        return model
    try:
        event = events.get(event_id)
    except InvalidField as error:
        raise NotFound(f"event_id: expected an event that can be read, got {event_id!r}: {error}") from error
    if event is None:
        raise NotFound(f"event_id: expected the id of an event, got {event_id!r}")
    return model.with_events([event])
