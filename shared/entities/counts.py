"""Event counts: interactions by type and decayed popularity, in integers whose sums do not depend on their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from shared.entities.interaction_type import InteractionType

UNIT: Final = 2**20
"""Fixed-point unit of decayed popularity: a weight of 1 at its landmark is this many, since integers add up exactly."""

HALF_LIVES_A_PERIOD: Final = 10
"""Half-lives between two landmarks of forward decay: an interaction of weight 1 adds less than 2^10 times `UNIT`."""


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Counts of an event's interactions by type, and its decayed popularity.

    Attributes
    ----------
    by_type : number of interactions of each type.
    decayed : sums of weights by landmark, in units of 1/`UNIT`, see `feedback/popularity.py`; landmarks are numbered
        from 2025-01-01, which is 0.
    """

    by_type: Mapping[InteractionType, int] = field(default_factory=dict)
    decayed: Mapping[int, int] = field(default_factory=dict)

    @property
    def popularity(self) -> float:
        """Forward-decayed popularity, as the sum of weights at the first landmark."""
        return float(
            sum(units * 2.0 ** (HALF_LIVES_A_PERIOD * number) for number, units in self.decayed.items()) / UNIT
        )

    @classmethod
    def total(cls, parts: Iterable["EventCounts"]) -> Self:
        """Sum of counts, without zeros."""
        by_type: dict[InteractionType, int] = {}
        decayed: dict[int, int] = {}
        for part in parts:
            for kind, n in part.by_type.items():
                by_type[kind] = by_type.get(kind, 0) + n
            for number, units in part.decayed.items():
                decayed[number] = decayed.get(number, 0) + units
        return cls({key: n for key, n in by_type.items() if n}, {key: n for key, n in decayed.items() if n})

    def negative(self) -> "EventCounts":
        """Negated counts, which undo these when added."""
        return EventCounts(
            {kind: -n for kind, n in self.by_type.items()}, {number: -n for number, n in self.decayed.items()}
        )

    def __bool__(self) -> bool:
        return any(self.by_type.values()) or any(self.decayed.values())
