"""Reasons of recommendations: a code with its parameters, for apps that translate, and the English text of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.entities import InteractionType

_BECAUSE: Final[Mapping[InteractionType, str]] = {
    kind: f"because you {kind.meaning.verb} {{title}}" for kind in InteractionType if kind.meaning.verb
}
"""English texts of the reasons that name an event of the history, by interaction type."""

TEXTS: Final[Mapping[str, str]] = {
    **{f"because_{kind}": text for kind, text in _BECAUSE.items()},
    "follows_organizer": "you follow the organizer",
    "matches_interests": "matches your interests",
    "friend_goes": "a friend goes",
    "near": "near you",
    "popular": "popular now",
    "popular_near": "popular near you",
    "starts_today": "starts today",
    "starts_tomorrow": "starts tomorrow",
    "starts_in_days": "starts in {days} days",
}
"""English text of every reason, by code, with the names of its parameters in braces."""

_SOON_DAYS: Final = 7
"""Days before the start from which on it is a reason."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Reason of a recommendation.

    Attributes
    ----------
    code : one of `TEXTS`.
    parameters : what the text names: `event_id` and `title` of an event of the history, `organizer_id`, or `days`.
    """

    code: str
    parameters: Mapping[str, str | int]

    @property
    def text(self) -> str:
        """English text, such as "because you booked Jazz Night"."""
        return TEXTS[self.code].format_map(self.parameters)


def because(kind: InteractionType, event_id: str, title: str) -> Reason | None:
    """Reason that names an event of the history; None for interaction types without a verb.

    >>> because(InteractionType.BOOKING, "event_1", "Jazz Night").text
    'because you booked Jazz Night'
    """
    return Reason(f"because_{kind}", {"event_id": event_id, "title": title}) if kind in _BECAUSE else None


def following(organizer_id: str) -> Reason:
    """Reason that the user follows the organizer of the event."""
    return Reason("follows_organizer", {"organizer_id": organizer_id})


def plain(code: str) -> Reason:
    """Reason of a code without parameters."""
    return Reason(code, {})


def starting(days: float) -> Reason | None:
    """Reason such as "starts tomorrow", from `Catalog.days_ahead`; None unless within 7 days.

    >>> [starting(days).text for days in (0.0, 1.0, 2.0)]
    ['starts today', 'starts tomorrow', 'starts in 2 days']
    """
    return _STARTING[int(days)] if 0 <= days <= _SOON_DAYS else None


_STARTING: Final = (
    plain("starts_today"),
    plain("starts_tomorrow"),
    *(Reason("starts_in_days", {"days": days}) for days in range(2, _SOON_DAYS + 1)),
)
"""Reasons by the days until the start."""
