"""Rows of attribution in the bucket: what settling reads, stored as a set, for a few days."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.entities import Erasures, Interaction, InteractionType, anonymous
from shared.errors import ArtifactError, Conflict, StoreUnavailable
from shared.feedback.counts import SETTLED_AFTER, SLOT
from shared.ports import MAX_SETTLED, Blob, Documents, ObjectStore
from shared.services.ingest import reconcile as settling
from shared.services.ingest.erasure import forget
from shared.services.ingest.reconcile import reconcile
from shared.services.ingest.record import count, receive
from shared.services.ingest.sign_in import sign_in
from shared.services.monitoring import rows as module
from shared.services.monitoring.feedback import feedback
from shared.services.monitoring.rows import FOLDER, KEPT, RowKeeper, drop_erased, prune, read_rows
from tests.examples import DAY, NOW, an_interaction
from tests.lists import a_list
from tests.stores import FragileObjects, Outage, documents, keys

T = InteractionType
MINUTE = timedelta(minutes=1)
LATER = NOW + SLOT + SETTLED_AFTER
TODAY = NOW.date()


@pytest.fixture
def store() -> Documents:
    return documents()


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return FolderObjects(tmp_path)


def _done(kind: T, token: str = "", user_id: str = "u", event_id: str = "e", **about: Any) -> Interaction:
    given: dict[str, Any] = {"occurred_at": NOW, "recorded_at": NOW, "recommendation_id": token} | about
    return an_interaction(user_id, event_id, kind, **given)


def _day(user_id: str = "u") -> list[Interaction]:
    """Page of two events, of which one is clicked and booked without naming the list; and an organic booking."""
    token = a_list(user_id, at=NOW - 3 * MINUTE)
    return [
        _done(T.IMPRESSION, token, user_id, "", event_ids=("a", "b"), position=0),
        _done(T.CLICK, token, user_id, "a", occurred_at=NOW - 2 * MINUTE),
        _done(T.BOOKING, "", user_id, "a", occurred_at=NOW - MINUTE),
        _done(T.BOOKING, "", user_id, "c"),
    ]


def _record(store: Documents, done: Sequence[Interaction], *, deliver: bool = False) -> None:
    for entry in done:
        assert entry.recorded_at
        store.interactions.append([entry], now=entry.recorded_at)
        if deliver:
            count(store, entry, now=entry.recorded_at)


def _settle(store: Documents, objects: ObjectStore, *, now: Any = LATER) -> None:
    reconcile(store, now=now, keep=RowKeeper(objects, store.users, keys, now=now).keep)


def _counts(objects: ObjectStore) -> tuple[int, int, int, int]:
    found = feedback(objects, TODAY)
    return found.total.impressions, found.total.clicks, found.total.bookings, found.organic_bookings


@pytest.mark.parametrize("deliver", [True, False])
def test_what_settling_reads_becomes_figures_whether_or_not_triggers_came(
    store: Documents,
    objects: ObjectStore,
    deliver: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    _record(store, _day(), deliver=deliver)
    _settle(store, objects)
    assert _counts(objects) == (2, 1, 1, 1)
    _settle(store, objects, now=LATER + SLOT)
    assert _counts(objects) == (2, 1, 1, 1)


def test_rows_name_nobody(store: Documents, objects: ObjectStore, tmp_path: Path) -> None:
    _record(store, _day("somebody_known"))
    _settle(store, objects)
    stored = b"".join(path.read_bytes() for path in (tmp_path / FOLDER).rglob("*") if path.is_file())
    assert stored
    assert b"somebody_known" not in stored


@pytest.mark.parametrize("batch_size", [1, 3, 1_000])
def test_batches_and_parts_of_any_size_give_the_same_figures(
    store: Documents, objects: ObjectStore, batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "BATCH_SIZE", batch_size)
    monkeypatch.setattr(module, "_PART", batch_size)
    monkeypatch.setattr(module, "_MAX_ROWS", batch_size)
    for number in range(8):
        at = NOW + number * 3 * MINUTE
        _record(store, [replace(entry, recorded_at=at) for entry in _day(f"u{number}")])
    _settle(store, objects, now=LATER + 60 * MINUTE)
    assert _counts(objects) == (16, 8, 8, 8)


class Breaks(Exception):
    pass


def _broken(port: Any, name: str, *, after: bool, at: int = 1) -> Any:
    """Port of which the call number `at` of a method fails, before or after its work."""
    members = {key: staticmethod(getattr(port, key)) for key in dir(port) if not key.startswith("_")}
    method: Callable[..., Any] = getattr(port, name)
    calls = iter(range(1, 1_000))

    def call(*given: Any, **options: Any) -> Any:
        is_due = next(calls) == at
        if is_due and not after:
            raise Breaks
        done = method(*given, **options)
        if is_due:
            raise Breaks
        return done

    return type("Port", (), members | {name: staticmethod(call)})()


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("place", ["objects.write", "objects.read", "users.touchpoints", "counters.settle"])
def test_a_run_that_is_killed_anywhere_changes_no_figure(
    store: Documents,
    objects: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    after: bool,  # noqa: FBT001  # a parameter of the test
    at: int,
) -> None:
    monkeypatch.setattr(settling, "BATCH_SIZE", 4)
    _record(store, _day())
    _record(store, [replace(entry, recorded_at=NOW + SLOT) for entry in _day("v")])
    port, name = place.split(".")
    failing, kept = store, objects
    if port == "objects":
        kept = _broken(objects, name, after=after, at=at)
    else:
        failing = replace(store, **{port: _broken(getattr(store, port), name, after=after, at=at)})
    try:
        _settle(failing, kept, now=LATER + SLOT)
    except Breaks:
        """The next run does what this one left."""
    _settle(store, objects, now=LATER + SLOT)
    assert _counts(objects) == (4, 2, 2, 2)


def test_a_run_that_is_overtaken_changes_no_figure(store: Documents, objects: ObjectStore) -> None:
    for number in range(MAX_SETTLED + 10):
        _record(store, [_done(T.IMPRESSION, a_list(f"u{number}"), f"u{number}", f"e{number}")])
    _record(store, _day())
    keeper = RowKeeper(objects, store.users, keys, now=LATER)
    done: list[int] = []

    def overtaken(interactions: Sequence[Interaction], forgotten: Erasures) -> None:
        if not done:
            done.append(1)
            _settle(store, objects)
        keeper.keep(interactions, forgotten)

    with pytest.raises(Conflict):
        reconcile(store, now=LATER, keep=overtaken)
    assert _counts(objects) == (MAX_SETTLED + 12, 1, 1, 1)


def test_the_bookmark_does_not_pass_what_could_not_be_stored(store: Documents, objects: ObjectStore) -> None:
    _record(store, _day())
    outage = Outage(is_on=True)
    with pytest.raises(StoreUnavailable):
        _settle(store, FragileObjects(objects, outage))
    _settle(store, objects)
    assert _counts(objects) == (2, 1, 1, 1)


def test_acts_that_a_visitor_brings_along_keep_their_credit(store: Documents, objects: ObjectStore) -> None:
    token = a_list("", at=NOW - DAY)
    entries = [
        {"type": "impression", "event_ids": ["a", "b"], "recommendation_id": token, "position": 0},
        {"type": "click", "event_id": "a", "recommendation_id": token, "position": 0},
    ]
    receive(store.interactions, entries, user_id=anonymous("0123456789abcdef"), now=NOW - MINUTE)
    _settle(store, objects, now=NOW)
    assert _counts(objects) == (0, 0, 0, 0)
    sign_in(store, anonymous_id="0123456789abcdef", user_id="u", now=NOW)
    receive(store.interactions, [{"type": "booking", "event_id": "a"}], user_id="u", now=NOW + MINUTE)
    _settle(store, objects)
    assert _counts(objects) == (2, 1, 1, 0)


def test_rows_of_erased_users_are_gone(store: Documents, objects: ObjectStore) -> None:
    _record(store, [*_day(), *_day("v")])
    _settle(store, objects)
    drop_erased(objects, store.personal, keys, now=LATER)
    assert len(read_rows(objects, TODAY)) == 10
    forget(store.personal, user_id="u", now=LATER)
    assert drop_erased(objects, store.personal, keys, now=LATER + SLOT) == 5
    assert _counts(objects) == (2, 1, 1, 1)
    assert drop_erased(objects, store.personal, keys, now=LATER + 2 * SLOT) == 0
    store.personal.mark("w", at=LATER + SLOT)
    assert drop_erased(objects, store.personal, keys, now=LATER + 3 * SLOT) == 0
    forget(store.personal, user_id="v", now=LATER + 3 * SLOT)
    assert drop_erased(objects, store.personal, keys, now=LATER + 4 * SLOT) == 5
    assert len(read_rows(objects, TODAY)) == 0


def test_what_is_recorded_after_an_erasure_stays(store: Documents, objects: ObjectStore) -> None:
    store.personal.mark("u", at=NOW - MINUTE)
    _record(store, _day())
    _settle(store, objects)
    assert drop_erased(objects, store.personal, keys, now=LATER) == 0
    assert _counts(objects) == (2, 1, 1, 1)


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("name", ["write", "delete"])
def test_an_interrupted_deletion_of_rows_is_done_by_the_next_run(
    store: Documents, objects: ObjectStore, name: str, at: int
) -> None:
    _record(store, [*_day(), *_day("v")])
    _settle(store, objects)
    _record(store, [replace(entry, recorded_at=NOW + SLOT) for entry in (*_day(), *_day("w"))])
    _settle(store, objects, now=LATER + SLOT)
    forget(store.personal, user_id="u", now=LATER + SLOT)
    try:
        drop_erased(_broken(objects, name, after=False, at=at), store.personal, keys, now=LATER + SLOT)
    except Breaks:
        """The next run does what this one left."""
    drop_erased(objects, store.personal, keys, now=LATER + 2 * SLOT)
    assert _counts(objects) == (4, 2, 2, 2)


def test_rows_and_salts_are_deleted_after_a_few_days(store: Documents, objects: ObjectStore) -> None:
    _record(store, _day())
    _settle(store, objects)
    prune(objects, now=NOW + KEPT)
    assert _counts(objects) == (2, 1, 1, 1)
    prune(objects, now=NOW + KEPT + DAY)
    assert objects.names(FOLDER) == []
    _record(store, [replace(entry, recorded_at=NOW + SLOT) for entry in _day("v")])
    _settle(store, objects, now=NOW + KEPT + DAY)
    assert objects.names(FOLDER) == []


def test_each_day_has_its_own_rows_and_salt(store: Documents, objects: ObjectStore) -> None:
    _record(store, _day())
    _record(store, [replace(entry, recorded_at=NOW + DAY) for entry in _day("v")])
    _settle(store, objects, now=LATER + DAY)
    assert _counts(objects) == (2, 1, 1, 1)
    assert feedback(objects, TODAY + DAY).total.impressions == 2
    salts = [objects.read(name) for name in objects.names(FOLDER) if name.endswith("salt")]
    assert len({salt.data for salt in salts if salt}) == 2


def test_of_two_runs_that_begin_a_day_one_makes_its_salt(store: Documents, objects: ObjectStore) -> None:
    other = RowKeeper(objects, store.users, keys, now=LATER)

    class Slow:
        def __init__(self) -> None:
            self.names, self.delete, self.write = objects.names, objects.delete, objects.write
            self.is_first = True

        def read(self, name: str) -> Blob | None:
            found = objects.read(name)
            if self.is_first:
                self.is_first = False
                other.keep(_day(), Erasures())
            return found

    RowKeeper(Slow(), store.users, keys, now=LATER).keep(_day("v"), Erasures())
    assert feedback(objects, TODAY).total.impressions == 4


@pytest.mark.parametrize("data", [b"", b"PK", b"\x93NUMPY"])
def test_damaged_rows_are_named(store: Documents, objects: ObjectStore, data: bytes) -> None:
    _record(store, _day())
    _settle(store, objects)
    [name] = [name for name in objects.names(FOLDER) if name.endswith(".npz")]
    objects.delete(name)
    objects.write(name, data, generation=0)
    with pytest.raises(ArtifactError, match=r"monitoring/rows/2026-05-01/.*delete the object"):
        read_rows(objects, TODAY)
