"""A trained model with all it needs to answer: catalog, scorer and popularity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from shared.analysis import ranking, reasons
from shared.entities import Event, HistoryEntry, InteractionType, Profile, User
from shared.errors import ArtifactError, InvalidField
from shared.models.catalog import Catalog, moment
from shared.models.collaborative import TruncatedSVD
from shared.models.history import Histories
from shared.models.interactions import InteractionTable
from shared.models.popularity import popularity
from shared.models.weights import TYPES

POPULARITY: Final = "popularity"
SVD: Final = "svd"
MODELS: Final = (SVD, POPULARITY)


class Scorer(Protocol):
    """A model of personal taste over the rows of a catalog."""

    def score(self, histories: Histories, event_rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Scores of b users and c events, shape (b, c); NaN where there is nothing to say."""

    def contributions(self, histories: Histories, event_rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """What each of one user's n entries adds to the score of c events, shape (n, c)."""

    def realign(self, rows: NDArray[np.integer]) -> Self:
        """The same model for a catalog whose event i was at `rows[i]`, -1 if new."""

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
    scorer : the model of taste; None for popularity alone.
    popularity : float64 of shape (len(catalog),) – forward-decayed, see `models/popularity.py`.
    """

    catalog: Catalog
    scorer: Scorer | None
    popularity: NDArray[np.float64]

    @classmethod
    def fit(cls, model: str, table: InteractionTable, catalog: Catalog, *, half_life_days: float) -> Self:
        """Train `model`, one of `MODELS`, on a table made for `catalog`."""
        if model not in MODELS:
            raise InvalidField("model", model, f"one of {', '.join(MODELS)}")
        scorer = None
        if model == SVD:
            scorer = TruncatedSVD(half_life_days=half_life_days).fit(table, n_events=len(catalog))
        return cls(catalog, scorer, popularity(table, len(catalog)))

    def rank(
        self, histories: Histories, event_rows: NDArray[np.integer], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.floating], NDArray[np.bool_]]:
        """The best k of the candidates `event_rows`, shape (c,), for each of b users.

        Returns event rows (-1 where a list ends early), scores, and whether taste decided; shape (b, min(k, c)) each.
        Events that a user booked, saved, attended or dismissed are left out.
        """
        fallback = ranking.fallback_scores(self.popularity[event_rows], self.catalog.starts_at[event_rows])
        if self.scorer is None:
            scores = np.broadcast_to(fallback, (len(histories), len(event_rows)))
        else:
            scores = ranking.over(self.scorer.score(histories, event_rows), fallback)
        allowed = ~histories.excluded(len(self.catalog))[:, event_rows]
        columns, best = ranking.top(scores, allowed, k)
        rows = np.where(columns >= 0, event_rows[columns], -1) if columns.size else columns
        return rows, best, best > 1

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
        rows, scores, personal = self.rank(histories, np.flatnonzero(self.catalog.live(now)), k)
        listed = rows[0][rows[0] >= 0]
        causes = self._causes(histories, listed[personal[0][: len(listed)]])
        event_ids = self.catalog.events.ids(listed)
        answer = []
        for place, row in enumerate(listed):
            starts_at = moment(self.catalog.starts_at[row])
            # Lists are cut by score, so what taste decided comes first and `causes` covers it.
            is_personal, is_popular = place < len(causes), self.popularity[row] > 0
            source = "collaborative" if is_personal else "popularity" if is_popular else "soonest"
            why: list[str | None] = [causes[place]] if is_personal else ["popular now"] if is_popular else []
            why.append(reasons.starting(starts_at, now))
            answer.append(
                Recommendation(
                    event_id=event_ids[place],
                    title=self.catalog.title(row),
                    starts_at=starts_at,
                    score=float(scores[0, place]),
                    source=source,
                    reasons=tuple(reason for reason in why if reason),
                )
            )
        return answer

    def with_events(self, events: Sequence[Event]) -> Self:
        """The same model with these events put into the catalog, or replaced there."""
        catalog = self.catalog.merged(events)
        places = self.catalog.events.rows(catalog.events.ids())
        return replace(
            self,
            catalog=catalog,
            scorer=self.scorer and self.scorer.realign(places),
            popularity=np.append(self.popularity, 0.0)[places],
        )

    def with_popularity(self, sums: Mapping[str, float]) -> Self:
        """The same model with newer popularity for some events; unknown events are ignored."""
        rows = self.catalog.events.rows(list(sums))
        fresh = self.popularity.copy()
        fresh[rows[rows >= 0]] = np.fromiter(sums.values(), np.float64, len(sums))[rows >= 0]
        return replace(self, popularity=fresh)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        arrays = {**self.catalog.to_arrays(), "popularity.sums": self.popularity}
        return arrays | (self.scorer.to_arrays() if self.scorer else {})

    @classmethod
    def from_arrays(cls, model: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`; raises `ArtifactError` for an unknown model or a missing array."""
        if model not in MODELS:
            raise ArtifactError(f"model: expected one of {', '.join(MODELS)}, got {model!r}; update this program")
        try:
            catalog = Catalog.from_arrays(arrays)
            scorer = TruncatedSVD.from_arrays(arrays) if model == SVD else None
            return cls(catalog, scorer, arrays["popularity.sums"])
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"array {error} is missing or damaged; train again or roll back") from error

    def _causes(self, histories: Histories, rows: NDArray[np.int64]) -> list[str | None]:
        if self.scorer is None or not len(rows):
            return []
        shares = self.scorer.contributions(histories, rows)
        strongest = shares.argmax(axis=0)
        return [
            reasons.because(TYPES[histories.codes[entry]], self.catalog.title(int(histories.event_rows[entry])))
            for entry in strongest
        ]


def _profile(history: Sequence[tuple[str, str]], now: datetime) -> Profile:
    entries = tuple(HistoryEntry(InteractionType(kind), now, event_id) for event_id, kind in history)
    return Profile(User(user_id="anonymous"), entries)
