"""Personas of the demo: a few users of the loaded data whose interests differ, to look at the lists as one of them."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

from shared.entities import InteractionType, Profile

NAMES: Final = ("Ada", "Milo", "Ines", "Otto", "Noor", "Tomas", "Greta", "Kofi")
"""Names for personas of the generated city, whose users have none."""
COUNT: Final = len(NAMES)
_ENOUGH: Final = 4
"""Entries of a history that give lists something to go by, and its card something to tell."""
_TOLD: Final = (InteractionType.BOOKING, InteractionType.SAVE, InteractionType.ATTEND, InteractionType.RATING)


def choose(profiles: Iterable[Profile], count: int = COUNT) -> list[str]:
    """Ids of up to `count` users: each with another first interest while there are any, and of these the most active.

    Users who declared no interests come last, and so do those with a short history.
    """
    ranked = sorted(profiles, key=_rank)
    seen: set[str] = set()
    first: list[str] = []
    others: list[str] = []
    for profile in ranked:
        interest = next(iter(profile.user.preferred_categories), "")
        (others if interest in seen else first).append(profile.user.user_id)
        seen.add(interest)
    return [*first, *others][:count]


def last_actions(profile: Profile, count: int) -> list[tuple[InteractionType, str]]:
    """Newest `count` actions of a history that a card tells, with the ids of their events, newest first.

    Bookings and the like are told; where there are none, anything that was done with an event. An event is told once.
    """
    about = sorted((entry for entry in profile.history if entry.event_id), key=attrgetter("occurred_at"), reverse=True)
    told = [entry for entry in about if entry.type in _TOLD] or about
    newest = {entry.event_id: entry.type for entry in reversed(told)}
    return [(type_, event_id) for event_id, type_ in reversed(newest.items())][:count]


def _rank(profile: Profile) -> tuple[bool, bool, int, str]:
    bookings: Sequence[InteractionType] = [entry.type for entry in profile.history if entry.type in _TOLD]
    is_short = len(profile.history) < _ENOUGH
    return not profile.user.preferred_categories, is_short, -len(bookings), profile.user.user_id
