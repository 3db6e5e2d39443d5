"""Serving context: snapshot of the model, viewer and time of a request, from which every list is made."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, Self, TypeVar

from shared.entities import Event, HistoryEntry, InteractionType, Profile, User, is_anonymous
from shared.entities.provenance import Segment
from shared.errors import InvalidField, MarqueeError, NotFound, StoreUnavailable
from shared.feedback.retention import is_kept, kept_since
from shared.feedback.weights import CODES, IS_CONSUMED, IS_HIT
from shared.ports import Caller, Documents, EventStore
from shared.ranking.query import ListQuery, Viewer
from shared.ranking.recommender import Recommender
from shared.services.serving.cache import CachedRecommender
from shared.services.serving.snapshot import Serving, Snapshot

_log = logging.getLogger(__name__)
Given = ParamSpec("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """Request for a list of events.

    Attributes
    ----------
    user_id : user for whom the list is made; "" for a cold-start user, whose profile is not read.
    query : parameters of the list.
    seed : random number of the request, 0..2^32 − 1, that tells lists of the same second apart.
    is_visitor : whether nobody has signed up for the user's account.
    recent : ids of events that the user looked at in this session, newest first; they count as clicks, except for
        a user who does not wish to be profiled.
    organizer_ids : ids under which the user organizes events.
    """

    user_id: str = ""
    query: ListQuery = field(default_factory=ListQuery)
    seed: int = 0
    is_visitor: bool = False
    recent: Sequence[str] = ()
    organizer_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestView:
    """State of a request: snapshot, viewer and time.

    Attributes
    ----------
    snapshot : model, catalog and rules at `now`.
    model : model of the snapshot; its catalog may have an event more, see `with_event`.
    viewer : the user with their profile, empty for a cold-start user and for one who does not wish to be profiled.
    now : start of the request, UTC.
    degraded : parts of the answer that could not be used or brought up to date: `model`, `events`, `popularity`,
        `rules`, `refresh`, `history`; `profile` where a field of the user's profile was dropped.
    clock : returns the present, UTC.
    """

    snapshot: Snapshot
    model: CachedRecommender
    viewer: Viewer
    now: datetime
    degraded: tuple[str, ...]
    clock: Callable[[], datetime]

    @property
    def recommender(self) -> Recommender:
        """Recommender of `model`."""
        return self.model.recommender

    def with_event(self, events: EventStore, event_id: str, caller: Caller) -> Self:
        """View with this event in its catalog, read from the store unless everybody may see the catalog's.

        Raises `NotFound` for an unknown event, and in the same words for one that cannot be read and for a hidden one,
        which only admins and its organizer may see. All three cost a read of the store.
        """
        catalog = self.recommender.catalog
        row = catalog.events.row(event_id)
        if row >= 0 and catalog.visible[row]:
            return self
        event = _readable(events, event_id)
        if event is None or not (event.is_visible() or caller.is_admin or event.organizer_id in caller.organizer_ids):
            raise NotFound(f"event_id: expected the id of an event, got {event_id!r}")
        model = self.model.with_events([event])
        # Adding an event to the catalog changes the rows of the events after it.
        return replace(self, model=model, viewer=self.viewer.in_catalog(model.recommender.catalog, self.now))


def _readable(events: EventStore, event_id: str) -> Event | None:
    try:
        return events.get(event_id)
    except InvalidField as error:
        _log.info("takes an event that cannot be read for unknown: field %s", error.field)
        return None


@dataclass(frozen=True, slots=True)
class ServingContext:
    """Dependencies of serving, shared by all requests; `view` makes the state of one request.

    Attributes
    ----------
    serving : snapshot of the model.
    documents : document stores.
    clock : returns the present, UTC.
    deadline_s : seconds that a request waits for a user's history before it answers without it.
    keep_days : days after which history entries expire, see `Settings`; what is expired and still stored is left out.
    has_friends : whether lists use and tell that mutual friends go to an event, see `Settings`.
    has_experiments : whether users see the variants of experiments.
    exploration : share of the slots of recommendations that are explored, see `Settings`.
    """

    serving: Serving
    documents: Documents
    clock: Callable[[], datetime]
    deadline_s: float
    keep_days: int | None = None
    has_friends: bool = False
    has_experiments: bool = True
    exploration: float = 0.0

    def view(self, request: ListRequest) -> RequestView:
        """State of a new request; reads the snapshot and the user's profile."""
        now = self.clock()
        snapshot = self.serving.current(now)
        degraded = snapshot.degraded
        profile = Profile(User(user_id=request.user_id or "anonymous"))
        recent = request.recent
        if request.user_id:
            try:
                profile = self.documents.users.profile(request.user_id, timeout_s=self.deadline_s)
            except StoreUnavailable as error:
                _log.warning("answers without the history of a user: %s", error.for_log())
                degraded = (*degraded, "history")
                # Whether the user wishes to be profiled is unknown as well.
                recent = ()
        viewer = self.viewer(profile, snapshot, now, organizer_ids=request.organizer_ids, recent=recent)
        if viewer.profile.user.dropped:
            degraded = (*degraded, "profile")
        return RequestView(snapshot, snapshot.model, viewer, now, degraded, self.clock)

    def viewer(
        self,
        stored: Profile,
        snapshot: Snapshot,
        now: datetime,
        *,
        organizer_ids: tuple[str, ...] = (),
        recent: Sequence[str] = (),
    ) -> Viewer:
        """Viewer with what lists may use of a stored profile.

        The viewer of a user who does not wish to be profiled is a cold-start user, without profile, history and what
        they looked at in this session. Events that they booked, attended or dismissed are left out all the same, since
        that is a filter which they asked for.
        """
        since = kept_since(self.keep_days, now)
        history = stored.history
        if since is not None:
            history = tuple(entry for entry in history if is_kept(entry, since))
        profile = Profile(stored.user, history, stored.friends_going if self.has_friends else ())
        consumed_ids: tuple[str, ...] = ()
        if not profile.user.profiling:
            consumed_ids = tuple(entry.event_id for entry in history if IS_CONSUMED[CODES[entry.type]])
            profile, recent = Profile(User(user_id=profile.user.user_id, profiling=False)), ()
        if recent:
            minute = now.replace(second=0, microsecond=0)
            session = tuple(HistoryEntry(InteractionType.CLICK, minute, event_id) for event_id in recent)
            profile = replace(profile, history=(*session, *profile.history))
        return Viewer.of(profile, snapshot.recommender.catalog, now, organizer_ids, consumed_ids)


def segment_of(request: ListRequest, viewer: Viewer) -> Segment:
    """Segment of the user of a request; of one whose history could not be read, `COLD`."""
    if not request.user_id:
        return Segment.NOBODY
    if request.is_visitor or is_anonymous(request.user_id):
        return Segment.VISITOR
    if not viewer.profile.user.profiling:
        return Segment.UNPROFILED
    return Segment.WARM if IS_HIT[viewer.histories.codes].any() else Segment.COLD


def with_fallback(
    make: Callable[Concatenate[ServingContext, Given], Made],
) -> Callable[Concatenate[ServingContext, Given], Made]:
    """Answer of `make` that the model cannot prevent: where it fails, the version before answers, and stays in service.

    An error that is no `MarqueeError` may be the model's fault. It is, if `make` succeeds without this model.
    """

    @wraps(make)
    def answer(context: ServingContext, /, *given: Given.args, **named: Given.kwargs) -> Made:
        serving, version = context.serving, context.serving.version
        try:
            return make(context, *given, **named)
        except MarqueeError:
            raise
        except Exception as error:  # which errors a model raises that no check foresaw is unknown
            if context.has_experiments and serving.has_experiments:
                with suppress(Exception):
                    made = make(replace(context, has_experiments=False), *given, **named)
                    _log.error("answers without experiments, since a request with them failed: %r", error)
                    return made
            suspended = serving.suspend(version, error)
            if suspended is None and serving.version == version:
                raise
            try:
                return make(context, *given, **named)
            except Exception:
                if suspended is not None:
                    serving.reinstate(suspended)
                raise

    return answer
