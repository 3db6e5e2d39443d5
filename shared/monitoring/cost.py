"""Cost of a day: billed operations that follow from what is counted."""

from collections.abc import Mapping
from typing import Final

from shared.entities import InteractionType
from shared.entities.prices import Usage
from shared.entities.provenance import Segment
from shared.monitoring.operations import HourFigures

LIST_OF_USER: Final = Usage(reads=2)
"""List for a user: profile and history."""
STATE: Final = Usage(reads=1, writes=4, deletes=1)
"""Interaction of a type that lasts: document, register, history and counts; the scheduled job reads the register."""
REMEMBERED: Final = Usage(reads=0.5, writes=2, deletes=1)
"""Repeating interaction that histories keep: document and history; the scheduled job reads histories, not for each."""
OTHER: Final = Usage(writes=1)
"""Repeating interaction that no history keeps: the document."""
_TYPES: Final = frozenset(InteractionType)


def usage(figures: HourFigures, *, training_reads: int = 0) -> Usage:
    """Billed operations of an hour or a day: an estimate, without audiences, erasures and changes of events.

    Documents that list queries read are counted as they are billed, those of lists and interactions by what each takes.

    Parameters
    ----------
    training_reads : documents that trainings read.
    """
    lists = figures.lists().lists
    of_users = sum(number for segment, number in lists.items() if segment != Segment.NOBODY.label)
    return (
        Usage(reads=figures.reads + training_reads, requests=figures.total().requests + figures.settled["runs"])
        + LIST_OF_USER.times(of_users)
        + _of_interactions(figures.types)
    )


def _of_interactions(types: Mapping[str, int]) -> Usage:
    used = Usage()
    for name, number in types.items():
        # A later version may have counted a type that this one does not know.
        meaning = InteractionType(name).meaning if name in _TYPES else None
        each = (
            OTHER
            if meaning is None
            else STATE
            if not meaning.repeats
            else REMEMBERED
            if meaning.is_remembered
            else OTHER
        )
        used += each.times(number)
    return used
