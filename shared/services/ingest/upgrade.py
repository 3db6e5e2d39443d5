"""Upgrade of a store that earlier versions wrote: keyed names, registers for what they counted, no counts by slot.

Earlier versions gave interactions other ids, kept a booking and its cancellation in two documents, and counted by slots
of ten minutes in place of registers. Their documents stay as they are. What they counted in settled slots gets a
register; what is in slots that were not settled yet is taken back, and counted again from documents as new ones are.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from shared.entities import EventCounts, Interaction, InteractionType
from shared.feedback.counts import recorded_time, slot_of
from shared.feedback.popularity import counts_of
from shared.ports import Documents, Register

REGISTERS: Final = "registers"
"""Bookmark of the pass that writes registers, which stays once everything has one."""
FORMER_IDS: Final = "former_ids"
"""Bookmark that exists where documents with ids of earlier versions were found."""
RECONCILED: Final = "reconciled"
"""Bookmark of settled slots, which earlier versions left."""
KEYED: Final = "keyed"
"""Bookmark of a store that is upgraded: nothing is left under hashes that anybody can compute."""
MAX_KEYED: Final = 20_000
"""Documents of earlier versions that a run renames or deletes at most; the next run goes on."""

_BATCH: Final = 5_000
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DONE: Final = datetime(2199, 1, 1, tzinfo=UTC)
"""Time in the bookmark `REGISTERS` of a store that is upgraded."""
_MAX_SLUG: Final = 60
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_PARTNERS: Final = {InteractionType.BOOKING: InteractionType.CANCEL, InteractionType.CANCEL: InteractionType.BOOKING}


class Registers:
    """Readiness of a store: whether its states are counted in registers; asked by instances, and remembered once so.

    Parameters
    ----------
    documents : the store.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._are_there = False

    def are_there(self) -> bool:
        """Whether states may be counted at once: True also for a store in which nothing was settled yet."""
        if not self._are_there:
            bookmarks = self._documents.bookmarks
            self._are_there = bookmarks.read(REGISTERS) == _DONE or bookmarks.read(RECONCILED) is None
        return self._are_there


def upgrade(documents: Documents, *, now: datetime) -> int:
    """Upgrade of a store; returns the number of registers that it wrote. A killed one goes on where it stopped."""
    if documents.bookmarks.read(KEYED) is not None:
        return 0
    reached = documents.bookmarks.read(REGISTERS)
    written = 0 if reached == _DONE else _write_registers(documents, reached or _BEGINNING, now=now)
    if documents.personal.key_former(limit=MAX_KEYED) < MAX_KEYED:
        documents.bookmarks.move(KEYED, now)
    return written


def _write_registers(documents: Documents, reached: datetime, *, now: datetime) -> int:
    settled_until = documents.bookmarks.read(RECONCILED) or _BEGINNING
    written = 0
    # What a bulk load wrote is counted, whether its slot is settled or not.
    open_ids = {entry.interaction_id for entry in documents.interactions.uncounted(settled_until)}
    found = documents.interactions.since(reached)
    while batch := list(islice(found, _BATCH)):
        former = [entry for entry in batch if entry.has_former_id()]
        if former:
            documents.bookmarks.move(FORMER_IDS, now)
        states = [entry for entry in former if _is_counted(entry) and entry.interaction_id not in open_ids]
        registers = _registers(documents, states)
        documents.counters.adopt(registers)
        written += len(registers)
        documents.bookmarks.move(REGISTERS, min(recorded_time(batch[-1]), now))
    documents.counters.drop_slots(slot_of(settled_until), now=now)
    documents.bookmarks.move(REGISTERS, _DONE)
    return written


def former_id(interaction: Interaction) -> str:
    """Document id that earlier versions gave to an interaction: `{user}_{target}_{type}`, with the day if it repeats.

    The target of a search or category was its words in lower case, joined by "-" and cut.
    """
    words = re.findall(r"\w+", (interaction.category or interaction.query).translate(_LOWER))
    page = interaction.recommendation_id if interaction.event_ids else ""
    target = interaction.event_id or page or interaction.organizer_id or "-".join(words)[:_MAX_SLUG]
    day = f"_{interaction.occurred_at:%Y%m%d}" if interaction.type.meaning.repeats else ""
    return f"{interaction.user_id}_{target}_{interaction.type}{day}"


def renamed(interaction: Interaction) -> Interaction:
    """Interaction of a file with the id of this version, if it has the one that earlier versions gave it."""
    is_former = interaction.has_former_id() and interaction.interaction_id == former_id(interaction)
    return replace(interaction, interaction_id=interaction.expected_id()) if is_former else interaction


def former_ids(interaction: Interaction) -> list[str]:
    """Document ids that earlier versions gave to an interaction and to the other types of its family."""
    kinds = [kind for kind in InteractionType if kind.family == interaction.type.family]
    return [former_id(replace(interaction, type=kind)) for kind in kinds]


def has_former_ids(documents: Documents) -> bool:
    """Whether the store holds documents with ids of earlier versions."""
    return documents.bookmarks.read(FORMER_IDS) is not None


def _is_counted(entry: Interaction) -> bool:
    return bool(entry.event_id) and not entry.type.meaning.repeats and not entry.is_of_visitor()


def _registers(documents: Documents, states: Sequence[Interaction]) -> dict[str, Register]:
    """Registers, by `expected_id`, of what earlier versions counted for some documents and their partners."""
    partners = documents.interactions.get([key for state in states if (key := _partner_id(state))])
    registers = {}
    for state in states:
        partner = partners.get(_partner_id(state))
        both = [state] if partner is None else [state, partner]
        version = max(recorded_time(one) for one in both)
        registers[state.expected_id()] = Register(version, _counted(both))
    return registers


def _partner_id(state: Interaction) -> str:
    kind = _PARTNERS.get(state.type)
    return former_id(replace(state, type=kind)) if kind else ""


def _counted(states: Sequence[Interaction]) -> EventCounts:
    """Counts that earlier versions held for one document, or for a booking and a cancellation of the same event.

    A cancellation undid a booking that had occurred before it, and counted as well.
    """
    bookings = [state for state in states if state.type is InteractionType.BOOKING]
    cancels = [state for state in states if state.type is InteractionType.CANCEL]
    is_undone = bool(bookings and cancels) and bookings[0].occurred_at <= cancels[0].occurred_at
    return EventCounts.total(counts_of(state) for state in (cancels if is_undone else states))
