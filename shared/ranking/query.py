"""List requests and results: the viewer, the query, the ranked list and its items."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import Profile
from shared.feedback.history import Histories
from shared.ranking.cards import NO_CARD, Card
from shared.ranking.exploration import Explored
from shared.ranking.filters import Filters
from shared.ranking.reasons import Reason


@dataclass(frozen=True, slots=True)
class Viewer:
    """User who requests a list.

    Attributes
    ----------
    profile : declared profile and history, empty for a cold-start user.
    histories : the profile as input of the models, a batch of one user; entries of hidden events are those of unknown
        ones, so that no score and no reason tells anything about an event that may not be seen.
    organizer_ids : ids under which the user organizes events; their own events are not recommended to them.
    consumed_ids : ids of events that the user booked, attended or dismissed, where `profile` is without the history
        that says so.
    """

    profile: Profile
    histories: Histories
    organizer_ids: tuple[str, ...] = ()
    consumed_ids: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        profile: Profile,
        catalog: Catalog,
        now: datetime,
        organizer_ids: tuple[str, ...] = (),
        consumed_ids: tuple[str, ...] = (),
    ) -> "Viewer":
        """Viewer of events of this catalog; the user id counts as one of the organizer ids."""
        histories = _histories(profile, catalog, now)
        return cls(profile, histories, (profile.user.user_id, *organizer_ids), consumed_ids)

    def in_catalog(self, catalog: Catalog, now: datetime) -> "Viewer":
        """Viewer with histories as rows of another catalog."""
        return replace(self, histories=_histories(self.profile, catalog, now))


def _histories(profile: Profile, catalog: Catalog, now: datetime) -> Histories:
    histories = Histories.of_profile(profile, catalog, now)
    return replace(histories, event_rows=catalog.visible_rows(histories.event_rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Parameters of a requested list.

    Attributes
    ----------
    k : greatest number of events, at least 1.
    filters : conditions on the events.
    diversity : weight of dissimilarity against relevance, 0..1; 0 ranks by score alone.
    per_organizer : greatest number of events of one organizer, None for no limit.
    per_series : greatest number of dates of one series, such as a weekly course; None for no limit.
    cursor : cursor from the page before, "" for the first page.
    explain : True to add the source and the reasons of each event.
    """

    k: int = 10
    filters: Filters = field(default_factory=Filters)
    diversity: float = 0.0
    per_organizer: int | None = None
    per_series: int | None = 1
    cursor: str = ""
    explain: bool = True


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Event in a list.

    Attributes
    ----------
    score : orders events of one list only; higher is better.
    source : what ranked the event, such as `collaborative` or `popularity`; None where no explanation was requested.
    reasons : the largest contribution to the score, then how soon the event starts.
    card : what else an app shows of the event.
    drawn : chance with which exploration drew the event; None for one that was ranked.
    """

    event_id: str
    title: str
    starts_at: datetime | None
    score: float
    source: str | None
    reasons: tuple[Reason, ...]
    card: Card = NO_CARD
    drawn: float | None = None


@dataclass(frozen=True, slots=True)
class RankedList:
    """Ranked event rows of a list, before titles and reasons are added.

    Attributes
    ----------
    rows : int64 of shape (n,) – rows of the catalog, best first.
    scores : float of shape (n,) – scores of `rows`, boosts included.
    pinned : number of pinned events, which are the first of `rows`.
    cursor : cursor of the next page, None where the list ends.
    explored : slots whose events were drawn, not ranked.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.floating]
    pinned: int = 0
    cursor: str | None = None
    explored: tuple[Explored, ...] = ()
