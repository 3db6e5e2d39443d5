"""Answers "what do people like?" and "what is rising?", of all time or lately, anywhere or near a place."""

from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.feedback.popularity import growth
from shared.feedback.trends import recent, rising
from shared.models.baselines import fallback_scores
from shared.ranking.lists import choose, may_show
from shared.ranking.query import ListQuery
from shared.services.serving.context import Answer, RequestView, ServingContext

POPULAR: Final = "popularity"
TRENDING: Final = "trending"


def popular(
    context: ServingContext,
    *,
    window: str,
    user_id: str,
    query: ListQuery,
    recommendation_id: str,
    organizer_ids: tuple[str, ...] = (),
) -> Answer:
    """The live events that people did most with, lately where `window` is one of `trends.WINDOWS`; ties by start."""
    view = context.view(user_id, organizer_ids=organizer_ids)
    model = view.recommender
    live = model.live(view.now)
    sums = recent(model.popularity, model.before, window) if window else model.popularity
    scores = fallback_scores(sums[live.rows], model.catalog.starts_at[live.rows])
    allowed = _allowed(view)
    ranked = choose(live, scores, allowed, query, now=view.now)
    return view.answer(ranked, query, recommendation_id=recommendation_id, source=POPULAR)


def trending(
    context: ServingContext,
    *,
    window: str,
    user_id: str,
    query: ListQuery,
    recommendation_id: str,
    organizer_ids: tuple[str, ...] = (),
) -> Answer:
    """The live events that get more than their past lets expect, most surprising first."""
    view = context.view(user_id, organizer_ids=organizer_ids)
    model = view.recommender
    live = model.live(view.now)
    scores = rising(model.popularity, model.before, window, _to_present(view.now))[live.rows]
    ranked = choose(live, scores, _allowed(view) & (scores > 0), query, now=view.now)
    return view.answer(ranked, query, recommendation_id=recommendation_id, source=TRENDING)


def _allowed(view: RequestView) -> NDArray[np.bool_]:
    live = view.recommender.live(view.now)
    return may_show(view.recommender.catalog, live.rows, view.viewer, view.snapshot.rules, view.now)


def _to_present(now: datetime) -> float:
    """What a sum at the landmark is multiplied by to be one of today."""
    return float(1 / growth(np.array([now.timestamp()]))[0])
