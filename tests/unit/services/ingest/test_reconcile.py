"""Reconciliation: settling event counts slot by slot."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.entities import EventCounts, Interaction, InteractionType, anonymous
from shared.feedback.counts import MAX_WEIGHED, SETTLED_AFTER, SLOT, addition, is_too_late, slot_of, start_of, tally
from shared.feedback.popularity import counts_of
from shared.ports import Documents, Settlement
from shared.services.ingest import reconcile as module
from shared.services.ingest.reconcile import BOOKMARK, reconcile
from shared.services.ingest.record import count
from tests.examples import NOW, an_interaction
from tests.stores import documents

T = InteractionType
MINUTE = timedelta(minutes=1)
LATER = NOW + SLOT + SETTLED_AFTER


@pytest.fixture
def store() -> Documents:
    return documents()


def _done(kind: InteractionType, user_id: str = "u", event_id: str = "e", **given: Any) -> Interaction:
    return an_interaction(user_id, event_id, kind, **{"recorded_at": NOW} | given)


def _record(store: Documents, *interactions: Interaction, deliver: bool = True) -> None:
    for interaction in interactions:
        assert interaction.recorded_at
        store.interactions.append([interaction], now=interaction.recorded_at, counted=False)
        if deliver:
            count(store, interaction, now=interaction.recorded_at)


def _counts(store: Documents) -> dict[str, EventCounts]:
    return {event_id: counts for event_id, counts, _ in store.counters.changed_since(None)}


def test_interactions_of_repeating_types_count_when_their_slot_is_settled(store: Documents) -> None:
    views = [_done(T.VIEW, f"u{n}") for n in range(3)]
    _record(store, *views)
    assert reconcile(store, now=LATER - MINUTE).interactions == 0
    assert _counts(store) == {}
    report = reconcile(store, now=LATER)
    assert (report.interactions, report.settled, report.lost, report.doubled, report.events) == (3, 3, 0, 0, 1)
    assert _counts(store) == {"e": EventCounts.total(map(counts_of, views))}
    assert report.until == start_of(slot_of(NOW) + 1)


def test_interactions_that_triggers_counted_are_not_changed(store: Documents) -> None:
    booking = _done(T.BOOKING)
    _record(store, booking)
    report = reconcile(store, now=LATER)
    assert (report.lost, report.doubled, report.remembered, report.events) == (0, 0, 0, 0)
    assert _counts(store) == {"e": counts_of(booking)}


def test_interactions_without_a_delivery_are_counted_and_remembered(store: Documents) -> None:
    booking, view = _done(T.BOOKING), _done(T.VIEW)
    _record(store, booking, view, deliver=False)
    report = reconcile(store, now=LATER)
    assert (report.lost, report.settled, report.remembered) == (1, 1, 2)
    assert _counts(store) == {"e": EventCounts.total([counts_of(booking), counts_of(view)])}
    assert len(store.users.profile("u", timeout_s=1).history) == 2


def test_double_counts_are_subtracted(store: Documents) -> None:
    booking = _done(T.BOOKING)
    _record(store, booking)
    twice = {slot_of(NOW): EventCounts.total([counts_of(booking)] * 2)}
    store.counters.settle([Settlement("e", 0, twice), Settlement("phantom", 0, twice)], now=NOW)
    report = reconcile(store, now=LATER)
    assert (report.lost, report.doubled, report.events) == (0, 4, 2)
    assert _counts(store) == {"e": counts_of(booking), "phantom": EventCounts()}


def test_wrong_popularity_alone_is_corrected(store: Documents) -> None:
    booking = _done(T.BOOKING)
    _record(store, booking)
    store.counters.settle([Settlement("e", 0, {slot_of(NOW): EventCounts({}, {3: 99})})], now=NOW)
    assert reconcile(store, now=LATER).events == 1
    assert _counts(store) == {"e": counts_of(booking)}


def test_the_next_run_continues_after_the_last_slot(store: Documents) -> None:
    _record(store, _done(T.VIEW))
    reconcile(store, now=LATER)
    _record(store, _done(T.VIEW, "v", recorded_at=NOW + SLOT), _done(T.BOOKING, "v", recorded_at=NOW + SLOT))
    report = reconcile(store, now=LATER + SLOT)
    assert (report.interactions, report.settled, report.lost) == (2, 1, 0)
    assert reconcile(store, now=LATER + SLOT).interactions == 0
    assert store.bookmarks.read(BOOKMARK) == start_of(slot_of(NOW) + 2)
    assert _counts(store)["e"].by_type == {T.VIEW: 2, T.BOOKING: 1}


def test_settled_slots_are_dropped_with_the_next_write(store: Documents) -> None:
    for number in range(3):
        _record(store, _done(T.VIEW, f"u{number}", recorded_at=NOW + number * SLOT))
        reconcile(store, now=LATER + number * SLOT)
    (shard,) = store.counters.open_since(NOW)
    assert list(shard.slots) == [slot_of(NOW) + 2]


def test_settled_slots_of_an_unchanged_event_are_dropped_when_there_are_many(store: Documents) -> None:
    for number in range(13):
        _record(store, _done(T.BOOKING, f"u{number}", recorded_at=NOW + number * SLOT))
        reconcile(store, now=LATER + number * SLOT)
    (shard,) = store.counters.open_since(NOW)
    assert len(shard.slots) == 1
    assert _counts(store)["e"].by_type == {T.BOOKING: 13}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 1_000])
def test_a_long_backlog_is_settled_in_batches(
    store: Documents, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", batch_size)
    done = [_done(T.VIEW, f"u{n}", f"e{n % 3}", recorded_at=NOW + n * 3 * MINUTE) for n in range(20)]
    _record(store, *done, _done(T.SAVE, recorded_at=NOW + 40 * MINUTE))
    report = reconcile(store, now=LATER + 60 * MINUTE)
    assert (report.interactions, report.settled, report.lost) == (21, 20, 0)
    assert sum(counts.by_type.get(T.VIEW, 0) for counts in _counts(store).values()) == 20


class Breaks(Exception):
    pass


@pytest.mark.parametrize("port", ["counters.settle", "bookmarks.move", "counters.record"])
@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_fails_anywhere_is_repeated_without_counting_twice(
    store: Documents,
    port: str,
    after: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    done = [_done(T.VIEW), _done(T.BOOKING), _done(T.SAVE)]
    _record(store, *done, deliver=False)

    def broken(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            if after:
                method(*given, **options)
            raise Breaks

        return call

    port_name, method = port.split(".")
    original = getattr(store, port_name)
    names = [name for name in dir(original) if not name.startswith("_")]
    members = {name: staticmethod(getattr(original, name)) for name in names}
    members[method] = staticmethod(broken(getattr(original, method)))
    with pytest.raises(Breaks):
        reconcile(replace(store, **{port_name: type("Port", (), members)()}), now=LATER)
    reconcile(store, now=LATER)
    assert _counts(store) == {"e": EventCounts.total(map(counts_of, done))}
    assert len(store.users.profile("u", timeout_s=1).history) == 3


def test_a_burst_of_one_user_moves_popularity_by_a_bounded_amount(store: Documents) -> None:
    shares = [_done(T.SHARE, "bot", f"e{n}") for n in range(500)]
    _record(store, *shares)
    reconcile(store, now=LATER)
    found = _counts(store)
    assert sum(counts.by_type[T.SHARE] for counts in found.values()) == 500
    weight = counts_of(shares[0]).popularity
    assert sum(counts.popularity for counts in found.values()) == pytest.approx(MAX_WEIGHED * weight)


def test_the_popularity_limit_is_for_each_user_and_slot(store: Documents) -> None:
    clicks = [
        _done(T.CLICK, user, f"e{n}", recorded_at=NOW + delay)
        for n in range(50)
        for user in "ab"
        for delay in (0 * SLOT, SLOT)
    ]
    tallied = tally([replace(click, interaction_id=f"{n}") for n, click in enumerate(clicks)], {})
    assert all(counts.decayed for by_slot in tallied.values() for counts in by_slot.values())
    assert len(clicks) == 200


def test_interactions_of_anonymous_visitors_are_not_counted(store: Documents) -> None:
    visitor = anonymous("0123456789abcdef")
    _record(store, _done(T.VIEW, visitor), _done(T.BOOKING, visitor))
    assert reconcile(store, now=LATER).interactions == 2
    assert _counts(store) == {}
    assert len(store.users.profile(visitor, timeout_s=1).history) == 2


def test_every_event_of_an_impression_page_counts(store: Documents) -> None:
    page = _done(T.IMPRESSION, event_id="", event_ids=("a", "b"), recommendation_id="list")
    _record(store, page)
    reconcile(store, now=LATER)
    assert {key: dict(counts.by_type) for key, counts in _counts(store).items()} == {
        "a": {T.IMPRESSION: 1},
        "b": {T.IMPRESSION: 1},
    }


@pytest.mark.parametrize("first", [T.BOOKING, T.CANCEL])
@pytest.mark.parametrize("apart", [timedelta(0), MINUTE, 3 * SLOT])
def test_a_cancellation_undoes_a_booking_in_any_order_of_recording(
    store: Documents, first: InteractionType, apart: timedelta
) -> None:
    booking = _done(T.BOOKING, occurred_at=NOW - MINUTE)
    cancel = _done(T.CANCEL, occurred_at=NOW)
    order = [booking, cancel] if first is T.BOOKING else [cancel, booking]
    order[1] = replace(order[1], recorded_at=NOW + apart)
    for number, interaction in enumerate(order):
        _record(store, interaction)
        if number == 0 and apart > SLOT:
            reconcile(store, now=LATER)
    reconcile(store, now=LATER + apart)
    assert _counts(store) == {"e": EventCounts({T.CANCEL: 1})}


def test_a_booking_after_a_cancellation_stays() -> None:
    cancel, booking = _done(T.CANCEL, occurred_at=NOW - MINUTE), _done(T.BOOKING, occurred_at=NOW)
    assert addition(booking, cancel) == counts_of(booking)
    assert addition(cancel, booking) == counts_of(cancel)
    assert addition(cancel, replace(booking, event_id="other", occurred_at=NOW - 2 * MINUTE)) == counts_of(cancel)


def test_a_delivery_is_too_late_well_before_its_slot_is_settled() -> None:
    end = start_of(slot_of(NOW) + 1)
    assert not is_too_late(NOW, end + 5 * MINUTE)
    assert is_too_late(NOW, end + 5 * MINUTE + timedelta(microseconds=1))
    assert slot_of(end + 5 * MINUTE + 2 * MINUTE - SETTLED_AFTER) == slot_of(NOW)


def test_interactions_without_recorded_at_cannot_be_tallied() -> None:
    with pytest.raises(ValueError, match="a store has recorded"):
        tally([_done(T.VIEW, recorded_at=None)], {})
