"""What passes between a request and a list: who looks, what they wish, and what they get."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import Profile
from shared.feedback.history import Histories
from shared.ranking.filters import Filters


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a list of events.

    Attributes
    ----------
    profile : what is known of them; of a stranger nothing.
    histories : the same as the models see it.
    organizer_ids : for whom they organize; nobody is recommended their own events.
    """

    profile: Profile
    histories: Histories
    organizer_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, profile: Profile, catalog: Catalog, now: datetime, organizer_ids: tuple[str, ...] = ()) -> "Viewer":
        """Somebody who looks at events of this catalog; who has a name may also organize under it."""
        return cls(profile, Histories.of_profile(profile, catalog, now), (profile.user.user_id, *organizer_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What a request wants of a list.

    Attributes
    ----------
    k : how many events at most, at least 1.
    diversity : 0 for the best, 1 for the least alike.
    per_organizer : how many events of one organizer at most, None for any number.
    cursor : of the page before, "" for the first page.
    explain : whether to say why each event is there.
    """

    k: int = 10
    filters: Filters = field(default_factory=Filters)
    diversity: float = 0.0
    per_organizer: int | None = None
    cursor: str = ""
    explain: bool = True


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One event of a list; `source` names what ranked it, None where nobody asked."""

    event_id: str
    title: str
    starts_at: datetime | None
    score: float
    source: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RankedList:
    """A list before it is told.

    Attributes
    ----------
    rows : int64 of shape (n,) – of the catalog, best first; the first `pinned` of them are pinned.
    scores : float of shape (n,).
    cursor : for the next page, None where the list ends.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.floating]
    pinned: int = 0
    cursor: str | None = None
