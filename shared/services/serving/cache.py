"""Recommender in service, with the values that requests share: live candidates, scores and explanations by profile."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from shared.entities import Event, HistoryEntry, InteractionType, Profile, User
from shared.models.scorer import Scorer, Staged, Stages
from shared.ranking.batch import score_batch
from shared.ranking.explanation import Cause, Explanation
from shared.ranking.exploration import least_known
from shared.ranking.lists import fingerprints_of
from shared.ranking.query import RankedList, Recommendation, Viewer
from shared.ranking.recommender import Recommender
from shared.ranking.shortlist import LEAST_KNOWN, LENGTH, STAGED_FROM, Shortlist, Wanted, ranked
from shared.signals.candidates import Candidates
from shared.signals.succession import Succession
from shared.signals.users import UserBatch

_LIVE_S: Final = 60
"""Seconds for which requests share one set of live events."""
_CACHE_BYTES: Final = 32_000_000
"""Memory for the cached scores, causes and profiles of users."""
_CAUSES_BYTES: Final = 4_000
"""Estimated size of the cached causes of one user."""
_SHORTLISTS_BYTES: Final = 200 * LENGTH
"""Estimated size of the cached shortlists of one user."""
_ENTRY_BYTES: Final = 300
"""Estimated size of an entry of a cached user's history: the entry, its time and its event id."""
_MIN_CACHED: Final = 8
"""Users whose scores are cached, at least, however many events are live."""


@dataclass(slots=True)
class _Cached:
    """Cached results for one profile, for repeated requests.

    Attributes
    ----------
    scores : float of shape (c,) – scores of the live events; None until they are computed.
    causes : causes by event row, see `explanation.py`.
    shortlists : shortlists by what they were made for, see `shortlist.py`.
    """

    scores: NDArray[np.floating] | None = None
    causes: dict[int, Cause] = field(default_factory=dict)
    shortlists: dict[Hashable, Shortlist] = field(default_factory=dict)


class LiveCandidates:
    """Live candidates of one minute, with an LRU cache of the scores and causes of users by profile.

    Some of the c candidates may be over before the minute is, so every list must apply `may_show`.

    Attributes
    ----------
    minute : number of the minute, POSIX seconds / `_LIVE_S`.
    candidates : the live events; what depends on them alone is cached in them.
    """

    def __init__(self, recommender: Recommender, candidates: Candidates, minute: int) -> None:
        self.minute = minute
        self.candidates = candidates
        self._recommender = recommender
        self._cached_bytes = 0
        self._by_profile: OrderedDict[Profile, _Cached] = OrderedDict()
        self._latest: tuple[Profile, _Cached] | None = None
        self._least: NDArray[np.int64] | None = None
        self._lock = threading.Lock()

    def scores(self, viewer: Viewer) -> NDArray[np.floating]:
        """Scores of the live events for one user, float of shape (c,)."""
        cached = self._of(viewer.profile)
        if cached.scores is None:
            cached.scores = self._recommender.score(viewer, self.candidates)
        return cached.scores

    def ranked(self, wanted: Wanted, scores: NDArray[np.floating] | None = None) -> RankedList:
        """Ranked list for one user, in two stages where many events are live.

        Parameters
        ----------
        scores : float of shape (c,) – scores of all, where they are known already, see `scores_of_each`.
        """
        if not self.is_staged:
            return wanted.list_of(self.candidates, self.scores(wanted.viewer) if scores is None else scores)
        known = self._of(wanted.viewer.profile).shortlists
        return ranked(wanted, self.candidates, lambda: self._stages(wanted.viewer), self._least_known, known)

    def scores_of_each(self, viewers: Sequence[Viewer]) -> Iterable[NDArray[np.floating] | None]:
        """Scores of the live events for b users, float of shape (c,) each; None where lists are made in two stages."""
        return [None] * len(viewers) if self.is_staged else score_batch(self._recommender, viewers, self.candidates)

    @property
    def is_staged(self) -> bool:
        """Whether lists are made in two stages."""
        return len(self.candidates) >= STAGED_FROM and isinstance(self._recommender.scorer, Staged)

    def warm_up(self) -> None:
        """Compute what all lists in two stages share."""
        profile = Profile(User(user_id="anonymous"))
        self._stages(Viewer.of(profile, self._recommender.catalog, datetime.fromtimestamp(self.candidates.now_s, UTC)))

    def _stages(self, viewer: Viewer) -> Stages:
        return cast("Staged", self._recommender.scorer).stages(UserBatch(viewer.histories, self.candidates))

    def _least_known(self) -> NDArray[np.int64]:
        """Columns of the `LEAST_KNOWN` events with the least feedback, int64."""
        if self._least is None:
            now = datetime.fromtimestamp(self.candidates.now_s, UTC)
            fingerprints = self.candidates.static.derived(fingerprints_of)
            everything = np.ones(len(self.candidates), np.bool_)
            self._least = least_known(self.candidates.popularity, fingerprints, everything, now, limit=LEAST_KNOWN)
        return self._least

    def causes(self, profile: Profile) -> dict[int, Cause]:
        """Cache of the causes of a user's recommendations, by event row."""
        return self._of(profile).causes

    def _of(self, profile: Profile) -> _Cached:
        # A request asks twice, and the hash of a long history takes time.
        latest = self._latest
        if latest is not None and latest[0] is profile:
            return latest[1]
        with self._lock:
            cached = self._by_profile.get(profile)
            if cached is None:
                cached = self._by_profile[profile] = _Cached()
                self._cached_bytes += self._size(profile)
            self._by_profile.move_to_end(profile)
            while self._cached_bytes > _CACHE_BYTES and len(self._by_profile) > _MIN_CACHED:
                oldest, _ = self._by_profile.popitem(last=False)
                self._cached_bytes -= self._size(oldest)
        self._latest = profile, cached
        return cached

    def _size(self, profile: Profile) -> int:
        """Estimated bytes of what is cached for a user; a long history takes more than the scores."""
        scores = _SHORTLISTS_BYTES if self.is_staged else 4 * len(self.candidates)
        return scores + _CAUSES_BYTES + _ENTRY_BYTES * len(profile.history)


class CachedRecommender:
    """Recommender with the live candidates of the latest minute.

    Parameters
    ----------
    recommender : the model, with the catalog and the popularity of now.
    earlier : earlier live events, whose values are reused where they still hold; None for none.
    base : recommender of the same catalog and popularity with another scorer, whose live candidates this one shares;
        None for none.
    """

    def __init__(
        self,
        recommender: Recommender,
        *,
        earlier: Succession | None = None,
        base: "CachedRecommender | None" = None,
    ) -> None:
        self.recommender = recommender
        self.base = base
        self._earlier = earlier
        self._live: LiveCandidates | None = None
        self._lock = threading.Lock()

    def live(self, now: datetime, *, waits: bool = False) -> LiveCandidates:
        """Live candidates as of the minute of `now`, so that requests share all results that depend on them alone.

        One request makes those of a new minute. Others that come meanwhile share those of the minute before, and wait
        where there are none. Of many events, a thread makes them, and no request does.

        Parameters
        ----------
        waits : for those of the very minute, however many events there are.
        """
        minute = int(now.timestamp()) // _LIVE_S
        live = self._live
        if live is not None and live.minute == minute:
            return live
        shared = live if live is not None and live.minute == minute - 1 else None
        if waits:
            shared = None
        if not self._lock.acquire(blocking=shared is None) and shared is not None:
            return shared
        if shared is not None and shared.is_staged:
            # The thread releases the lock.
            threading.Thread(target=self._renew, args=(now, minute), daemon=True).start()
            return shared
        return self._renew(now, minute)

    def _renew(self, now: datetime, minute: int) -> LiveCandidates:
        """Live candidates of a minute, made unless they are there; releases the lock, which the caller must hold."""
        try:
            live = self._live
            if live is None or live.minute != minute:
                live = LiveCandidates(self.recommender, self._candidates(now), minute)
                if live.is_staged:
                    live.warm_up()
                self._live, self._earlier = live, None
        finally:
            self._lock.release()
        return live

    def _candidates(self, now: datetime) -> Candidates:
        if self.base is not None:
            return self.base.live(now).candidates
        recommender, earlier = self.recommender, self._latest()
        rows = np.flatnonzero(recommender.catalog.live(now))
        static = earlier.candidates(recommender.catalog, rows) if earlier else None
        return Candidates(recommender.catalog, rows, now.timestamp(), recommender.popularity[rows], static=static)

    def _latest(self) -> Succession | None:
        earlier, live = self._earlier, self._live
        return Succession.of(live.candidates.static) if live else earlier

    def explain(self, viewer: Viewer, rows: NDArray[np.int64], now: datetime) -> Sequence[Explanation]:
        """Explanations of the n listed event rows for one user, from cached causes where there are any."""
        return self.recommender.explain(viewer, rows, self.live(now).causes(viewer.profile), now)

    def recommend(
        self, history: Sequence[tuple[str, str]] | Profile = (), *, k: int = 10, now: datetime | None = None
    ) -> list[Recommendation]:
        """Top-k live events for one user, see `Recommender.recommend`; `now` is None for the present."""
        now = now or datetime.now(UTC)
        return self.recommender.recommend(history, k=k, now=now, ranked=self.live(now).ranked)

    def prepare(self, now: datetime) -> None:
        """Warm up: compute what all requests share of the live events, so that no request waits for it."""
        self.recommender.scorer.prepare()
        sample = self.recommender.catalog.events.ids(self.live(now, waits=True).candidates.rows[:1])
        clicks = tuple(HistoryEntry(InteractionType.CLICK, now, event_id) for event_id in sample)
        self.recommend(Profile(User(user_id="anonymous"), clicks), k=1, now=now)

    def with_events(self, events: Sequence[Event]) -> "CachedRecommender":
        """Recommender with these events added or replaced, see `Recommender.with_events`; keeps what still holds."""
        recommender, merge = self.recommender.with_changes(events)
        earlier = self._latest()
        return CachedRecommender(recommender, earlier=earlier and earlier.after(merge))

    def with_popularity(self, sums: Mapping[str, float]) -> "CachedRecommender":
        """Recommender with newer popularity, see `Recommender.with_popularity`; keeps what does not depend on it."""
        return CachedRecommender(self.recommender.with_popularity(sums), earlier=self._latest())

    def with_scorer(self, scorer: Scorer) -> "CachedRecommender":
        """Recommender that scores the same live candidates by another model of the same catalog."""
        return CachedRecommender(replace(self.recommender, scorer=scorer), base=self)
