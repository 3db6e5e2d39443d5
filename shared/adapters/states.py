"""States in document stores: results of storing several at once, and times that tell versions apart."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from shared.entities import EventCounts, Interaction, Origin
from shared.errors import TooMany
from shared.feedback.counts import loaded_counts
from shared.feedback.states import last_words
from shared.ports import Appended

TICK: Final = timedelta(microseconds=1)
"""Least difference between the `recorded_at` of two versions of a document."""


def results_of(interactions: Sequence[Interaction], results: Mapping[str, Appended]) -> list[Appended]:
    """Result of each interaction, from those of the last words by id."""
    last, found = last_words(interactions), []
    counted = set[str]()
    for interaction in interactions:
        key = interaction.interaction_id
        # What outlives a state outlives its repetition in the same request, too.
        is_outlived = results[key] is Appended.SUPERSEDED
        if interaction == last[key] and (is_outlived or key not in counted):
            counted.add(key)
            found.append(results[key])
        else:
            found.append(outlived(interaction, last[key]))
    return found


def outlived(interaction: Interaction, stored: Interaction) -> Appended:
    """Result of storing an interaction that does not replace the stored one of its id."""
    is_state = not interaction.type.meaning.repeats
    # A later state of an anonymous account is outlived by that of the account that somebody signed up for.
    differs = stored.supersedes(interaction) or interaction.supersedes(stored)
    return Appended.SUPERSEDED if is_state and differs else Appended.KNOWN


def replaced_counts(
    interaction: Interaction, counts: EventCounts, before: Interaction | None
) -> list[tuple[str, EventCounts]]:
    """Counts to add, by event id, when a loaded interaction of a repeating type is stored in place of a loaded one."""
    added = [(event_id, counts) for event_id in interaction.events()]
    if before is None or before.origin is not Origin.LOAD:
        return added
    taken = loaded_counts(before).negative()
    return added + [(event_id, taken) for event_id in before.events()]


def stamp_over(at: datetime, interaction: Interaction, before: Interaction | None, now: datetime) -> datetime:
    """Time to stamp an interaction with that is written over a document of `at`: later, so that versions differ.

    A loaded interaction of a repeating type has a single version: copies of the document keep what they have.
    """
    is_row = before is not None and before.origin is interaction.origin is Origin.LOAD
    return at if is_row and interaction.type.meaning.repeats else max(now, at + TICK)


def users_of_states(interactions: Iterable[Interaction]) -> list[str]:
    """Users of the states among some interactions, whose erasure is looked up before these are stored."""
    return sorted({entry.user_id for entry in interactions if not entry.type.meaning.repeats})


def refuse_while_erased(until: datetime | None, now: datetime) -> None:
    """Refusal of interactions that an erasure up to `until` would drop; raises `TooMany`."""
    if until is not None and until >= now:
        wait_s = ceil((until - now).total_seconds()) + 1
        raise TooMany(f"expected no interactions while the user's data is erased; send them in {wait_s} s", wait_s)
