"""Recommender: a trained scorer with its catalog and popularity, which ranks live events for users."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import Event, HistoryEntry, InteractionType, Profile, Rules, User
from shared.errors import ArtifactError, InvalidField
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import popularity
from shared.feedback.trends import WINDOWS, before_windows
from shared.learning.replay import Replay
from shared.models.baselines import MostPopular
from shared.models.registry import MODELS
from shared.models.scorer import Scorer, TrainingInput
from shared.ranking import topk
from shared.ranking.explanation import Cause, Reason, explain
from shared.ranking.lists import build_list, may_show, to_items
from shared.ranking.query import ListQuery, RankedList, Recommendation, Viewer
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

_LIVE_S: Final = 60
"""Seconds for which requests share one set of live events."""
_CACHE_BYTES: Final = 32_000_000
"""Memory for the cached scores and causes of users."""
_CAUSES_BYTES: Final = 4_000
"""Estimated size of the cached causes of one user."""
_MIN_CACHED: Final = 8
"""Users whose scores are cached, at least, however many events are live."""


@dataclass(slots=True)
class Memory:
    """Cached results for one profile and one set of live events, for repeated requests.

    Attributes
    ----------
    scores : float of shape (c,) – scores of the live events; None until they are computed.
    causes : causes by event row, see `explanation.py`.
    """

    scores: NDArray[np.floating] | None = None
    causes: dict[int, Cause] = field(default_factory=dict)


@dataclass(frozen=True)
class Recommender:
    """Trained model that ranks the live events of its catalog for users.

    Attributes
    ----------
    catalog : all known events.
    scorer : the trained model.
    popularity : float64 of shape (len(catalog),) – forward-decayed, see `feedback/popularity.py`.
    before : float64 of shape (len(trends.WINDOWS), len(catalog)) – popularity from before each trend window, as of the
        training.
    earlier : live events of this catalog at an earlier time, whose time-independent cache is reused; None for none.
    """

    catalog: Catalog
    scorer: Scorer
    popularity: NDArray[np.float64]
    before: NDArray[np.float64]
    earlier: Candidates | None = field(default=None, repr=False, compare=False)
    _live: dict[int, Candidates] = field(default_factory=dict, init=False, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @classmethod
    def fit(
        cls,
        model: str,
        table: InteractionTable,
        catalog: Catalog,
        users: Mapping[str, User],
        *,
        now: datetime,
        half_life_days: float,
        replay: Replay | None = None,
    ) -> Self:
        """Recommender with a newly trained model; raises `InvalidField` for an unknown one.

        Parameters
        ----------
        model : name in `MODELS`.
        table : interactions, with rows of `catalog`, none later than `now`.
        half_life_days : age at which an interaction weighs half.
        replay : replay of all or some of `users`, up to `now` or later, whose training groups the blend reuses; None
            to compute them.
        """
        if model not in MODELS:
            raise InvalidField("model", model, f"one of {', '.join(MODELS)}")

        def replayed() -> Replay:
            return replay or Replay.of(table, catalog, users, now=now)

        scorer = MODELS[model].train(TrainingInput(table, len(catalog), now, half_life_days, replayed))
        before = before_windows(table, len(catalog), now)
        return cls(catalog, scorer, popularity(table, len(catalog)), before)

    @classmethod
    def empty(cls) -> Self:
        """Recommender without events, in use until a model is published: ranks by popularity, then by start."""
        return cls(Catalog.of([]), MostPopular(), np.zeros(0), np.zeros((len(WINDOWS), 0)))

    def candidates(self, event_rows: NDArray[np.integer], now: datetime) -> Candidates:
        """Candidates of these event rows at `now`."""
        return Candidates(self.catalog, event_rows, now.timestamp(), self.popularity[event_rows])

    def rank(
        self, histories: Histories, candidates: Candidates, k: int, *, may_show: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """Top-k candidates for each of b users, without events that the user booked, attended or dismissed.

        Parameters
        ----------
        may_show : bool of shape (c,) – candidates that may be listed; None for all.

        Returns
        -------
        rows : int64 of shape (b, min(k, c)) – event rows, best first; -1 where a list ends early.
        scores : float of shape (b, min(k, c)); -inf where a list ends early.
        """
        scores = self.scorer.score(UserBatch(histories, candidates))
        allowed = ~histories.consumed(len(self.catalog))[:, candidates.rows]
        if may_show is not None:
            allowed &= may_show
        columns, best = topk.top(scores, allowed, k)
        rows = np.where(columns >= 0, candidates.rows[columns], -1) if columns.size else columns
        return rows, best

    def recommend(
        self,
        history: Sequence[tuple[str, str]] | Profile = (),
        *,
        k: int = 10,
        now: datetime | None = None,
    ) -> list[Recommendation]:
        """Top-k live events for one user, with explanations.

        Parameters
        ----------
        history : the user's profile, or pairs of event id and interaction type, newest first.
        k : length of the list, at least 1.
        now : time at which the events must be live; None for the present.
        """
        now = now or datetime.now(UTC)
        profile = history if isinstance(history, Profile) else _profile(history, now)
        viewer, query = Viewer.of(profile, self.catalog, now), ListQuery(k=k)
        return self.to_items(
            self.build_list(viewer, query, rules=Rules(), now=now), viewer, query, rules=Rules(), now=now
        )

    def build_list(self, viewer: Viewer, query: ListQuery, *, rules: Rules, now: datetime) -> RankedList:
        """Ranked list of live events for one user, before titles and reasons are added."""
        live = self.live(now)
        allowed = may_show(self.catalog, live.rows, viewer, rules, now)
        return build_list(live, self.scores(viewer, live), allowed, query, rules=rules, now=now)

    def to_items(
        self,
        ranked: RankedList,
        viewer: Viewer,
        query: ListQuery,
        *,
        rules: Rules,
        now: datetime,
        source: str | None = None,
    ) -> list[Recommendation]:
        """Items of a ranked list, explained by this model unless `source` is given; see `lists.to_items`."""

        def explained(rows: NDArray[np.int64]) -> Sequence[Reason]:
            causes = self.memory(viewer.profile, self.live(now)).causes
            return explain(self.scorer, viewer, self.candidates(rows, now), causes, now)

        return to_items(self.catalog, ranked, viewer, query, rules=rules, now=now, explain=explained, source=source)

    def scores(self, viewer: Viewer, live: Candidates) -> NDArray[np.floating]:
        """Scores of the c live events for one user, float of shape (c,), cached."""
        memory = self.memory(viewer.profile, live)
        if memory.scores is None:
            memory.scores = self.scorer.score(UserBatch(viewer.histories, live))[0]
        return memory.scores

    def memory(self, profile: Profile, live: Candidates) -> Memory:
        """Cached results for this profile and these live events; least recently used ones are dropped.

        The cache belongs to `live`, so it lasts for a minute at most.
        """
        memories: OrderedDict[Profile, Memory] = live.cached("memories", OrderedDict)
        with self._lock:
            memory = memories.setdefault(profile, Memory())
            memories.move_to_end(profile)
            while len(memories) > max(_MIN_CACHED, _CACHE_BYTES // (4 * len(live) + _CAUSES_BYTES)):
                memories.popitem(last=False)
        return memory

    def live(self, now: datetime) -> Candidates:
        """Live events as of the current minute, so that requests share all results that depend on them alone.

        Some of them may be over by `now`, so every list must apply `may_show`.
        """
        minute = int(now.timestamp()) // _LIVE_S
        live = self._live.get(minute)
        if live is None:
            rows = np.flatnonzero(self.catalog.live(now))
            latest = self._latest()
            if latest is not None and np.array_equal(latest.rows, rows):
                live = latest.at(now.timestamp(), self.popularity[rows])
            else:
                live = self.candidates(rows, now)
            self._live.clear()
            self._live[minute] = live
        return live

    def _latest(self) -> Candidates | None:
        return next(iter(tuple(self._live.values())), self.earlier)

    def prepare(self, now: datetime) -> None:
        """Warm up: compute what all requests share of the live events, so that no request waits for it."""
        self.scorer.prepare()
        live = self.live(now)
        sample = self.catalog.events.ids(live.rows[:1])
        viewer = Viewer.of(_profile([(event_id, InteractionType.CLICK) for event_id in sample], now), self.catalog, now)
        self.scorer.score(UserBatch(viewer.histories, live))

    def with_events(self, events: Sequence[Event]) -> Self:
        """Recommender with these events added to its catalog, or replaced there; the model stays as trained."""
        catalog = self.catalog.merged(events)
        rows = self.catalog.events.rows(catalog.events.ids())
        before = np.pad(self.before, ((0, 0), (0, 1)))[:, rows]
        popular = np.append(self.popularity, 0.0)[rows]
        return replace(self, catalog=catalog, popularity=popular, before=before, earlier=None)

    def with_popularity(self, sums: Mapping[str, float]) -> Self:
        """Recommender with newer popularity by event id; unknown events are ignored, the model stays as trained."""
        rows = self.catalog.events.rows(list(sums))
        fresh = self.popularity.copy()
        fresh[rows[rows >= 0]] = np.fromiter(sums.values(), np.float64, len(sums))[rows >= 0]
        return replace(self, popularity=fresh, earlier=self._latest())

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of the artifact by name: those of the catalog, the popularity and the model."""
        arrays = {**self.catalog.to_arrays(), "popularity.sums": self.popularity, "popularity.before": self.before}
        return arrays | self.scorer.to_arrays()

    @classmethod
    def from_arrays(cls, model: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Recommender from an artifact's arrays, the inverse of `to_arrays`.

        Raises `ArtifactError` for an unknown model and for a missing or damaged array.
        """
        if model not in MODELS:
            raise ArtifactError(f"model: expected one of {', '.join(MODELS)}, got {model!r}; update this program")
        try:
            catalog = Catalog.from_arrays(arrays)
            scorer = MODELS[model].from_arrays(arrays)
            return cls(catalog, scorer, arrays["popularity.sums"], arrays["popularity.before"])
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"array {error} is missing or damaged; train again or roll back") from error


def _profile(history: Sequence[tuple[str, str]], now: datetime) -> Profile:
    entries = tuple(HistoryEntry(InteractionType(kind), now, event_id) for event_id, kind in history)
    return Profile(User(user_id="anonymous"), entries)
