"""Reconciliation of histories and counts with the interaction documents, slot by slot."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from zlib import crc32

from shared.entities import Erasures, EventCounts, Interaction
from shared.feedback.counts import SETTLED_AFTER, contribution, recorded_time, slot_of, start_of, tally
from shared.ports import MAX_SETTLED, Documents, Fence, Progress, Recorded
from shared.services.ingest.friends import share_states
from shared.services.ingest.upgrade import RECONCILED, upgrade

BATCH_SIZE: Final = 20_000
"""Interactions that are settled together, in whole slots: the bookmark moves past a batch when all of it is done."""

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRIMMED: Final = 64
"""States for each history that is read in order to be trimmed."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Report of a reconciliation run.

    Attributes
    ----------
    until : histories and counts agree with the documents recorded before this time.
    interactions : documents read.
    settled : interactions of repeating types that were counted, which only settling does.
    lost : states that were not counted, or not as their documents are.
    remembered : interactions that were missing in their user's history.
    events : events whose counts changed.
    upgraded : states of earlier versions that got a register.
    types : documents read, by type of the interaction.
    """

    until: datetime
    interactions: int = 0
    settled: int = 0
    lost: int = 0
    remembered: int = 0
    events: int = 0
    upgraded: int = 0
    types: Mapping[str, int] = field(default_factory=dict)


Keep = Callable[[Sequence[Interaction], Erasures], None]
"""Storage of what follows from the interactions of a batch but for erased users; idempotent.

It is done when the bookmark moves past the batch, and may be repeated for all or a part of it.
"""


def _nothing(_interactions: Sequence[Interaction], _forgotten: Erasures) -> None:
    """Storage of nothing."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Interactions recorded in the slots before `until`, from where the batch before ended."""

    interactions: list[Interaction]
    until: datetime


def reconcile(
    documents: Documents,
    *,
    now: datetime,
    has_friends: bool = False,
    keep: Keep = _nothing,
    clock: Callable[[], datetime] | None = None,
) -> Reconciliation:
    """Reconciliation of all slots since the last run that are at least `SETTLED_AFTER` old.

    States are put again, which changes nothing where they are counted. Repeating interactions are counted in steps that
    move the bookmark in the same commit, so a run that is killed anywhere, or overtaken by another one, counts nothing
    twice. With `has_friends`, plans are shared with mutual friends; `keep` stores what else is kept of what was read.
    `clock` gives the stamps of counts, since instances look for changes of the latest minutes only, and a run may take
    longer; None for `now`. Raises `Conflict` when another run has begun.
    """
    upgraded = upgrade(documents, now=now)
    # Claimed before anything is read that the run depends on.
    fence = documents.bookmarks.claim(RECONCILED)
    report = Reconciliation(until=fence.progress.at or _BEGINNING, upgraded=upgraded)
    end = slot_of(now - SETTLED_AFTER)
    for batch in _batches(documents, fence.progress, end):
        fence, report = _settle(
            documents, batch, fence, report, clock or (lambda: now), has_friends=has_friends, keep=keep
        )
    return report


def _batches(documents: Documents, progress: Progress, end: int) -> Iterator[_Batch]:
    """Batches of whole slots before `end`, of about `BATCH_SIZE` interactions each; the last batch reaches `end`.

    The first is the one that an earlier run did not finish, if there is one.
    """
    begin = progress.at or _BEGINNING
    if slot_of(begin) >= end:
        return
    if progress.until:
        unfinished = _before(documents.interactions.uncounted(begin), progress.until)
        yield _Batch(list(unfinished), progress.until)
        begin = progress.until
    part: list[Interaction] = []
    for interaction in _before(documents.interactions.uncounted(begin), start_of(end)):
        slot = slot_of(recorded_time(interaction))
        if len(part) >= BATCH_SIZE and slot > slot_of(recorded_time(part[-1])):
            yield _Batch(part, start_of(slot))
            part = []
        part.append(interaction)
    if begin < start_of(end):
        yield _Batch(part, start_of(end))


def _before(interactions: Iterator[Interaction], until: datetime) -> Iterator[Interaction]:
    for interaction in interactions:
        if recorded_time(interaction) >= until:
            return
        yield interaction


def _settle(
    documents: Documents,
    batch: _Batch,
    fence: Fence,
    report: Reconciliation,
    clock: Callable[[], datetime],
    *,
    has_friends: bool,
    keep: Keep,
) -> tuple[Fence, Reconciliation]:
    entries = batch.interactions
    states = [entry for entry in entries if not entry.type.meaning.repeats]
    repeating = [entry for entry in entries if entry.type.meaning.repeats]
    recorded = [recorded_time(entry) for entry in entries]
    since = min([*recorded, *(entry.occurred_at - _DAY for entry in repeating)], default=clock())
    forgotten = documents.personal.forgotten(since) if entries else Erasures()
    # An app may write while its user is erased.
    late = [state for state in states if forgotten.cover(state.user_id, state.recorded_at)]
    if late:
        documents.personal.erase_late(late, now=clock())
    lost = _put_missing(
        documents, [state for state in states if not forgotten.cover(state.user_id, state.recorded_at)], clock
    )
    if has_friends:
        # Histories are complete by now.
        share_states(documents, states)
    remembered = _remember(documents, repeating, forgotten, clock)
    # Histories are complete by now, and the bookmark has not moved.
    keep(entries, forgotten)
    counts = tally(repeating, forgotten)
    done = fence.progress.after if fence.progress.until == batch.until else ""
    todo = {event_id: counts[event_id] for event_id in sorted(counts) if event_id > done}
    began, ordered = fence.progress.at, iter(todo.items())
    while step := dict(islice(ordered, MAX_SETTLED)):
        progress = Progress(began, batch.until, after=max(step))
        fence = documents.counters.settle(step, fence, progress, now=clock())
    fence = documents.counters.settle({}, fence, Progress(batch.until), now=clock())
    return fence, replace(
        report,
        until=batch.until,
        interactions=report.interactions + len(entries),
        settled=report.settled + sum(EventCounts.total(todo.values()).by_type.values()),
        lost=report.lost + lost,
        remembered=report.remembered + remembered,
        events=report.events + len(todo),
        types=dict(Counter(report.types) + Counter(entry.type.value for entry in entries)),
    )


def _put_missing(documents: Documents, states: Sequence[Interaction], clock: Callable[[], datetime]) -> int:
    """Recording of the states whose register does not hold them; returns the number of those that counted."""
    registers = documents.counters.registers(states) if states else {}
    # Histories are read for repeating interactions anyway; states alone make them longer seldom enough.
    documents.users.trim_histories([state for state in states if crc32(state.interaction_id.encode()) % _TRIMMED == 0])
    lost = 0
    for state in states:
        register = registers.get(state.expected_id())
        if register is None or register.is_older_than(state):
            done = documents.counters.put(state, contribution(state), now=clock())
            lost += done is Recorded.NEW and not state.has_former_id()
    return lost


def _remember(
    documents: Documents, repeating: Sequence[Interaction], forgotten: Erasures, clock: Callable[[], datetime]
) -> int:
    missing = documents.users.trim_histories(repeating)
    for interaction in missing:
        # Not merged in bulk, since a user may have been forgotten after the documents were read.
        documents.counters.remember(interaction, now=clock())
    for interaction in repeating:
        # An app may write while its user is erased; the trigger does not look at what no history keeps.
        if not interaction.is_remembered() and forgotten.cover(interaction.user_id, interaction.recorded_at):
            documents.counters.remember(interaction, now=clock())
    return len(missing)
