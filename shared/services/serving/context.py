"""What every list is made from: the model in memory, who looks, and the time."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.entities import HistoryEntry, InteractionType, Profile, User
from shared.errors import StoreUnavailable
from shared.ports import Documents
from shared.ranking.query import ListQuery, RankedList, Recommendation, Viewer
from shared.ranking.recommender import Recommender
from shared.services.serving.snapshot import Serving, Snapshot

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A list of events.

    Attributes
    ----------
    recommendation_id : names this list in the interactions that follow from it.
    model_version : None when no model is published yet.
    next_cursor : for the next page, None where the list ends.
    degraded : parts that could not be used: `model`, `events`, `popularity`, `rules`, `history`.
    """

    recommendation_id: str
    model_version: str | None
    items: list[Recommendation]
    next_cursor: str | None
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestView:
    """One moment, as one viewer sees it."""

    snapshot: Snapshot
    viewer: Viewer
    now: datetime
    degraded: tuple[str, ...]
    clock: Callable[[], datetime]

    @property
    def recommender(self) -> Recommender:
        """The model in service."""
        return self.snapshot.recommender

    def tell(
        self, ranked: RankedList, query: ListQuery, *, recommender: Recommender | None = None, source: str | None = None
    ) -> list[Recommendation]:
        """The list as it may be shown by now: reading and scoring took their time."""
        model = recommender or self.recommender
        return model.tell(ranked, self.viewer, query, rules=self.snapshot.rules, now=self.clock(), source=source)

    def answer(
        self,
        ranked: RankedList,
        query: ListQuery,
        *,
        recommendation_id: str,
        recommender: Recommender | None = None,
        source: str | None = None,
    ) -> Answer:
        """The list with what belongs to it."""
        items = self.tell(ranked, query, recommender=recommender, source=source)
        return Answer(recommendation_id, self.snapshot.model_version, items, ranked.cursor, self.degraded)


@dataclass(frozen=True, slots=True)
class ServingContext:
    """Where views come from.

    Attributes
    ----------
    deadline_s : how long a request waits for a user's history before it goes on without.
    """

    serving: Serving
    documents: Documents
    clock: Callable[[], datetime]
    deadline_s: float

    def view(
        self, user_id: str = "", *, recent: Sequence[str] = (), organizer_ids: tuple[str, ...] = ()
    ) -> RequestView:
        """The present, as a user sees it, or a stranger where `user_id` is "".

        `recent` are events that were looked at in this session, newest first; they count as clicks.
        """
        now = self.clock()
        snapshot = self.serving.current(now)
        degraded = snapshot.degraded
        profile = Profile(User(user_id=user_id or "anonymous"))
        if user_id:
            try:
                profile = self.documents.users.profile(user_id, timeout_s=self.deadline_s)
            except StoreUnavailable as error:
                _log.warning("answers without the history of a user: %s", error)
                degraded = (*degraded, "history")
        if recent:
            minute = now.replace(second=0, microsecond=0)
            session = tuple(HistoryEntry(InteractionType.CLICK, minute, event_id) for event_id in recent)
            profile = Profile(profile.user, (*session, *profile.history))
        viewer = Viewer.of(profile, snapshot.recommender.catalog, now, organizer_ids)
        return RequestView(snapshot, viewer, now, degraded, self.clock)
