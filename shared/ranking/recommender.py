"""A trained model with all it needs to answer: catalog, scorer and popularity."""

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
from shared.ranking.lists import choose, may_show, tell
from shared.ranking.query import ListQuery, RankedList, Recommendation, Viewer
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

_FRESH_S: Final = 60
_KEPT_BYTES: Final = 32_000_000
_CAUSES_BYTES: Final = 4_000
_FEWEST_KEPT: Final = 8


@dataclass(slots=True)
class Memory:
    """What was worked out for a profile, for those who ask again soon.

    Attributes
    ----------
    scores : of the live events of the minute, shape (c,); None when nobody asked for them yet.
    causes : by event row, the source and the reason of what speaks to the user in it, see `explanation.py`.
    """

    scores: NDArray[np.floating] | None = None
    causes: dict[int, Cause] = field(default_factory=dict)


@dataclass(frozen=True)
class Recommender:
    """Ranks live events for users.

    Attributes
    ----------
    catalog : the events.
    scorer : the model.
    popularity : float64 of shape (len(catalog),) – forward-decayed, see `feedback/popularity.py`.
    before : float64 of shape (len(trends.WINDOWS), len(catalog)) – the same at training, without each window.
    earlier : live events of this catalog at an earlier moment; what outlasted it is used again.
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
        """Train `model`, one of `MODELS`, on a table made for `catalog` that holds nothing later than `now`.

        `replay`, of the same users or some of them, up to `now` or later, saves the blend what it worked out before.
        """
        if model not in MODELS:
            raise InvalidField("model", model, f"one of {', '.join(MODELS)}")

        def past() -> Replay:
            return replay or Replay.of(table, catalog, users, now=now)

        scorer = MODELS[model].train(TrainingInput(table, len(catalog), now, half_life_days, past))
        before = before_windows(table, len(catalog), now)
        return cls(catalog, scorer, popularity(table, len(catalog)), before)

    @classmethod
    def empty(cls) -> Self:
        """What answers before there is any model: popularity, then soonest."""
        return cls(Catalog.of([]), MostPopular(), np.zeros(0), np.zeros((len(WINDOWS), 0)))

    def candidates(self, event_rows: NDArray[np.integer], now: datetime) -> Candidates:
        """These events at `now`."""
        return Candidates(self.catalog, event_rows, now.timestamp(), self.popularity[event_rows])

    def rank(
        self, histories: Histories, candidates: Candidates, k: int, *, may_show: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """The best k of c candidates for each of b users.

        Returns event rows (-1 where a list ends early) and scores, shape (b, min(k, c)) each. Events that a user
        booked, attended or dismissed are left out, and those that `may_show`, bool of shape (c,), does not allow.
        """
        scores = self.scorer.score(UserBatch(histories, candidates))
        allowed = ~histories.excluded(len(self.catalog))[:, candidates.rows]
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
        """The best k live events for one user.

        Parameters
        ----------
        history : the user's profile, or pairs of an event's id and an interaction type, newest first.
        k : length of the list, at least 1.
        now : the time for which events are live, the present for None.
        """
        now = now or datetime.now(UTC)
        profile = history if isinstance(history, Profile) else _profile(history, now)
        viewer, query = Viewer.of(profile, self.catalog, now), ListQuery(k=k)
        return self.tell(self.choose(viewer, query, rules=Rules(), now=now), viewer, query, rules=Rules(), now=now)

    def choose(self, viewer: Viewer, query: ListQuery, *, rules: Rules, now: datetime) -> RankedList:
        """The best live events for one user, before they are told."""
        live = self.live(now)
        allowed = may_show(self.catalog, live.rows, viewer, rules, now)
        return choose(live, self.scores(viewer, live), allowed, query, rules=rules, now=now)

    def tell(
        self,
        ranked: RankedList,
        viewer: Viewer,
        query: ListQuery,
        *,
        rules: Rules,
        now: datetime,
        source: str | None = None,
    ) -> list[Recommendation]:
        """A list as it is answered, see `listing.tell`."""

        def why(rows: NDArray[np.int64]) -> Sequence[Reason]:
            causes = self.memory(viewer.profile, self.live(now)).causes
            return explain(self.scorer, viewer, self.candidates(rows, now), causes, now)

        return tell(self.catalog, ranked, viewer, query, rules=rules, now=now, explain=why, source=source)

    def scores(self, viewer: Viewer, live: Candidates) -> NDArray[np.floating]:
        """One user's score of each live event, shape (c,)."""
        memory = self.memory(viewer.profile, live)
        if memory.scores is None:
            memory.scores = self.scorer.score(UserBatch(viewer.histories, live))[0]
        return memory.scores

    def memory(self, profile: Profile, live: Candidates) -> Memory:
        """What was worked out for somebody with this profile while these are the live events, a minute at most."""
        kept: OrderedDict[Profile, Memory] = live.cached("memories", OrderedDict)
        with self._lock:
            memory = kept.setdefault(profile, Memory())
            kept.move_to_end(profile)
            while len(kept) > max(_FEWEST_KEPT, _KEPT_BYTES // (4 * len(live) + _CAUSES_BYTES)):
                kept.popitem(last=False)
        return memory

    def live(self, now: datetime) -> Candidates:
        """The live events of the current minute, kept so that requests share what follows from them alone.

        Some of them may be over by `now`: whoever makes a list asks `may_show`.
        """
        minute = int(now.timestamp()) // _FRESH_S
        kept = self._live.get(minute)
        if kept is None:
            rows = np.flatnonzero(self.catalog.live(now))
            latest = self._latest()
            if latest is not None and np.array_equal(latest.rows, rows):
                kept = latest.at(now.timestamp(), self.popularity[rows])
            else:
                kept = self.candidates(rows, now)
            self._live.clear()
            self._live[minute] = kept
        return kept

    def _latest(self) -> Candidates | None:
        return next(iter(tuple(self._live.values())), self.earlier)

    def prepare(self, now: datetime) -> None:
        """Work out what every request needs of the live events, so that none of them waits for it."""
        self.scorer.prepare()
        live = self.live(now)
        some = self.catalog.events.ids(live.rows[:1])
        viewer = Viewer.of(_profile([(event_id, InteractionType.CLICK) for event_id in some], now), self.catalog, now)
        self.scorer.score(UserBatch(viewer.histories, live))

    def with_events(self, events: Sequence[Event]) -> Self:
        """The same model with these events put into the catalog, or replaced there."""
        catalog = self.catalog.merged(events)
        places = self.catalog.events.rows(catalog.events.ids())
        before = np.pad(self.before, ((0, 0), (0, 1)))[:, places]
        popular = np.append(self.popularity, 0.0)[places]
        return replace(self, catalog=catalog, popularity=popular, before=before, earlier=None)

    def with_popularity(self, sums: Mapping[str, float]) -> Self:
        """The same model with newer popularity for some events; unknown events are ignored."""
        rows = self.catalog.events.rows(list(sums))
        fresh = self.popularity.copy()
        fresh[rows[rows >= 0]] = np.fromiter(sums.values(), np.float64, len(sums))[rows >= 0]
        return replace(self, popularity=fresh, earlier=self._latest())

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        arrays = {**self.catalog.to_arrays(), "popularity.sums": self.popularity, "popularity.before": self.before}
        return arrays | self.scorer.to_arrays()

    @classmethod
    def from_arrays(cls, model: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`; raises `ArtifactError` for an unknown model or a missing array."""
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
