"""Popular and trending events: live events by popularity, or by its excess over expectation."""

from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.feedback.popularity import growth
from shared.feedback.trends import recent, rising
from shared.models.baselines import fallback_scores
from shared.ranking.lists import build_list, may_show
from shared.ranking.query import ListQuery
from shared.services.serving.context import Answer, RequestView, ServingContext

POPULAR: Final = "popularity"
TRENDING: Final = "trending"
"""Sources of the listed events."""


def popular(
    context: ServingContext,
    *,
    window: str,
    user_id: str,
    query: ListQuery,
    recommendation_id: str,
    organizer_ids: tuple[str, ...] = (),
) -> Answer:
    """Popular live events, ties by start.

    Parameters
    ----------
    window : one of `trends.WINDOWS`; "" for decayed popularity of all time.
    """
    view = context.view(user_id, organizer_ids=organizer_ids)
    model = view.recommender
    live = model.live(view.now)
    sums = recent(model.popularity, model.before, window) if window else model.popularity
    scores = fallback_scores(sums[live.rows], model.catalog.starts_at[live.rows])
    ranked = build_list(live, scores, _allowed(view), query, now=view.now)
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
    """Trending live events: those that exceed the popularity expected from their past, greatest excess first.

    Parameters
    ----------
    window : one of `trends.WINDOWS`, in which the excess is measured.
    """
    view = context.view(user_id, organizer_ids=organizer_ids)
    model = view.recommender
    live = model.live(view.now)
    scores = rising(model.popularity, model.before, window, _to_present(view.now))[live.rows]
    ranked = build_list(live, scores, _allowed(view) & (scores > 0), query, now=view.now)
    return view.answer(ranked, query, recommendation_id=recommendation_id, source=TRENDING)


def _allowed(view: RequestView) -> NDArray[np.bool_]:
    """Visibility mask of the live events, bool of shape (c,)."""
    live = view.recommender.live(view.now)
    return may_show(view.recommender.catalog, live.rows, view.viewer, view.snapshot.rules, view.now)


def _to_present(now: datetime) -> float:
    """Factor from popularity sums at the landmark to sums at `now`."""
    return float(1 / growth(np.array([now.timestamp()]))[0])
