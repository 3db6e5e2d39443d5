"""Puts a caller's own list of events into the order that suits a user."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.arrays.positions import distinct
from shared.ranking.lists import choose, may_show
from shared.ranking.query import ListQuery, Recommendation
from shared.services.serving.context import ServingContext
from shared.signals.users import UserBatch


@dataclass(frozen=True, slots=True)
class Ranking:
    """The caller's events in order.

    Attributes
    ----------
    left_out : ids that may not be shown to this user, or that nobody knows, as the caller ordered them.
    """

    recommendation_id: str
    model_version: str | None
    items: list[Recommendation]
    left_out: list[str]
    degraded: tuple[str, ...]


def rank(
    context: ServingContext,
    *,
    event_ids: Sequence[str],
    user_id: str,
    recommendation_id: str,
    explain: bool,
    recent: Sequence[str] = (),
    organizer_ids: tuple[str, ...] = (),
) -> Ranking:
    """Those of `event_ids` that may be shown, best first for a user."""
    view = context.view(user_id, recent=recent, organizer_ids=organizer_ids)
    model = view.recommender
    rows = distinct(model.catalog.events.rows(event_ids))
    candidates = model.candidates(rows[rows >= 0], view.now)
    scores = model.scorer.score(UserBatch(view.viewer.histories, candidates))[0]
    allowed = may_show(model.catalog, candidates.rows, view.viewer, view.snapshot.rules, view.now)
    query = ListQuery(k=len(event_ids), explain=explain)
    items = view.tell(choose(candidates, scores, allowed, query, now=view.now), query)
    told = {item.event_id for item in items}
    left_out = [event_id for event_id in dict.fromkeys(event_ids) if event_id not in told]
    return Ranking(recommendation_id, view.snapshot.model_version, items, left_out, view.degraded)
