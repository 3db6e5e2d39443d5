"""Soundness of a recommender: lists that it makes for test profiles, before a training publishes or an instance serves.

`Recommender.from_arrays` refuses arrays that do not fit; this finds what fits and still makes no list.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import distinct
from shared.catalog.catalog import UNSEEN, Catalog
from shared.entities import HistoryEntry, InteractionType, Location, Profile, User
from shared.ranking.query import Recommendation
from shared.ranking.recommender import Recommender

K: Final = 10
"""Length of the lists."""

_ENTRIES: Final = (InteractionType.BOOKING, InteractionType.VIEW, InteractionType.SAVE, InteractionType.CLICK) * 2
"""History of the invented user, one entry for each of the events that are spread over the catalog."""
_CANDIDATES: Final = 64
"""Live events that the invented user's list is made from: bounds the time, whatever the size of the catalog."""
_NAMES: Final = 5
"""Tags and organizers that the invented user declares and follows."""


def strangers() -> list[Profile]:
    """Test profiles of users that no model knows: one without, and one with an unknown event in the history."""
    unknown = HistoryEntry(InteractionType.BOOKING, datetime.fromisoformat("1970-01-01T00:00:00Z"), "no such event")
    return [Profile(User(user_id="stranger")), Profile(User(user_id="elsewhere"), (unknown,))]


def invented(catalog: Catalog, now: datetime) -> Profile:
    """Test profile of a user who is known in every way that signals read: events, follows, tags, home, price, friends.

    The events are spread over the catalog, the first and the last included, so that every signal has something to say.
    """
    known = np.flatnonzero(catalog.starts_at != UNSEEN)
    rows = known[_spread(len(known), len(_ENTRIES))]
    events = zip(_ENTRIES, catalog.events.ids(rows), strict=False)
    history = [HistoryEntry(kind, now, event_id) for kind, event_id in events]
    organizers = catalog.organizers
    followed = organizers.ids(_spread(len(organizers), _NAMES))
    history += [HistoryEntry(InteractionType.FOLLOW, now, organizer_id=name) for name in followed]
    tags, categories = catalog.bags["tags"].names, catalog.fields["category"].names
    located = np.flatnonzero(~np.isnan(catalog.lat) & ~np.isnan(catalog.lng))[:1]
    user = User(
        user_id="invented",
        preferred_tags=tuple(tags.ids(_spread(len(tags), _NAMES))),
        preferred_categories=tuple(categories.ids(_spread(len(categories), _NAMES))),
        max_price=1.0,
        location=Location(float(catalog.lat[located[0]]), float(catalog.lng[located[0]])) if len(located) else None,
        birth_year=1990,
        friends=("stranger",),
    )
    return Profile(user, tuple(history))


def self_test(recommender: Recommender, now: datetime) -> str:
    """Reason against serving a recommender, "" if it makes sound lists for users that it cannot know.

    What raises an error is not sound either. A model that fails here would fail in requests.
    """
    catalog = recommender.catalog
    rows = np.flatnonzero(catalog.live(now))
    some = recommender.candidates(rows[_spread(len(rows), _CANDIDATES)], now)
    try:
        for profile in (*strangers(), invented(catalog, now)):
            items = recommender.recommend(profile, k=K, now=now, live=some)
            if problem := unsound(recommender, profile, items, some.rows, now):
                return problem
    except Exception as error:  # noqa: BLE001  # whatever a model of other hands raises, it must not raise in requests
        return f"it cannot make a list: {error!r}"
    return ""


def unsound(
    recommender: Recommender,
    profile: Profile,
    items: Sequence[Recommendation],
    candidates: NDArray[np.integer],
    now: datetime,
) -> str:
    """Fault of a list of up to `K` events that was made from live events, "" if there is none.

    Parameters
    ----------
    candidates : int of shape (c,) – rows of the live events.
    """
    catalog = recommender.catalog
    shown = [item.event_id for item in items]
    rows = catalog.events.rows(shown)
    if len(shown) != len(set(shown)) or (rows < 0).any() or not catalog.are_live(rows, now).all():
        return "a list holds an event twice or one that may not be shown"
    if not np.isfinite([item.score for item in items]).all():
        return "a list holds scores that are not finite"
    seen = catalog.events.rows([entry.event_id for entry in profile.history])
    series = catalog.fields["series"].at(np.setdiff1d(candidates, seen))
    # A list shows one date of each series.
    most = len(distinct(series[series >= 0])) + int((series < 0).sum())
    if len(shown) < min(K, most):
        return f"a list is too short: {len(shown)} of {most} events or series of events"
    return ""


def _spread(size: int, count: int) -> NDArray[np.int64]:
    """Up to `count` numbers of 0..size-1, evenly spread, the first and the last included, int64, ascending."""
    return np.linspace(0, max(size - 1, 0), min(size, count)).round().astype(np.int64)
