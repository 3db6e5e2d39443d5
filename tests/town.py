"""Generated test data: a small town with interactions of most types and users with and without declared profiles."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from shared.catalog.catalog import Catalog
from shared.entities import Event, HistoryEntry, InteractionType, Location, Profile, User
from shared.feedback.friends import going_rows
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.feedback.profiles import Declared
from shared.signals.candidates import Candidates
from shared.signals.signal import TrainingData
from shared.signals.users import UserBatch
from tests.examples import DAY, NOW, an_event, an_interaction

TYPES: Final = [
    kind for kind in InteractionType if kind not in (InteractionType.SEARCH, InteractionType.CATEGORY_CLICK)
]
"""Interaction types that concern an event or an organizer."""


@dataclass(frozen=True)
class Town:
    """Users with histories, a catalog of which some events are newer than training, and candidates from it.

    Attributes
    ----------
    profiles : the users; the last one is a cold-start user without a declared profile.
    catalog : all events.
    past : training data, whose catalog lacks the newer events.
    candidates : a random sample of the events.
    """

    profiles: list[Profile]
    catalog: Catalog
    past: TrainingData
    candidates: Candidates

    def batch(self, *profiles: Profile) -> UserBatch:
        """User batch of these profiles and the candidates."""
        parts = [Histories.of_profile(profile, self.catalog, NOW) for profile in profiles]
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("event_rows", "organizer_rows", "codes", "values", "age_days")
        }
        starts = np.concatenate([[0], np.cumsum([len(part.codes) for part in parts])]).astype(np.int64)
        users = tuple(profile.user for profile in profiles)
        friends_going = going_rows([profile.friends_going for profile in profiles], self.catalog)
        histories = Histories(users=users, starts=starts, going=friends_going, **columns)
        return UserBatch(histories, self.candidates)


def town_event(rng: np.random.Generator, event_id: str) -> Event:
    """Random event of the town, 20 days around now by one standard deviation; some know little of themselves."""
    organizer, venue = int(rng.integers(5)), int(rng.integers(4))
    words = ["jazz", "night", "yoga", "river", "open", "air"]
    return an_event(
        event_id,
        title=" ".join(rng.choice(words, 3)) if organizer else "",
        organizer_id=f"o{organizer}" if organizer else "",
        venue_id=f"v{venue}",
        category=f"c{rng.integers(3)}",
        subcategory=f"s{rng.integers(4)}",
        city=f"city {rng.integers(3)}",
        tags=tuple(f"t{tag}" for tag in rng.choice(6, 2, replace=False)) if organizer else (),
        location=Location(41.8 + venue / 20, -87.7 + venue / 30) if organizer else None,
        price=float(rng.integers(60)) if organizer else None,
        starts_at=NOW + float(rng.normal()) * 20 * DAY,
        created_at=NOW - 60 * DAY,
    )


def town(seed: int, *, events: int = 40) -> Town:
    """Town of twelve users and a cold-start user, `events` events and 10 % newer events; 70 % are candidates."""
    rng = np.random.default_rng(seed)
    total = events + events // 10
    names = [f"u{number}" for number in range(12)]
    users = [
        User(
            user_id=name,
            preferred_tags=("t1", "T2") if number % 2 else ("t3",),
            preferred_categories=("C1",),
            max_price=30.0,
            location=Location(41.9, -87.6),
            friends=tuple(rng.choice(names, 3)),
        )
        if number % 3
        else User(user_id=name)
        for number, name in enumerate(names)
    ]
    profiles = []
    for user in users:
        entries = [
            HistoryEntry(
                (kind := TYPES[rng.integers(len(TYPES))]),
                NOW - timedelta(days=float(rng.random() * 90)),
                "" if kind is InteractionType.FOLLOW else f"e{rng.integers(total):03}",
                organizer_id=f"o{rng.integers(6)}" if kind is InteractionType.FOLLOW else "",
                value=float(rng.integers(1, 6)) if kind is InteractionType.RATING else None,
            )
            for _ in range(rng.integers(25))
        ]
        history = tuple(sorted(entries, key=lambda entry: entry.occurred_at, reverse=True))
        going = {f"e{n:03}": 1 + int(n) % 3 for n in rng.choice(total, 3, replace=False)} if user.friends else {}
        profiles.append(Profile(user, history, tuple(sorted(going.items()))))
    profiles.append(Profile(User(user_id="stranger")))
    known = Catalog.of([town_event(rng, f"e{number:03}") for number in range(events)])
    bookings = [
        an_interaction(profile.user.user_id, entry.event_id, InteractionType.BOOKING, occurred_at=entry.occurred_at)
        for profile in profiles
        for entry in profile.history
        if entry.event_id
    ]
    table = InteractionTable.of(bookings, known)
    by_id = {user.user_id: user for user in users}
    past = TrainingData(table, known, NOW.timestamp(), Declared.of([by_id[key] for key in table.users.ids()]))
    catalog = known.merged([town_event(rng, f"e{number:03}") for number in range(events, total)])
    rows = rng.permutation(len(catalog))[: 7 * len(catalog) // 10]
    return Town(profiles, catalog, past, Candidates(catalog, rows, NOW.timestamp(), np.zeros(len(rows))))
