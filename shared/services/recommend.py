"""Answers "what should this user see?" from the model in memory and one read of the user's document."""

import logging
from dataclasses import dataclass
from datetime import datetime

from shared.entities import Profile, User
from shared.errors import StoreUnavailable
from shared.models.recommender import Recommendation
from shared.ports import UserStore
from shared.services.serving import Serving

_log = logging.getLogger(__name__)
_STRANGER = Profile(User(user_id="anonymous"))


@dataclass(frozen=True, slots=True)
class Answer:
    """A list for one user.

    Attributes
    ----------
    recommendation_id : names this list in the interactions that follow from it.
    model_version : None when no model is published yet.
    degraded : parts that could not be used: `model`, `events`, `popularity`, `history`.
    """

    recommendation_id: str
    model_version: str | None
    items: list[Recommendation]
    degraded: tuple[str, ...]


def recommend(
    serving: Serving,
    users: UserStore,
    *,
    user_id: str,
    limit: int,
    now: datetime,
    recommendation_id: str,
    deadline_s: float,
) -> Answer:
    """The best `limit` live events for a user, for a stranger when `user_id` is ""."""
    snapshot = serving.current(now)
    degraded = snapshot.degraded
    profile = _STRANGER
    if user_id:
        try:
            profile = users.profile(user_id, timeout_s=deadline_s)
        except StoreUnavailable as error:
            _log.warning("answers without the history of a user: %s", error)
            degraded = (*degraded, "history")
    items = snapshot.recommender.recommend(profile, k=limit, now=now)
    return Answer(recommendation_id, snapshot.model_version, items, degraded)
