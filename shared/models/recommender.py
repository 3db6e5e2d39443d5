"""A trained model with all it needs to answer: catalog, scorer and popularity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from shared.analysis import ranking, reasons
from shared.entities import Event, HistoryEntry, InteractionType, Profile, User
from shared.errors import ArtifactError, InvalidField
from shared.models.blend import Blend
from shared.models.catalog import Catalog, moment
from shared.models.collaborative import MostPopular, TruncatedSVD
from shared.models.history import Histories
from shared.models.interactions import InteractionTable
from shared.models.popularity import popularity
from shared.models.request import Candidates, Request
from shared.models.weights import TYPES

BLEND: Final = "blend"
SVD: Final = "svd"
POPULARITY: Final = "popularity"
MODELS: Final = (BLEND, SVD, POPULARITY)
_FRESH_S: Final = 60
_NOTHING: Final = 1e-6


class Scorer(Protocol):
    """A model over the candidates of a request."""

    def score(self, request: Request) -> NDArray[np.floating]:
        """What orders the lists: finite, shape (b, c)."""

    def taste(self, request: Request) -> NDArray[np.float32]:
        """The part that is the users' own, shape (b, c); all are weighed as the first user is."""

    def sources(self, request: Request) -> list[str]:
        """What speaks most for each of c events to the first user."""

    def report(self) -> dict[str, Any]:
        """How it was trained, for the manifest."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One event of a list; `source` names what ranked it."""

    event_id: str
    title: str
    starts_at: datetime | None
    score: float
    source: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Recommender:
    """Ranks live events for users.

    Attributes
    ----------
    catalog : the events.
    scorer : the model.
    popularity : float64 of shape (len(catalog),) – forward-decayed, see `models/popularity.py`.
    """

    catalog: Catalog
    scorer: Scorer
    popularity: NDArray[np.float64]
    _live: dict[int, Candidates] = field(default_factory=dict, init=False, repr=False, compare=False)

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
    ) -> Self:
        """Train `model`, one of `MODELS`, on a table made for `catalog` that holds nothing later than `now`."""
        if model not in MODELS:
            raise InvalidField("model", model, f"one of {', '.join(MODELS)}")
        scorer: Scorer = MostPopular()
        if model == SVD:
            scorer = TruncatedSVD(half_life_days=half_life_days).fit(table, n_events=len(catalog))
        elif model == BLEND:
            scorer = Blend.fit(table, catalog, users, now=now)
        return cls(catalog, scorer, popularity(table, len(catalog)))

    @classmethod
    def empty(cls) -> Self:
        """What answers before there is any model: popularity, then soonest."""
        return cls(Catalog.of([]), MostPopular(), np.zeros(0))

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
        scores = self.scorer.score(Request(histories, candidates))
        allowed = ~histories.excluded(len(self.catalog))[:, candidates.rows]
        if may_show is not None:
            allowed &= may_show
        columns, best = ranking.top(scores, allowed, k)
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
        histories = Histories.of_profile(profile, self.catalog, now)
        live = self._live_at(now)
        # Candidates are kept for a while; what ended or sold out meanwhile is not shown.
        rows, scores = self.rank(histories, live, k, may_show=self.catalog.live(now)[live.rows])
        listed = rows[0][rows[0] >= 0]
        told = explain(self, histories, listed, now)
        return [
            Recommendation(
                event_id=event_id,
                title=self.catalog.title(row),
                starts_at=moment(self.catalog.starts_at[row]),
                score=float(score),
                source=source,
                reasons=why,
            )
            for event_id, row, score, (source, why) in zip(
                self.catalog.events.ids(listed), listed, scores[0], told, strict=False
            )
        ]

    def _live_at(self, now: datetime) -> Candidates:
        """The live events of the current minute, kept so that requests share what follows from them alone."""
        minute = int(now.timestamp()) // _FRESH_S
        kept = self._live.get(minute)
        if kept is None:
            kept = self.candidates(np.flatnonzero(self.catalog.live(now)), now)
            self._live.clear()
            self._live[minute] = kept
        return kept

    def with_events(self, events: Sequence[Event]) -> Self:
        """The same model with these events put into the catalog, or replaced there."""
        catalog = self.catalog.merged(events)
        places = self.catalog.events.rows(catalog.events.ids())
        return replace(self, catalog=catalog, popularity=np.append(self.popularity, 0.0)[places])

    def with_popularity(self, sums: Mapping[str, float]) -> Self:
        """The same model with newer popularity for some events; unknown events are ignored."""
        rows = self.catalog.events.rows(list(sums))
        fresh = self.popularity.copy()
        fresh[rows[rows >= 0]] = np.fromiter(sums.values(), np.float64, len(sums))[rows >= 0]
        return replace(self, popularity=fresh)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        arrays = {**self.catalog.to_arrays(), "popularity.sums": self.popularity}
        return arrays | self.scorer.to_arrays()

    @classmethod
    def from_arrays(cls, model: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`; raises `ArtifactError` for an unknown model or a missing array."""
        if model not in MODELS:
            raise ArtifactError(f"model: expected one of {', '.join(MODELS)}, got {model!r}; update this program")
        try:
            catalog = Catalog.from_arrays(arrays)
            scorer: Scorer = MostPopular()
            if model == SVD:
                scorer = TruncatedSVD.from_arrays(arrays)
            elif model == BLEND:
                scorer = Blend.from_arrays(arrays)
            return cls(catalog, scorer, arrays["popularity.sums"])
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"array {error} is missing or damaged; train again or roll back") from error


def explain(
    recommender: Recommender, histories: Histories, rows: NDArray[np.int64], now: datetime
) -> list[tuple[str, tuple[str, ...]]]:
    """The source of each of one user's listed events and the reasons for it.

    Reasons are true: the entry of the history, or the part of the profile, without which the score would fall most.
    """
    catalog = recommender.catalog
    entries = histories.telling()
    user = histories.users[0]
    others = (
        replace(user, preferred_tags=(), preferred_categories=()),
        replace(user, location=None),
        User(user_id=user.user_id),
    )
    variants = Request(histories.without_each(entries, others), recommender.candidates(rows, now))
    taste = recommender.scorer.taste(variants)
    losses = taste[0] - taste[1:]
    strongest = losses[:-1].argmax(axis=0)
    sources = recommender.scorer.sources(variants)
    told = []
    for place, row in enumerate(rows):
        is_personal = taste[0, place] > 0 and losses[strongest[place], place] > _NOTHING
        popular = recommender.popularity[row] > 0
        why: list[str | None] = []
        if is_personal:
            why.append(_cause(histories, entries, int(strongest[place]), catalog))
        elif popular:
            why.append("popular now")
        why.append(reasons.starting(moment(catalog.starts_at[row]), now))
        source = sources[place] if is_personal else "popularity" if popular else "soonest"
        told.append((source, tuple(reason for reason in why if reason)))
    return told


def _cause(histories: Histories, entries: NDArray[np.int64], strongest: int, catalog: Catalog) -> str | None:
    if strongest >= len(entries):
        return ("matches your interests", "near you")[strongest - len(entries)]
    entry = entries[strongest]
    if histories.event_rows[entry] < 0:
        return "you follow the organizer"
    return reasons.because(TYPES[histories.codes[entry]], catalog.title(int(histories.event_rows[entry])))


def _profile(history: Sequence[tuple[str, str]], now: datetime) -> Profile:
    entries = tuple(HistoryEntry(InteractionType(kind), now, event_id) for event_id, kind in history)
    return Profile(User(user_id="anonymous"), entries)
