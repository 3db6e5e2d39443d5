"""States under a search for broken promises: any order of writes, deliveries, erasures, loads and reconciliations."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.adapters.sqlite import SqliteInteractions
from shared.adapters.sqlite.interactions import store
from shared.entities import EventCounts, HistoryEntry, Interaction, InteractionType, Origin
from shared.errors import Conflict, TooMany
from shared.ports import Documents
from shared.services.ingest import reconcile as module
from shared.services.ingest.bulk_load import load_interactions
from shared.services.ingest.erasure import forget
from shared.services.ingest.reconcile import reconcile
from shared.services.ingest.record import Outcome, count, receive, withdraw
from shared.services.ingest.sign_in import sign_in
from tests import oracle
from tests.examples import an_interaction
from tests.stores import documents

T = InteractionType
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
START: Final = datetime(2026, 5, 1, 23, 40, tzinfo=UTC)
USERS: Final = ("u", "u:1", "ü")
VISITOR: Final = "visitor"
EVENTS: Final = ("e", "1:e", "é:e")
STATES: Final = (T.BOOKING, T.CANCEL, T.SAVE, T.UNSAVE, T.RATING, T.REVIEW, T.ATTEND, T.DISMISS, T.UNDISMISS)
KINDS: Final = (*STATES, T.VIEW, T.CLICK, T.SHARE, T.IMPRESSION)
STAYS: Final = (T.BOOKING, T.ATTEND, T.DISMISS)
RANK: Final = {kind: number for number, kind in enumerate(T)}
MOST_BY_STATES, MOST_A_DAY = 4.3, 0.9

senders = st.sampled_from([*USERS, f"~{VISITOR}"])
users, events, kinds = st.sampled_from(USERS), st.sampled_from(EVENTS), st.sampled_from(KINDS)
stars = st.sampled_from([1.0, 3.0, 5.0])
# Few distinct times, so that equal ones are frequent.
ages = st.sampled_from([-2 * MINUTE, -SECOND, 0 * SECOND, SECOND, 10 * MINUTE, DAY - MINUTE, DAY, 2 * DAY, 7 * DAY])
bases = st.sampled_from(["now", "last"])


class Stopped(Exception):
    """Simulated end of a run."""


def stopped(documents: Documents, port: str, method: str, call: int, *, is_after: bool) -> Documents:
    """Document stores of which a method ends the run at its call number `call`, before or after it is done."""
    inner = getattr(documents, port)
    original = getattr(inner, method)
    left = [call]

    def stops(*given: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not is_after:
            raise Stopped
        result = original(*given, **options)
        if left[0] == 0:
            raise Stopped
        return result

    members: dict[str, Any] = {
        name: staticmethod(getattr(inner, name)) for name in dir(inner) if not name.startswith("_")
    }
    changed: Any = type("Port", (), members | {method: staticmethod(stops)})()
    return replace(documents, **{port: changed})


def meeting(documents: Documents, then: Callable[[], object], port: str, method: str) -> Documents:
    """Document stores of which a method is followed by `then`, once."""
    inner = getattr(documents, port)
    original = getattr(inner, method)
    waiting = [then]

    def call(*given: Any, **options: Any) -> Any:
        result = original(*given, **options)
        while waiting:
            waiting.pop()()
        return result

    members: dict[str, Any] = {
        name: staticmethod(getattr(inner, name)) for name in dir(inner) if not name.startswith("_")
    }
    changed: Any = type("Port", (), members | {method: staticmethod(call)})()
    return replace(documents, **{port: changed})


def write_directly(documents: Documents, interaction: Interaction, *, now: datetime) -> None:
    """Document written by an app itself: nothing asks whether its user is erased."""
    assert isinstance(documents.interactions, SqliteInteractions)
    with documents.interactions._database.transaction() as connection:
        store(connection, interaction, now=now, counted=False)


def is_later(state: Interaction, before: Interaction) -> bool:
    """Order of two states as `docs/data.md` has it."""
    return (state.occurred_at, RANK[state.type], state.value or 0) > (
        before.occurred_at,
        RANK[before.type],
        before.value or 0,
    )


def _entry(entry: Interaction | HistoryEntry) -> tuple[str, str, float | None, datetime]:
    return entry.type.value, entry.event_id, entry.value, entry.occurred_at


class States(RuleBasedStateMachine):
    """Search machine: a store, and beside it what its documents should be."""

    @initialize()
    def begin(self) -> None:
        self.documents = documents()
        self.now = START
        self.held: dict[str, Interaction] = {}
        self.versions: list[Interaction] = []
        self.deleted: list[Interaction] = []
        self.erased: dict[str, datetime] = {}
        # What was counted for good, whatever becomes of its document: settled before an erasure, or loaded.
        self.settled: list[Interaction] = []
        self.loaded: list[Interaction] = []
        self.remembered: dict[str, datetime] = {}
        self.last = START

    def teardown(self) -> None:
        if hasattr(self, "documents"):
            self.settle_all()

    def _made(self, user: str, event: str, kind: T, value: float, age: timedelta, base: str) -> Interaction:
        # No two commits have the same time.
        self.now += timedelta(microseconds=1)
        self.last = (self.now if base == "now" else self.last) - age
        return an_interaction(user, event, kind, occurred_at=self.last, value=value if kind is T.RATING else None)

    def _hold(self, given: Interaction, *, recorded_at: datetime) -> bool:
        """Model of storing a document; True if it is new."""
        effective = replace(given, occurred_at=min(given.occurred_at, recorded_at))
        before = self.held.get(given.interaction_id)
        repeats = given.type not in STATES
        is_row = before is not None and before.origin is given.origin is Origin.LOAD and repeats
        if before:
            if before.anonymous and not given.anonymous:
                is_new = repeats or not is_later(before, effective)
            elif given.anonymous and not before.anonymous:
                is_new = False
            elif is_row:
                is_new = is_later(before, effective)
            else:
                is_new = not repeats and is_later(effective, before)
            if not is_new:
                return False
        found = self.documents.interactions.get([given.interaction_id])[given.interaction_id]
        assert found.recorded_at
        if before and before.recorded_at:
            assert found.recorded_at == before.recorded_at if is_row else found.recorded_at > before.recorded_at
        if before and is_row:
            self.loaded.remove(before)
        self.held[given.interaction_id] = replace(effective, recorded_at=found.recorded_at)
        self.versions.append(self.held[given.interaction_id])
        return True

    def _is_doomed(self, interaction: Interaction) -> bool:
        at = self.erased.get(interaction.user_id)
        assert interaction.recorded_at
        return at is not None and interaction.recorded_at <= at

    def _sync(self) -> None:
        """Model of what a delivery deletes: only what was recorded up to an erasure."""
        there = self.documents.interactions.known(list(self.held))
        for key in self.held.keys() - there:
            gone = self.held.pop(key)
            assert self._is_doomed(gone), gone
            self.deleted.append(gone)

    def _is_settled(self, interaction: Interaction) -> bool:
        assert isinstance(self.documents.interactions, SqliteInteractions)
        sql = "SELECT at, until, after FROM bookmarks WHERE name = 'reconciled'"
        rows = self.documents.interactions._database.rows(sql, ())
        at, until, after = rows[0] if rows else (None, None, "")
        recorded = interaction.recorded_at
        assert recorded
        if at and recorded < datetime.fromisoformat(at):
            return True
        return bool(until and recorded < datetime.fromisoformat(until) and interaction.event_id <= after)

    @rule(
        user=senders,
        event=events,
        kind=kinds,
        value=stars,
        age=ages,
        base=bases,
        anonymous=st.sampled_from([False] * 5 + [True]),
    )
    def send(self, user: str, event: str, kind: T, value: float, age: timedelta, base: str, anonymous: bool) -> None:  # noqa: FBT001
        made = replace(self._made(user, event, kind, value, age, base), anonymous=anonymous)
        entry = {
            "type": kind.value,
            "event_id": event,
            "occurred_at": made.occurred_at.isoformat(),
            "value": made.value,
        }
        try:
            received = receive(self.documents.interactions, [entry], user_id=user, now=self.now, anonymous=anonymous)
        except TooMany:
            assert self.now <= self.erased[user]
            return
        if not self.now - 7 * DAY <= made.occurred_at <= self.now + 2 * MINUTE:
            assert received.rejected
            return
        assert kind not in STATES or user not in self.erased or self.now > self.erased[user]
        effective = replace(made, occurred_at=min(made.occurred_at, self.now))
        effective = replace(effective, interaction_id=effective.expected_id())
        assert received.accepted == [effective.interaction_id]
        self._hold(effective, recorded_at=self.now)

    @rule(user=users, event=events, kind=kinds, value=stars, age=ages, base=bases)
    def write(self, user: str, event: str, kind: T, value: float, age: timedelta, base: str) -> None:
        made = self._made(user, event, kind, value, age, base)
        if not self.now - DAY < made.occurred_at <= self.now + 2 * MINUTE:
            return
        before = self.documents.interactions.get([made.interaction_id]).get(made.interaction_id)
        if before:
            assert before.recorded_at
            if kind not in STATES or before.recorded_at >= self.now or made.occurred_at <= before.occurred_at:
                return
        write_directly(self.documents, made, now=self.now)
        self._hold(made, recorded_at=self.now)

    @precondition(lambda self: self.versions)
    @rule(data=st.data(), times=st.integers(1, 2))
    def deliver(self, data: st.DataObject, times: int) -> None:
        n = len(self.versions)
        version = self.versions[data.draw(st.one_of(st.integers(max(0, n - 3), n - 1), st.integers(0, n - 1)))]
        for _ in range(times):
            outcome = count(self.documents, version, now=self.now)
        self._sync()
        held = self.held.get(version.interaction_id)
        if outcome is not Outcome.FORGOTTEN and held == version:
            assert version.recorded_at
            self.remembered[version.interaction_id] = version.recorded_at

    @precondition(lambda self: self.deleted)
    @rule(data=st.data())
    def deliver_deletion(self, data: st.DataObject) -> None:
        withdraw(self.documents, data.draw(st.sampled_from(self.deleted)), now=self.now)

    @rule(user=users)
    def erase(self, user: str) -> None:
        own = [entry for entry in self.held.values() if entry.user_id == user]
        for entry in own:
            self.settled += [entry] if self._counts_for_good(entry) else []
            self.deleted.append(entry)
            del self.held[entry.interaction_id]
            self.remembered.pop(entry.interaction_id, None)
        self.erased[user] = forget(self.documents.personal, user_id=user, now=self.now).until
        assert self.documents.users.profile(user, timeout_s=9).history == ()

    @rule(user=users, is_own=st.booleans())
    def sign_in(self, user: str, is_own: bool) -> None:  # noqa: FBT001
        self.now += timedelta(microseconds=1)
        visitor = user if is_own else f"~{VISITOR}"
        done = [entry for entry in self.held.values() if entry.user_id == visitor and (entry.anonymous or not is_own)]
        try:
            joined = sign_in(self.documents, anonymous_id=user if is_own else VISITOR, user_id=user, now=self.now)
        except TooMany:
            assert self.now <= self.erased[user]
            return
        assert (joined.joined, joined.left_out) == (len(done), 0)
        for entry in done:
            given = replace(entry, user_id=user, anonymous=False, origin=Origin.JOIN)
            self._hold(replace(given, interaction_id=given.expected_id()), recorded_at=self.now)
            if not is_own:
                self.deleted.append(self.held.pop(entry.interaction_id))
                self.erased[visitor] = self.now - MINUTE

    drafts = st.tuples(events, kinds, stars, ages, bases)

    @rule(user=users, drawn=st.lists(drafts, min_size=2, max_size=4))
    def send_several(self, user: str, drawn: list[tuple[str, T, float, timedelta, str]]) -> None:
        made = [self._made(user, *draft) for draft in drawn]
        batch = [entry.to_document() for entry in made]
        try:
            received = receive(self.documents.interactions, batch, user_id=user, now=self.now)
        except TooMany:
            assert self.now <= self.erased[user]
            return
        timely = [entry for entry in made if self.now - 7 * DAY <= entry.occurred_at <= self.now + 2 * MINUTE]
        effective = [replace(entry, occurred_at=min(entry.occurred_at, self.now)) for entry in timely]
        effective = [replace(entry, interaction_id=entry.expected_id()) for entry in effective]
        assert received.accepted == [entry.interaction_id for entry in effective]
        assert len(received.rejected) == len(made) - len(timely)
        # By the times that the client gave, which may be ahead, and at equal times by place: the later one holds.
        order = sorted(range(len(timely)), key=lambda place: (timely[place].occurred_at, place))
        last = {entry.interaction_id: entry for entry in reversed(effective) if entry.type not in STATES}
        followed: dict[str, set[int]] = {}
        for number, place in enumerate(order):
            entry = effective[place]
            if entry.type not in STATES:
                continue
            key = entry.interaction_id
            before = last.get(key)
            if before and (before.type, before.value) != (entry.type, entry.value):
                followed[key] = {earlier for earlier in order[:number] if effective[earlier].interaction_id == key}
            last[key] = entry
        for entry in last.values():
            self._hold(entry, recorded_at=self.now)
        outlived = [
            entry.interaction_id
            for place, entry in enumerate(effective)
            if entry.type in STATES
            and (place in followed.get(entry.interaction_id, ()) or is_later(self.held[entry.interaction_id], entry))
        ]
        assert received.superseded == outlived

    def _counts_for_good(self, entry: Interaction) -> bool:
        if entry.type in STATES or entry.anonymous or entry in self.loaded or not self._is_settled(entry):
            return False
        at = self.erased.get(entry.user_id)
        return at is None or entry.occurred_at.date() > at.date()

    rows = st.tuples(users, events, kinds, stars, ages, bases)

    @rule(drawn=st.lists(rows, min_size=1, max_size=4), data=st.data())
    def load(self, drawn: list[tuple[str, str, T, float, timedelta, str]], data: st.DataObject) -> None:
        made = [self._made(*row) for row in drawn]
        known = data.draw(st.lists(st.sampled_from(self.versions), max_size=3)) if self.versions else []
        # A row that an app has also written during an erasure is in the history until that document is deleted.
        doomed = {key for key, entry in self.held.items() if self._is_doomed(entry)}
        chunk = [
            replace(row, recorded_at=None, anonymous=False, origin=Origin.LOAD)
            for row in (*made, *known)
            if row.user_id in USERS and row.occurred_at <= self.now and row.interaction_id not in doomed
        ]
        load_interactions(self.documents, chunk, now=self.now)
        last: dict[str, Interaction] = {}
        for row in chunk:
            before = last.setdefault(row.interaction_id, row)
            if is_later(row, before) if row.type in STATES else is_later(before, row):
                last[row.interaction_id] = row
        for row in last.values():
            if self.now <= self.erased.get(row.user_id, self.now - DAY):
                continue
            if self._hold(row, recorded_at=self.now) and row.type not in STATES:
                self.loaded.append(self.held[row.interaction_id])
            self.remembered[row.interaction_id] = self.held[row.interaction_id].recorded_at or self.now
        self._sync()

    @rule()
    def reconcile(self) -> None:
        reconcile(self.documents, now=self.now)
        self._sync()

    @rule(
        where=st.sampled_from(
            [("counters", "settle"), ("counters", "put"), ("counters", "remember"), ("bookmarks", "claim")]
        ),
        call=st.integers(1, 3),
        is_after=st.booleans(),
    )
    def reconcile_and_stop(self, where: tuple[str, str], call: int, is_after: bool) -> None:  # noqa: FBT001
        with suppress(Stopped):
            reconcile(stopped(self.documents, *where, call, is_after=is_after), now=self.now)
        self._sync()

    @rule(
        where=st.sampled_from(
            [("counters", "settle"), ("counters", "registers"), ("users", "trim_histories"), ("personal", "forgotten")]
        )
    )
    def reconcile_twice_at_once(self, where: tuple[str, str]) -> None:
        def other() -> None:
            reconcile(self.documents, now=self.now)

        with suppress(Conflict):
            reconcile(meeting(self.documents, other, *where), now=self.now)
        self._sync()

    @rule(by=st.sampled_from([SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 10 * MINUTE, 25 * MINUTE, DAY, 2 * DAY]))
    def wait(self, by: timedelta) -> None:
        self.now += by

    @invariant()
    def documents_hold_the_last_word(self) -> None:
        if not hasattr(self, "documents"):
            return
        found = {entry.interaction_id: entry for entry in self.documents.interactions.since(None)}
        assert found == self.held

    @invariant()
    def what_is_booked_or_dismissed_stays_so(self) -> None:
        if not hasattr(self, "documents"):
            return
        for user in USERS:
            history = self.documents.users.profile(user, timeout_s=9).history
            there = {(entry.type, entry.event_id) for entry in history}
            for key, entry in self.held.items():
                if entry.user_id == user and entry.type in STAYS and self.remembered.get(key) == entry.recorded_at:
                    assert (entry.type, entry.event_id) in there

    def settle_all(self) -> None:
        self.now += 3 * DAY
        reconcile(self.documents, now=self.now)
        self._sync()
        for entry in self.deleted:
            withdraw(self.documents, entry, now=self.now)
        calm = reconcile(self.documents, now=self.now + DAY)
        assert (calm.lost, calm.settled, calm.events) == (0, 0, 0)
        assert not [entry for entry in self.held.values() if self._is_doomed(entry)]
        self._check()

    def _check(self) -> None:
        counted_at_once = {entry.interaction_id: entry for entry in self.loaded}
        uncounted = [entry for entry in self.held.values() if entry != counted_at_once.get(entry.interaction_id)]
        truth = oracle.truth(uncounted, self.erased)
        # Documents of the same id one after the other; what is loaded counts whatever its age.
        rest = [*self.settled, *(replace(entry, recorded_at=entry.occurred_at) for entry in self.loaded)]
        more = oracle.truth(replace(entry, interaction_id=f"{n}") for n, entry in enumerate(rest))
        for event in EVENTS:
            for kind, number in more.by_type[event].items():
                truth.by_type[event][kind] += number
            for landmark, units in more.units[event].items():
                truth.units[event][landmark] += units
        found = {key: counts for key, counts, _ in self.documents.counters.changed_since(None)}
        for event in EVENTS:
            counts = found.get(event, EventCounts())
            by_type = {kind.value: n for kind, n in counts.by_type.items() if n}
            assert by_type == {kind: n for kind, n in truth.by_type[event].items() if n}
            sums = {number: n for number, n in counts.decayed.items() if n}
            assert sums == {number: n for number, n in truth.units[event].items() if n}
        for user in USERS:
            history = self.documents.users.profile(user, timeout_s=9).history
            own = [entry for entry in self.held.values() if entry.user_id == user and entry.type is not T.IMPRESSION]
            assert {_entry(entry) for entry in history} ^ {_entry(entry) for entry in own} == set()
        self._check_bound(uncounted)

    def _check_bound(self, uncounted: list[Interaction]) -> None:
        weights, days = defaultdict[tuple[str, str], float](float), defaultdict[tuple[str, str], set[str]](set)
        for entry in (*self.settled, *uncounted):
            alone = oracle.truth([entry], self.erased if entry in uncounted else None)
            if any(alone.units[entry.event_id].values()):
                key = entry.user_id, entry.event_id
                is_rating = entry.type is T.RATING
                weights[key] += ((entry.value or 3) - 3) / 2 if is_rating else oracle.WORTH[entry.type.value]
                if entry.type not in STATES:
                    days[key].add(entry.interaction_id.split(":")[-2 - entry.event_id.count(":")])
        for key, weight in weights.items():
            assert weight <= MOST_BY_STATES + MOST_A_DAY * len(days[key]) + 1e-9, key


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SETTLED", 1)
    monkeypatch.setattr(module, "BATCH_SIZE", 3)


def test_no_order_of_writes_deliveries_erasures_and_reconciliations_breaks_what_is_promised() -> None:
    run_state_machine_as_test(States, settings=settings(max_examples=250, stateful_step_count=30, deadline=None))


def test_a_clock_ahead_before_midnight_brings_the_next_day_s_views_and_no_more_the_next_day() -> None:
    opened, night = documents(), datetime(2026, 5, 1, 23, 59, 30, tzinfo=UTC)
    ages = (DAY - 20 * SECOND, SECOND, -MINUTE)
    shares = [an_interaction("u", "e", T.SHARE, occurred_at=night - age) for age in ages]
    for share in shares:
        write_directly(opened, share, now=night)
    again = {"type": "share", "event_id": "e"}
    received = receive(opened.interactions, [again], user_id="u", now=night + MINUTE)
    assert received.accepted == [shares[-1].interaction_id]
    reconcile(opened, now=night + DAY)
    [(_, counts, _)] = opened.counters.changed_since(None)
    assert counts.by_type == {T.SHARE: 3}
