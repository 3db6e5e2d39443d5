"""Ranking of a caller's own list of events for a user."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.arrays.positions import distinct
from shared.ranking.lists import build_list, may_show
from shared.ranking.query import ListQuery, Recommendation
from shared.services.serving.context import ServingContext
from shared.signals.users import UserBatch


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranked events of the caller's list.

    Attributes
    ----------
    recommendation_id : id of this list, which the interactions that follow from it carry.
    model_version : version in service, None without a model.
    items : the events that may be shown, best first.
    left_out : ids of unknown events and of those that may not be shown to this user, in the caller's order.
    degraded : parts that could not be used, see `Answer`.
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
    """Ranking of `event_ids` for a user, without events that may not be shown; pins and boosts do not apply.

    Parameters
    ----------
    user_id : "" for a cold-start user.
    explain : True to add the source and the reasons of each event.
    recent, organizer_ids : see `ServingContext.view`.
    """
    view = context.view(user_id, recent=recent, organizer_ids=organizer_ids)
    model = view.recommender
    rows = distinct(model.catalog.events.rows(event_ids))
    candidates = model.candidates(rows[rows >= 0], view.now)
    scores = model.scorer.score(UserBatch(view.viewer.histories, candidates))[0]
    allowed = may_show(model.catalog, candidates.rows, view.viewer, view.snapshot.rules, view.now)
    query = ListQuery(k=len(event_ids), explain=explain)
    items = view.to_items(build_list(candidates, scores, allowed, query, now=view.now), query)
    ranked = {item.event_id for item in items}
    left_out = [event_id for event_id in dict.fromkeys(event_ids) if event_id not in ranked]
    return Ranking(recommendation_id, view.snapshot.model_version, items, left_out, view.degraded)
