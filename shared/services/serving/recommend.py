"""Answers "what should this user see?" from the model in memory and one read of the user's document."""

from collections.abc import Sequence

from shared.ranking.query import ListQuery
from shared.services.serving.context import Answer, ServingContext


def recommend(
    context: ServingContext,
    *,
    user_id: str,
    query: ListQuery,
    recommendation_id: str,
    recent: Sequence[str] = (),
    organizer_ids: tuple[str, ...] = (),
) -> Answer:
    """The best live events for a user, for a stranger when `user_id` is ""."""
    view = context.view(user_id, recent=recent, organizer_ids=organizer_ids)
    ranked = view.recommender.choose(view.viewer, query, rules=view.snapshot.rules, now=view.now)
    return view.answer(ranked, query, recommendation_id=recommendation_id)
