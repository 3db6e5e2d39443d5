"""Personal recommendations from the model in memory and one read of the user's profile."""

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
    """Recommended live events for a user, after the business rules.

    Parameters
    ----------
    user_id : "" for a cold-start user, whose profile is not read.
    recent, organizer_ids : see `ServingContext.view`.
    """
    view = context.view(user_id, recent=recent, organizer_ids=organizer_ids)
    ranked = view.recommender.build_list(view.viewer, query, rules=view.snapshot.rules, now=view.now)
    return view.answer(ranked, query, recommendation_id=recommendation_id)
