"""Reconciliation: settling event counts slot by slot."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.entities import Erasures, EventCounts, Interaction, InteractionType, anonymous
from shared.errors import Conflict
from shared.feedback.counts import MAX_WEIGHED, MAX_WEIGHED_AGE, SETTLED_AFTER, SLOT, slot_of, start_of, tally
from shared.feedback.popularity import counts_of
from shared.ports import MAX_SETTLED, Documents
from shared.services.ingest import reconcile as module
from shared.services.ingest.reconcile import Reconciliation, reconcile
from shared.services.ingest.record import count
from shared.services.ingest.upgrade import RECONCILED
from tests.examples import NOW, an_interaction
from tests.stores import erasures

T = InteractionType
MINUTE = timedelta(minutes=1)
LATER = NOW + SLOT + SETTLED_AFTER


def _done(kind: InteractionType, user_id: str = "u", event_id: str = "e", **given: Any) -> Interaction:
    return an_interaction(user_id, event_id, kind, **{"recorded_at": NOW} | given)


def _record(store: Documents, *interactions: Interaction, deliver: bool = True) -> None:
    for interaction in interactions:
        assert interaction.recorded_at
        store.interactions.append([interaction], now=interaction.recorded_at)
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
    assert (report.interactions, report.settled, report.lost, report.events) == (3, 3, 0, 1)
    assert _counts(store) == {"e": EventCounts.total(map(counts_of, views))}
    assert report.until == start_of(slot_of(NOW) + 1)


def test_interactions_that_triggers_counted_are_not_changed(store: Documents) -> None:
    booking = _done(T.BOOKING)
    _record(store, booking)
    report = reconcile(store, now=LATER)
    assert (report.lost, report.remembered, report.events) == (0, 0, 0)
    assert _counts(store) == {"e": counts_of(booking)}


def test_interactions_without_a_delivery_are_counted_and_remembered(store: Documents) -> None:
    booking, view = _done(T.BOOKING), _done(T.VIEW)
    _record(store, booking, view, deliver=False)
    report = reconcile(store, now=LATER)
    assert (report.lost, report.settled, report.remembered) == (1, 1, 1)
    assert _counts(store) == {"e": EventCounts.total([counts_of(booking), counts_of(view)])}
    assert len(store.users.profile("u", timeout_s=1).history) == 2


def test_a_state_whose_overwrite_was_not_delivered_is_replaced(store: Documents) -> None:
    first, second = (
        _done(T.RATING, value=stars, occurred_at=NOW - minutes * MINUTE) for stars, minutes in ((1, 2), (5, 1))
    )
    _record(store, first)
    _record(store, replace(second, recorded_at=NOW + MINUTE), deliver=False)
    report = reconcile(store, now=LATER)
    assert report.lost == 1
    assert _counts(store) == {"e": counts_of(second)}
    assert [entry.value for entry in store.users.profile("u", timeout_s=1).history] == [5.0]


def test_of_two_runs_at_once_the_first_stops(store: Documents) -> None:
    _record(store, *[_done(T.VIEW, f"u{n}", f"e{n:04}") for n in range(MAX_SETTLED + 10)])
    settle = store.counters.settle
    others: list[Reconciliation] = []

    def overtaken(*given: Any, **options: Any) -> Any:
        fence = settle(*given, **options)
        if not others:
            others.append(reconcile(store, now=LATER))
        return fence

    members = {name: getattr(store.counters, name) for name in dir(store.counters) if not name.startswith("_")}
    slow = type(
        "Port",
        (),
        {name: staticmethod(member) for name, member in members.items()} | {"settle": staticmethod(overtaken)},
    )()
    with pytest.raises(Conflict, match="another run has begun"):
        reconcile(replace(store, counters=slow), now=LATER)
    assert {counts.by_type[T.VIEW] for counts in _counts(store).values()} == {1}
    assert len(_counts(store)) == MAX_SETTLED + 10
    assert others[0].settled == 10
    assert reconcile(store, now=LATER + SLOT).settled == 0


def test_the_next_run_continues_after_the_last_slot(store: Documents) -> None:
    _record(store, _done(T.VIEW))
    reconcile(store, now=LATER)
    _record(store, _done(T.VIEW, "v", recorded_at=NOW + SLOT), _done(T.BOOKING, "v", recorded_at=NOW + SLOT))
    report = reconcile(store, now=LATER + SLOT)
    assert (report.interactions, report.settled, report.lost) == (2, 1, 0)
    assert reconcile(store, now=LATER + SLOT).interactions == 0
    assert store.bookmarks.read(RECONCILED) == start_of(slot_of(NOW) + 2)
    assert _counts(store)["e"].by_type == {T.VIEW: 2, T.BOOKING: 1}


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


def test_counts_are_stamped_when_they_are_written(store: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    # Instances look for changes of the latest minutes, and a run may take longer than that.
    monkeypatch.setattr(module, "BATCH_SIZE", 1)
    views = [_done(T.VIEW, event_id=f"e{n}", recorded_at=NOW + n * SLOT) for n in range(3)]
    _record(store, *views, _done(T.SAVE, event_id="lost"), deliver=False)
    hours = itertools.count(1)
    reconcile(store, now=LATER + 3 * SLOT, clock=lambda: LATER + next(hours) * timedelta(hours=1))
    stamps = [updated_at for _, _, updated_at in store.counters.changed_since(LATER)]
    assert len(set(stamps)) == len(stamps) == 4
    assert min(stamps) > LATER


class Breaks(Exception):
    pass


@pytest.mark.parametrize("port", ["counters.settle", "bookmarks.claim", "counters.put", "counters.remember"])
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
        _done(T.CLICK, user, f"e{n}", occurred_at=NOW, recorded_at=NOW + delay)
        for n in range(50)
        for user in "ab"
        for delay in (0 * SLOT, SLOT)
    ]
    tallied = tally([replace(click, interaction_id=f"{n}") for n, click in enumerate(clicks)], Erasures())
    assert EventCounts.total(tallied.values()) == EventCounts.total(map(counts_of, clicks))
    assert len(clicks) == 200


def test_repeating_interactions_of_an_earlier_day_add_no_popularity() -> None:
    late = _done(T.VIEW, occurred_at=NOW - MAX_WEIGHED_AGE - MINUTE)
    assert tally([late], Erasures()) == {"e": EventCounts({T.VIEW: 1})}
    on_time = _done(T.VIEW, occurred_at=NOW - MAX_WEIGHED_AGE)
    assert tally([on_time], Erasures()) == {"e": counts_of(on_time)}


def test_after_an_erasure_repeating_interactions_of_its_day_do_not_count() -> None:
    views = [
        _done(T.VIEW, occurred_at=NOW + hours * 60 * MINUTE, recorded_at=NOW + 13 * 60 * MINUTE) for hours in (1, 13)
    ]
    forgotten = erasures({"u": NOW})
    assert tally(views, forgotten) == {"e": counts_of(views[1])}
    assert tally(views, erasures({"v": NOW})) == {"e": EventCounts.total(map(counts_of, views))}


def test_what_no_history_keeps_and_an_app_writes_during_an_erasure_is_deleted(store: Documents) -> None:
    search = _done(T.SEARCH, event_id="", query="words")
    kept = replace(search, user_id="v", interaction_id="")
    kept = replace(kept, interaction_id=kept.expected_id())
    _record(store, search, _done(T.IMPRESSION), kept)
    store.personal.mark("u", at=NOW + MINUTE)
    reconcile(store, now=LATER)
    assert [entry.user_id for entry in store.interactions.since(None)] == ["v"]


def test_interactions_of_anonymous_visitors_are_not_counted(store: Documents) -> None:
    visitor = anonymous("0123456789abcdef")
    _record(store, _done(T.VIEW, visitor), _done(T.BOOKING, visitor))
    assert reconcile(store, now=LATER).interactions == 2
    assert _counts(store) == {}
    assert len(store.users.profile(visitor, timeout_s=1).history) == 2


def test_interactions_of_anonymous_accounts_are_not_counted(store: Documents) -> None:
    _record(store, *(replace(_done(kind), anonymous=True) for kind in (T.VIEW, T.BOOKING)))
    assert reconcile(store, now=LATER).lost == 0
    assert _counts(store) == {}
    assert len(store.users.profile("u", timeout_s=1).history) == 2


def test_what_weighs_nothing_writes_no_counts(store: Documents) -> None:
    # Nearly every event is shown within ten minutes: counts of that would be most of what a deployment costs.
    page = _done(T.IMPRESSION, event_id="", event_ids=("a", "b"), recommendation_id="list")
    _record(store, page, _done(T.IMPRESSION, event_id="c"), _done(T.VIEW, event_id="b"))
    report = reconcile(store, now=LATER)
    assert (report.interactions, report.settled, report.events) == (3, 1, 1)
    assert report.types == {T.IMPRESSION: 2, T.VIEW: 1}
    assert {key: dict(counts.by_type) for key, counts in _counts(store).items()} == {"b": {T.VIEW: 1}}


@pytest.mark.parametrize("family", [(T.BOOKING, T.CANCEL), (T.SAVE, T.UNSAVE), (T.DISMISS, T.UNDISMISS)])
@pytest.mark.parametrize("apart", [MINUTE, 3 * SLOT])
def test_the_last_word_counts_in_any_order_of_delivery(
    store: Documents, family: tuple[InteractionType, InteractionType], apart: timedelta
) -> None:
    does, undoes = family
    states = [
        _done(kind, occurred_at=NOW + number * apart, recorded_at=NOW + number * apart)
        for number, kind in enumerate((does, undoes, does))
    ]
    for number, state in enumerate(states):
        store.interactions.append([state], now=state.recorded_at or NOW)
        for late in reversed(states[: number + 1]):
            count(store, late, now=NOW + number * apart)
        assert _counts(store)["e"] == counts_of(state)
        [entry] = store.users.profile("u", timeout_s=1).history
        assert (entry.type, entry.occurred_at) == (state.type, state.occurred_at)
    report = reconcile(store, now=LATER + 2 * apart)
    assert (report.lost, _counts(store)["e"]) == (0, counts_of(states[-1]))


def test_interactions_without_recorded_at_cannot_be_tallied() -> None:
    with pytest.raises(ValueError, match="a store has recorded"):
        tally([_done(T.VIEW, recorded_at=None)], Erasures())
