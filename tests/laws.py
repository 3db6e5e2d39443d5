"""Checkerboard data set with known recommendations, and helpers for the law tests that every model must pass.

Users and events belong to two clusters, jazz and yoga. Most users interact only with events of their cluster; a few
interact with both, so that no score is mere rounding error. All attributes of an event (organizer, venue, location,
category, tags, words, price and hour) follow its cluster, so that content-based models find the same answer as
collaborative models.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.entities import Event, HistoryEntry, Interaction, InteractionType, Location, Profile, User
from shared.models.artifact import Manifest, describe, digest, pack, unpack
from shared.models.registry import trainable
from shared.ranking.query import Recommendation
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import Dataset, fit
from tests.examples import DAY, NOW

IMPERSONAL: Final = frozenset({"popularity"})
"""Non-personalized models; all remaining models must also pass the laws of personalization."""
REGULARIZED: Final = frozenset({"blend", "towers", "graph"})
"""Models with regularization, or learned from random batches: duplicated data may reorder events with close scores."""
PERSONAL: Final = [model for model in trainable() if model not in IMPERSONAL]

FALLBACKS: Final = {"popularity", "soonest"}
LIVE_EVENTS: Final = 10
_PAST_EVENTS: Final = 4
_USERS: Final = 14
_BOTH_WAYS: Final = 6
_BOOKED: Final = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """Cluster of the data set: common attributes of its events."""

    name: str
    words: str
    tags: tuple[str, ...]
    place: Location
    price: float
    hour: int


KINDS: Final = (
    Kind("jazz", "Saxophone and piano, all night", ("music", "live", "night"), Location(41.97, -87.66), 30.0, 21),
    Kind("yoga", "Breathe and stretch at sunrise", ("sport", "calm", "morning"), Location(41.79, -87.59), 8.0, 7),
)


def city() -> Dataset:
    """Checkerboard data set: upcoming and past events, users of a single cluster, and some users of both."""
    rng = random.Random(7)
    events = {kind.name: _events(kind) for kind in KINDS}
    interactions: list[Interaction] = []
    for kind in KINDS:
        for number in range(_USERS):
            of_user = rng.sample(events[kind.name][:LIVE_EVENTS], _BOOKED) + rng.sample(
                events[kind.name][LIVE_EVENTS:], 3
            )
            interactions += _interactions(f"{kind.name}_fan_{number}", of_user, rng)
    for number in range(_BOTH_WAYS):
        some = [event for kind in KINDS for event in rng.sample(events[kind.name], _BOOKED)]
        interactions += _interactions(f"omnivore_{number}", some, rng)
    users = {interaction.user_id: User(user_id=interaction.user_id) for interaction in interactions}
    return Dataset(tuple(event for kind in KINDS for event in events[kind.name]), users, tuple(interactions))


def _events(kind: Kind) -> list[Event]:
    days = [3 + number for number in range(LIVE_EVENTS)] + [-7 * (number + 1) for number in range(_PAST_EVENTS)]
    return [
        Event(
            event_id=f"{kind.name}_{number}",
            title=f"{kind.name.title()} {number}",
            description=kind.words,
            category=kind.tags[0],
            subcategory=kind.name,
            tags=kind.tags,
            organizer_id=f"{kind.name}_club_{number % 2}",
            venue_id=f"{kind.name}_hall_{number % 2}",
            city="Chicago",
            location=kind.place,
            starts_at=(NOW + day * DAY).replace(hour=kind.hour),
            price=kind.price,
            currency="USD",
            created_at=NOW - 90 * DAY,
            updated_at=NOW - 90 * DAY,
        )
        for number, day in enumerate(days)
    ]


def _interactions(user_id: str, events: Sequence[Event], rng: random.Random) -> list[Interaction]:
    done = [(event, InteractionType.BOOKING) for event in events] + [(events[0], InteractionType.VIEW)]
    return [
        _named(
            Interaction(
                interaction_id="",
                user_id=user_id,
                event_id=event.event_id,
                type=kind,
                occurred_at=NOW - 30 * DAY - timedelta(seconds=rng.randrange(30 * 86_400)),
            )
        )
        for event, kind in done
    ]


def _named(interaction: Interaction) -> Interaction:
    return replace(interaction, interaction_id=interaction.expected_id())


def trained(model: str, data: Dataset, *, now: datetime = NOW) -> Recommender:
    """Recommender fitted as by a training run, without the gate."""
    return fit(data, model=model, now=now, half_life_days=90.0)[0]


def profile(data: Dataset, user_id: str, *, now: datetime = NOW) -> Profile:
    """Profile and history of a user as read by a request at `now`, newest entry first."""
    of_user = [
        interaction
        for interaction in data.interactions
        if interaction.user_id == user_id and interaction.occurred_at < now
    ]
    of_user.sort(key=lambda interaction: interaction.occurred_at, reverse=True)
    return Profile(
        data.users.get(user_id) or User(user_id=user_id), tuple(HistoryEntry.of(interaction) for interaction in of_user)
    )


def lists(
    recommender: Recommender, data: Dataset, *, now: datetime = NOW, k: int = 100
) -> dict[str, list[Recommendation]]:
    """Recommendations by user id, for all users of the data set, as of `now`."""
    live = recommender.live(now)
    return {
        user_id: recommender.recommend(profile(data, user_id, now=now), k=k, now=now, live=live)
        for user_id in sorted(data.users)
    }


def ids(answers: Mapping[str, Sequence[Recommendation]]) -> dict[str, list[str]]:
    """Event ids of recommendations, by user id, in ranked order."""
    return {user_id: [item.event_id for item in items] for user_id, items in answers.items()}


def seen(data: Dataset, user_id: str) -> set[str]:
    """Event ids that a user booked."""
    return {
        interaction.event_id
        for interaction in data.interactions
        if interaction.user_id == user_id and interaction.type is InteractionType.BOOKING
    }


def artifact(model: str, recommender: Recommender, *, version: str = "20260501T120000Z-law") -> tuple[Manifest, bytes]:
    """Manifest and packed arrays of a recommender with the named model."""
    arrays = recommender.to_arrays()
    data = pack(arrays)
    manifest = Manifest(
        version=version,
        model=model,
        trained_at=NOW,
        watermark=None,
        sha256=digest(data),
        arrays=describe(arrays),
        counts={},
        metrics={},
    )
    return manifest, data


def stored_and_loaded(model: str, recommender: Recommender) -> Recommender:
    """Recommender after a round trip through its artifact."""
    manifest, data = artifact(model, recommender)
    return Recommender.from_arrays(model, unpack(data, Manifest.from_json(manifest.to_json())))


def shuffled(data: Dataset, seed: int) -> Dataset:
    """Dataset with its documents in another order."""
    rng = random.Random(seed)
    users = dict(rng.sample(sorted(data.users.items()), len(data.users)))
    events = rng.sample(data.events, len(data.events))
    interactions = rng.sample(data.interactions, len(data.interactions))
    return Dataset(tuple(events), users, tuple(interactions))


def doubled(data: Dataset) -> Dataset:
    """Dataset with a twin of each user, whose interactions have equal events, types and times."""
    twins = [_named(replace(interaction, user_id=f"{interaction.user_id}_twin")) for interaction in data.interactions]
    users = {f"{key}_twin": replace(user, user_id=f"{key}_twin") for key, user in data.users.items()}
    return Dataset(data.events, data.users | users, (*data.interactions, *twins))


def moved(data: Dataset, by: timedelta) -> Dataset:
    """Dataset with all times moved by `by`."""
    events = tuple(
        replace(
            event,
            starts_at=event.starts_at and event.starts_at + by,
            created_at=event.created_at and event.created_at + by,
            updated_at=event.updated_at and event.updated_at + by,
        )
        for event in data.events
    )
    later = (replace(interaction, occurred_at=interaction.occurred_at + by) for interaction in data.interactions)
    return Dataset(events, data.users, tuple(_named(interaction) for interaction in later))


def scrambled_after(data: Dataset, cutoff: datetime, seed: int) -> Dataset:
    """Dataset with random interactions from `cutoff` on, also of new users and unknown events; unchanged before."""
    rng = random.Random(seed)
    user_ids, event_ids = [*data.users, "newcomer_1", "newcomer_2"], [*(e.event_id for e in data.events), "ghost"]
    past = [interaction for interaction in data.interactions if interaction.occurred_at < cutoff]
    later = [
        _named(
            replace(
                interaction,
                user_id=rng.choice(user_ids),
                event_id=rng.choice(event_ids),
                type=rng.choice([InteractionType.BOOKING, InteractionType.SAVE, InteractionType.DISMISS]),
            )
        )
        for interaction in data.interactions
        if interaction.occurred_at >= cutoff
    ]
    return Dataset(
        data.events, data.users, (*past, *{interaction.interaction_id: interaction for interaction in later}.values())
    )
