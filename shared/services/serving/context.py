"""Serving context: snapshot of the model, viewer and time of a request, from which every list is made."""

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
    """List of events, as the API returns it.

    Attributes
    ----------
    recommendation_id : id of this list, which the interactions that follow from it carry.
    model_version : version in service, None without a model.
    items : the events, best first.
    next_cursor : cursor of the next page, None where the list ends.
    degraded : parts that could not be used or brought up to date: `model`, `events`, `popularity`, `rules`, `refresh`,
        `history`.
    """

    recommendation_id: str
    model_version: str | None
    items: list[Recommendation]
    next_cursor: str | None
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestView:
    """State that one request works on.

    Attributes
    ----------
    snapshot : model, catalog and rules at `now`.
    viewer : the user with their profile, empty for a cold-start user.
    now : start of the request, UTC.
    degraded : parts that could not be used, see `Answer`.
    clock : returns the present, UTC.
    """

    snapshot: Snapshot
    viewer: Viewer
    now: datetime
    degraded: tuple[str, ...]
    clock: Callable[[], datetime]

    @property
    def recommender(self) -> Recommender:
        """Recommender of the model in service."""
        return self.snapshot.recommender

    def to_items(
        self, ranked: RankedList, query: ListQuery, *, recommender: Recommender | None = None, source: str | None = None
    ) -> list[Recommendation]:
        """Items of a ranked list, without events that ended or were hidden while the request was scored.

        Parameters
        ----------
        recommender : whose catalog the rows are of; None for that of the snapshot.
        source : what ranked all of the events; None to explain each.
        """
        model = recommender or self.recommender
        return model.to_items(ranked, self.viewer, query, rules=self.snapshot.rules, now=self.clock(), source=source)

    def answer(
        self,
        ranked: RankedList,
        query: ListQuery,
        *,
        recommendation_id: str,
        recommender: Recommender | None = None,
        source: str | None = None,
    ) -> Answer:
        """Answer with the items of a ranked list; parameters as in `to_items`."""
        items = self.to_items(ranked, query, recommender=recommender, source=source)
        return Answer(recommendation_id, self.snapshot.model_version, items, ranked.cursor, self.degraded)


@dataclass(frozen=True, slots=True)
class ServingContext:
    """Dependencies of serving, shared by all requests; `view` makes the state of one request.

    Attributes
    ----------
    serving : snapshot of the model.
    documents : document stores.
    clock : returns the present, UTC.
    deadline_s : seconds that a request waits for a user's history before it answers without it.
    """

    serving: Serving
    documents: Documents
    clock: Callable[[], datetime]
    deadline_s: float

    def view(
        self, user_id: str = "", *, recent: Sequence[str] = (), organizer_ids: tuple[str, ...] = ()
    ) -> RequestView:
        """State of a new request of a user; reads the snapshot and the user's profile.

        Parameters
        ----------
        user_id : "" for a cold-start user, whose profile is not read.
        recent : ids of events that the user looked at in this session, newest first; they count as clicks.
        organizer_ids : ids under which the user organizes events.
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
