"""A city whose right answers are known, and how the laws of all models look at it.

Users and events are of two kinds, jazz and yoga. Almost everybody keeps to their own kind; a few go to both, so that
no score is a mere rounding error. Whatever an event has, organizer, venue, place, category, tags, words, price and
hour, goes with its kind, so that models of attributes find the same answer as models of ids.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.entities import Event, HistoryEntry, Interaction, InteractionType, Location, Profile, User
from shared.models.artifact import Manifest, describe, digest, pack, unpack
from shared.models.registry import MODELS
from shared.ranking.query import Recommendation
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import Dataset, fit
from tests.examples import DAY, NOW

IMPERSONAL: Final = frozenset({"popularity"})
"""Models that know nothing of taste; every other model must pass the laws of taste as well."""
REGULARIZED: Final = frozenset({"blend"})
"""Models that trust much data more than little, so that twice the data may reorder what is close."""
PERSONAL: Final = [model for model in MODELS if model not in IMPERSONAL]

FALLBACKS: Final = {"popularity", "soonest"}
LIVE_EVENTS: Final = 10
_PAST_EVENTS: Final = 4
_USERS: Final = 14
_BOTH_WAYS: Final = 6
_BOOKED: Final = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """What one half of the city has in common."""

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
    """Events to come and past, users who keep to their kind, and some who do not."""
    rng = random.Random(7)
    events = {kind.name: _events(kind) for kind in KINDS}
    interactions: list[Interaction] = []
    for kind in KINDS:
        for number in range(_USERS):
            mine = rng.sample(events[kind.name][:LIVE_EVENTS], _BOOKED) + rng.sample(events[kind.name][LIVE_EVENTS:], 3)
            interactions += _doings(f"{kind.name}_fan_{number}", mine, rng)
    for number in range(_BOTH_WAYS):
        some = [event for kind in KINDS for event in rng.sample(events[kind.name], _BOOKED)]
        interactions += _doings(f"omnivore_{number}", some, rng)
    users = {one.user_id: User(user_id=one.user_id) for one in interactions}
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


def _doings(user_id: str, events: Sequence[Event], rng: random.Random) -> list[Interaction]:
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


def _named(one: Interaction) -> Interaction:
    return replace(one, interaction_id=one.expected_id())


def trained(model: str, data: Dataset, *, now: datetime = NOW) -> Recommender:
    """The model as the retrain job would fit it."""
    return fit(data, model=model, now=now, half_life_days=90.0)[0]


def profile(data: Dataset, user_id: str, *, now: datetime = NOW) -> Profile:
    """A user as a request reads them at `now`."""
    mine = [one for one in data.interactions if one.user_id == user_id and one.occurred_at < now]
    mine.sort(key=lambda one: one.occurred_at, reverse=True)
    return Profile(data.users.get(user_id) or User(user_id=user_id), tuple(HistoryEntry.of(one) for one in mine))


def lists(
    recommender: Recommender, data: Dataset, *, now: datetime = NOW, k: int = 100
) -> dict[str, list[Recommendation]]:
    """Every user's list."""
    return {
        user_id: recommender.recommend(profile(data, user_id, now=now), k=k, now=now) for user_id in sorted(data.users)
    }


def ids(answers: Mapping[str, Sequence[Recommendation]]) -> dict[str, list[str]]:
    """Lists reduced to event ids."""
    return {user_id: [item.event_id for item in items] for user_id, items in answers.items()}


def seen(data: Dataset, user_id: str) -> set[str]:
    """What a user booked."""
    return {one.event_id for one in data.interactions if one.user_id == user_id and one.type is InteractionType.BOOKING}


def stored_and_loaded(model: str, recommender: Recommender) -> Recommender:
    """The model after a way through its artifact."""
    arrays = recommender.to_arrays()
    data = pack(arrays)
    manifest = Manifest(
        version="20260501T120000Z-law",
        model=model,
        trained_at=NOW,
        watermark=None,
        sha256=digest(data),
        arrays=describe(arrays),
        counts={},
        metrics={},
    )
    return Recommender.from_arrays(model, unpack(data, Manifest.from_json(manifest.to_json())))


def shuffled(data: Dataset, seed: int) -> Dataset:
    """The same documents, read in another order."""
    rng = random.Random(seed)
    users = dict(rng.sample(sorted(data.users.items()), len(data.users)))
    events, interactions = (tuple(rng.sample(part, len(part))) for part in (data.events, data.interactions))
    return Dataset(events, users, interactions)


def doubled(data: Dataset) -> Dataset:
    """Everybody has a twin who did the same at the same times."""
    twins = [_named(replace(one, user_id=f"{one.user_id}_twin")) for one in data.interactions]
    users = {f"{key}_twin": replace(user, user_id=f"{key}_twin") for key, user in data.users.items()}
    return Dataset(data.events, data.users | users, (*data.interactions, *twins))


def moved(data: Dataset, by: timedelta) -> Dataset:
    """Everything happens `by` later."""
    events = tuple(
        replace(
            event,
            starts_at=event.starts_at and event.starts_at + by,
            created_at=event.created_at and event.created_at + by,
            updated_at=event.updated_at and event.updated_at + by,
        )
        for event in data.events
    )
    later = (replace(one, occurred_at=one.occurred_at + by) for one in data.interactions)
    return Dataset(events, data.users, tuple(_named(one) for one in later))


def scrambled_after(data: Dataset, cutoff: datetime, seed: int) -> Dataset:
    """The same past; from `cutoff` on, anybody does anything to any event, strangers and unknown events included."""
    rng = random.Random(seed)
    user_ids, event_ids = [*data.users, "newcomer_1", "newcomer_2"], [*(e.event_id for e in data.events), "ghost"]
    past = [one for one in data.interactions if one.occurred_at < cutoff]
    later = [
        _named(
            replace(
                one,
                user_id=rng.choice(user_ids),
                event_id=rng.choice(event_ids),
                type=rng.choice([InteractionType.BOOKING, InteractionType.SAVE, InteractionType.DISMISS]),
            )
        )
        for one in data.interactions
        if one.occurred_at >= cutoff
    ]
    return Dataset(data.events, data.users, (*past, *{one.interaction_id: one for one in later}.values()))
