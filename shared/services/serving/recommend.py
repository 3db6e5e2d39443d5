"""Answers "what should this user see?" from the model in memory and one read of the user's document."""

from collections.abc import Sequence

from shared.ranking.query import Wish
from shared.services.serving.context import Answer, Backstage


def recommend(
    backstage: Backstage,
    *,
    user_id: str,
    wish: Wish,
    recommendation_id: str,
    recent: Sequence[str] = (),
    organizer_ids: tuple[str, ...] = (),
) -> Answer:
    """The best live events for a user, for a stranger when `user_id` is ""."""
    view = backstage.view(user_id, recent=recent, organizer_ids=organizer_ids)
    listed = view.recommender.choose(view.viewer, wish, rules=view.snapshot.rules, now=view.now)
    return view.answer(listed, wish, recommendation_id=recommendation_id)
