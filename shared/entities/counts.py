"""An event's interactions in numbers, in a form that adds up the same in any order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from shared.entities.interaction_type import InteractionType

UNIT: Final = 2**20
"""Decayed weight is kept in whole numbers, a weight of 1 at its landmark being this many: integers add up exactly."""

HALF_LIVES_A_PERIOD: Final = 10
"""Landmarks lie this many half-lives apart, so what an interaction adds stays below 2^10 units a weight."""


@dataclass(frozen=True, slots=True)
class EventCounts:
    """How often each type happened to an event, and its decayed popularity.

    Attributes
    ----------
    by_type : how often each interaction type happened.
    decayed : sums of weights by landmark, in units of 1/`UNIT`, see `feedback/popularity.py`; the landmarks are
        numbered from that of 2025-01-01.
    """

    by_type: Mapping[InteractionType, int] = field(default_factory=dict)
    decayed: Mapping[int, int] = field(default_factory=dict)

    @property
    def popularity(self) -> float:
        """The forward-decayed weight at the first landmark."""
        return float(
            sum(units * 2.0 ** (HALF_LIVES_A_PERIOD * number) for number, units in self.decayed.items()) / UNIT
        )

    @classmethod
    def total(cls, parts: Iterable["EventCounts"]) -> Self:
        """All of them together, without zeros."""
        by_type: dict[InteractionType, int] = {}
        decayed: dict[int, int] = {}
        for part in parts:
            for kind, n in part.by_type.items():
                by_type[kind] = by_type.get(kind, 0) + n
            for number, units in part.decayed.items():
                decayed[number] = decayed.get(number, 0) + units
        return cls({key: n for key, n in by_type.items() if n}, {key: n for key, n in decayed.items() if n})

    def negative(self) -> "EventCounts":
        """What undoes it."""
        return EventCounts(
            {kind: -n for kind, n in self.by_type.items()}, {number: -n for number, n in self.decayed.items()}
        )

    def __bool__(self) -> bool:
        return any(self.by_type.values()) or any(self.decayed.values())
