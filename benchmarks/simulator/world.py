"""Simulated city: its events and users, what each user would like, and what happened before the simulation."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from jobs.city.behaviour import behave
from jobs.city.funnel import TYPES, Rows
from jobs.city.offers import Offers
from jobs.city.people import People, build_people, profiles
from jobs.city.programme import Programme, build_programme
from jobs.city.taste import utility
from jobs.city.themes import read_themes
from shared.entities import Event, Interaction, InteractionType, User

_ABOUT_EVENTS: Final = [row for row, kind in enumerate(TYPES) if kind.meaning.target == "event_id"]


@dataclass(frozen=True, slots=True)
class World:
    """Simulated city of u users and e events.

    Attributes
    ----------
    events : all events, also those that are announced during the simulation, in order of their start.
    users : declared profiles.
    past : interactions before the simulation.
    utilities : float64 of shape (u, e) – what each event is worth to each user, about -10..6.
    shifted : float64 of shape (u, e) – the same after every user's taste has changed to that of another theme.
    """

    events: tuple[Event, ...]
    users: tuple[User, ...]
    past: tuple[Interaction, ...]
    utilities: NDArray[np.float64]
    shifted: NDArray[np.float64]

    @classmethod
    def of(cls, *, users: int, events: int, interactions: int, seed: int, start: datetime, days: int) -> Self:
        """City whose programme surrounds the `days` from `start` on; `interactions` is about how many came before."""
        end = start + timedelta(days=days)
        for_programme, for_people, for_profiles, for_offers, for_behaviour = np.random.default_rng(seed).spawn(5)
        themes = read_themes()
        programme = build_programme(for_programme, themes, count=events, now=end)
        people = build_people(for_people, themes, users)
        offers = Offers.of(for_offers, programme, themes)
        rows = behave(for_behaviour, people, offers, count=interactions, now_s=int(end.timestamp()))
        before = rows.take(np.flatnonzero((rows.at < int(start.timestamp())) & np.isin(rows.kinds, _ABOUT_EVENTS)))
        return cls(
            events=programme.events,
            users=tuple(profiles(for_profiles, themes, people, now=start)),
            past=tuple(_interaction(*row, programme) for row in _columns(before)),
            utilities=_utilities(people, offers),
            shifted=_utilities(replace(people, tastes=np.roll(people.tastes, people.tastes.shape[1] // 2, 1)), offers),
        )


def _utilities(people: People, offers: Offers) -> NDArray[np.float64]:
    rows = np.arange(len(people.ages))
    return utility(people, rows[:, None], offers, np.arange(len(offers.hosts))[None, :])


def _columns(rows: Rows) -> "zip[tuple[int, int, int, int, int]]":
    return zip(
        *(column.tolist() for column in (rows.kinds, rows.users, rows.events, rows.values, rows.at)), strict=True
    )


def _interaction(kind: int, user: int, event: int, value: int, at: int, programme: Programme) -> Interaction:
    unnamed = Interaction(
        interaction_id="",
        user_id=f"user_{user + 1}",
        event_id=programme.events[event].event_id,
        type=TYPES[kind],
        value=float(value) if TYPES[kind] is InteractionType.RATING else None,
        occurred_at=datetime.fromtimestamp(at, UTC),
    )
    return replace(unnamed, interaction_id=unnamed.expected_id())
