"""Recommender: a trained scorer with its catalog and popularity, which ranks live events for users."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked
from shared.arrays.merge import Merge
from shared.catalog.calendar import Calendar
from shared.catalog.catalog import Catalog
from shared.entities import Event, HistoryEntry, InteractionType, Profile, Rules, User
from shared.errors import ArtifactError
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.feedback.trends import WINDOWS, Popularity
from shared.models.baselines import MostPopular
from shared.models.registry import MODELS, check_trainable
from shared.models.scorer import Scorer, TrainingInput
from shared.ranking import topk
from shared.ranking.cards import Cards
from shared.ranking.explanation import Causes, Explanation, explain
from shared.ranking.lists import to_items
from shared.ranking.query import ListQuery, RankedList, Recommendation, Viewer
from shared.ranking.rerank import Cap, top_within
from shared.ranking.shortlist import Wanted
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # see `models/scorer.py`
    from shared.learning.replay import Replay


@dataclass(frozen=True, slots=True)
class Recommender:
    """Trained model that ranks the live events of its catalog for users; an immutable value.

    Attributes
    ----------
    catalog : all known events.
    scorer : the trained model.
    popularity : float64 of shape (len(catalog),) – forward-decayed, see `feedback/popularity.py`.
    before : float64 of shape (len(trends.WINDOWS), len(catalog)) – popularity from before each trend window, as of the
        training.
    cards : what apps show of the events.
    """

    catalog: Catalog
    scorer: Scorer
    popularity: NDArray[np.float64]
    before: NDArray[np.float64]
    cards: Cards

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
        events: Iterable[Event] = (),
        replay: "Replay | None" = None,
        popular: Popularity | None = None,
    ) -> Self:
        """Recommender with a newly trained model; raises `InvalidField` for one that cannot be trained here.

        Parameters
        ----------
        model : name in `MODELS`.
        table : interactions, with rows of `catalog`, none later than `now`.
        half_life_days : age at which an interaction weighs half.
        events : events of the catalog, of which those that are live at `now` get a card.
        replay : replay of all or some of `users`, up to `now` or later, whose training groups the blend reuses; None
            to compute them.
        popular : popularity at `now`, where `table` is a sample of users; None for that of `table`.
        """
        check_trainable(model)

        def replayed() -> "Replay":
            from shared.learning.replay import Replay

            return replay or Replay.of(table, catalog, users, now=now)

        scorer = MODELS[model].train(TrainingInput(table, len(catalog), now, half_life_days, replayed))
        popular = popular or Popularity.of(table, len(catalog), now)
        live = set(catalog.events.ids(np.flatnonzero(catalog.live(now))))
        cards = Cards.of((event for event in events if event.event_id in live), catalog.events)
        return cls(catalog, scorer, popular.sums, popular.before, cards)

    @classmethod
    def empty(cls, calendar: Calendar) -> Self:
        """Recommender without events, in use until a model is published: ranks by popularity, then by start."""
        catalog = Catalog.of([], calendar=calendar)
        before = np.zeros((len(WINDOWS), 0))
        return cls(catalog, MostPopular(), np.zeros(0), before, Cards.of((), catalog.events))

    def candidates(self, event_rows: NDArray[np.integer], now: datetime) -> Candidates:
        """Candidates of these event rows at `now`."""
        return Candidates(self.catalog, event_rows, now.timestamp(), self.popularity[event_rows])

    def live(self, now: datetime) -> Candidates:
        """Candidates of the events that are live at `now`."""
        return self.candidates(np.flatnonzero(self.catalog.live(now)), now)

    def score(self, viewer: Viewer, candidates: Candidates) -> NDArray[np.floating]:
        """Scores of c candidates for one user, float of shape (c,), higher is better."""
        scores: NDArray[np.floating] = self.scorer.score(UserBatch(viewer.histories, candidates))[0]
        return scores

    def explain(self, viewer: Viewer, rows: NDArray[np.int64], causes: Causes, now: datetime) -> Sequence[Explanation]:
        """Explanations of the n listed event rows for one user; `causes` is their cache, see `explanation.explain`."""
        return explain(self.scorer, viewer, self.candidates(rows, now), causes, now)

    def rank(
        self, histories: Histories, candidates: Candidates, k: int, *, per_series: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """Top-k candidates for each of b users, without events that the user booked, attended or dismissed.

        Parameters
        ----------
        per_series : greatest number of dates of one series in a list; None for no limit.

        Returns
        -------
        rows : int64 of shape (b, min(k, c)) – event rows, best first; -1 where a list ends early.
        scores : float of shape (b, min(k, c)); -inf where a list ends early.
        """
        scores = self.scorer.score(UserBatch(histories, candidates))
        allowed = ~histories.consumed(len(self.catalog))[:, candidates.rows]
        columns, best = (
            topk.top(scores, allowed, k)
            if per_series is None
            else top_within(scores, allowed, k, Cap(candidates.static.codes["series"], per_series))
        )
        rows = np.where(columns >= 0, candidates.rows[columns], -1) if columns.size else columns
        return rows, best

    def recommend(
        self,
        history: Sequence[tuple[str, str]] | Profile = (),
        *,
        k: int = 10,
        now: datetime,
        live: Candidates | None = None,
        ranked: Callable[[Wanted], RankedList] | None = None,
    ) -> list[Recommendation]:
        """Top-k live events for one user, with explanations.

        Parameters
        ----------
        history : the user's profile, or pairs of event id and interaction type, newest first.
        k : length of the list, at least 1.
        now : time at which the events must be live.
        live : candidates from which the list is made, which calls for several users can share; None for `live(now)`.
        ranked : makes the list in another way, in place of the scores of all of `live`; None for none.
        """
        profile = history if isinstance(history, Profile) else _profile(history, now)
        viewer, query, rules = Viewer.of(profile, self.catalog, now), ListQuery(k=k), Rules()
        wanted = Wanted(viewer=viewer, query=query, rules=rules, placements=rules, now=now)
        if ranked is None:
            candidates = self.live(now) if live is None else live
            listed = wanted.list_of(candidates, self.score(viewer, candidates))
        else:
            listed = ranked(wanted)

        def explained(rows: NDArray[np.int64]) -> Sequence[Explanation]:
            return self.explain(viewer, rows, {}, now)

        return to_items(self.catalog, self.cards, listed, viewer, query, rules=rules, now=now, explain=explained)

    def with_events(self, events: Sequence[Event]) -> Self:
        """Recommender with these events added to its catalog, or replaced there; the model stays as trained."""
        return self.with_changes(events)[0]

    def with_changes(self, events: Sequence[Event]) -> tuple[Self, Merge]:
        """Recommender as of `with_events`, and how the rows of its catalog follow from those of this one's."""
        catalog, merge = self.catalog.with_changes(events)
        before = self.before if merge.old is None else np.stack([merge.carried(row, 0.0) for row in self.before])
        popular = merge.carried(self.popularity, 0.0)
        cards = self.cards.with_changes(events, merge)
        return replace(self, catalog=catalog, popularity=popular, before=before, cards=cards), merge

    def with_popularity(self, sums: Mapping[str, float]) -> Self:
        """Recommender with newer popularity by event id; unknown events are ignored, the model stays as trained."""
        rows = self.catalog.events.rows(list(sums))
        fresh = self.popularity.copy()
        fresh[rows[rows >= 0]] = np.fromiter(sums.values(), np.float64, len(sums))[rows >= 0]
        return replace(self, popularity=fresh)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays of the artifact by name: those of the catalog, the cards, the popularity and the model."""
        arrays = {**self.catalog.to_arrays(), "popularity.sums": self.popularity, "popularity.before": self.before}
        return arrays | self.cards.to_arrays() | self.scorer.to_arrays()

    @classmethod
    def from_arrays(cls, model: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Recommender from an artifact's arrays, the inverse of `to_arrays`.

        Raises `ArtifactError` for an unknown model and for a missing or damaged array.
        """
        if model not in MODELS:
            raise ArtifactError(f"model: expected one of {', '.join(MODELS)}, got {model!r}; update this program")
        try:
            catalog = Catalog.from_arrays(arrays)
            return cls(
                catalog,
                MODELS[model].from_arrays(arrays, catalog),
                checked(arrays, "popularity.sums", "f8", len(catalog), low=0),
                checked(arrays, "popularity.before", "f8", len(WINDOWS), len(catalog), low=0),
                Cards.from_arrays(arrays, catalog.events),
            )
        except ValueError as error:
            raise ArtifactError(f"array {error}; train again or roll back") from error


def _profile(history: Sequence[tuple[str, str]], now: datetime) -> Profile:
    entries = tuple(HistoryEntry(InteractionType(kind), now, event_id) for event_id, kind in history)
    return Profile(User(user_id="anonymous"), entries)
