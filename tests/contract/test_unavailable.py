import dataclasses
import fcntl
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_type_hints

import pytest

from shared.adapters import firestore, sqlite
from shared.adapters.firestore.transactions import transact
from shared.adapters.objects.cloudstorage import CloudObjects
from shared.adapters.objects.folder import FolderObjects
from shared.entities import EventCounts, Experiment, InteractionType, Rules, User, Variant
from shared.errors import StoreUnavailable
from shared.ports import (
    DeadLetter,
    Documents,
    Fence,
    ObjectStore,
    PersonalDocument,
    Progress,
    Register,
    time_budget,
    with_budget,
)
from tests.contract.examples import NOW, did, event
from tests.stores import keys
from tools.emulators.process import free_port

DEADLINE_S = 0.2
SLACK_S = 2.0
SAVED = did("a", kind=InteractionType.SAVE, recorded_at=NOW)
EXPERIMENT = Experiment(experiment_id="a", variants=(Variant(name="a", share=1.0),), starts_at=NOW, ends_at=NOW)
ONE = EventCounts({InteractionType.SAVE: 1}, {0: 1})

DOCUMENT_CALLS: dict[str, Callable[[Documents], object]] = {
    "events.put": lambda store: store.events.put([event("a")], now=NOW),
    "events.get": lambda store: store.events.get("a"),
    "events.live": lambda store: list(store.events.live(NOW)),
    "events.changed_since": lambda store: list(store.events.changed_since(None)),
    "users.remember": lambda store: store.users.remember([did("a")]),
    "users.profiles": lambda store: list(store.users.profiles()),
    "users.profile": lambda store: store.users.profile("a", timeout_s=DEADLINE_S),
    "users.changed_since": lambda store: list(store.users.changed_since(NOW)),
    "users.touchpoints": lambda store: store.users.touchpoints({"a": ["b"]}),
    "users.put": lambda store: store.users.put([User(user_id="a")], now=NOW),
    "users.allow_profiling": lambda store: store.users.allow_profiling("a", allowed=False, now=NOW),
    "users.unprofiled": lambda store: store.users.unprofiled(["a"]),
    "users.with_friends": lambda store: store.users.with_friends(["a"]),
    "users.telling": lambda store: store.users.telling("a"),
    "users.share_plans": lambda store: store.users.share_plans(["a"]),
    "interactions.known": lambda store: store.interactions.known(["a"]),
    "interactions.append": lambda store: store.interactions.append([did("a")], now=NOW),
    "interactions.since": lambda store: list(store.interactions.since(NOW)),
    "users.trim_histories": lambda store: store.users.trim_histories([did("a")]),
    "interactions.get": lambda store: store.interactions.get(["a"]),
    "interactions.uncounted": lambda store: list(store.interactions.uncounted(NOW)),
    "events.touch": lambda store: store.events.touch("a", now=NOW),
    "counters.put": lambda store: store.counters.put(SAVED, ONE, now=NOW),
    "counters.withdraw": lambda store: store.counters.withdraw(SAVED, now=NOW),
    "counters.remember": lambda store: store.counters.remember(did("a", recorded_at=NOW), now=NOW),
    "counters.load": lambda store: store.counters.load([(SAVED, ONE)], now=NOW),
    "counters.registers": lambda store: store.counters.registers([SAVED]),
    "counters.adopt": lambda store: store.counters.adopt({"a": Register(NOW)}),
    "counters.settle": lambda store: store.counters.settle(
        {"a": ONE}, Fence("a", Progress(), NOW), Progress(), now=NOW
    ),
    "counters.drop_slots": lambda store: store.counters.drop_slots(1, now=NOW),
    "bookmarks.claim": lambda store: store.bookmarks.claim("a"),
    "personal.of": lambda store: list(store.personal.of("a")),
    "personal.erase": lambda store: store.personal.erase("a", now=NOW),
    "personal.discard": lambda store: store.personal.discard([PersonalDocument("users", "u", {})], now=NOW),
    "personal.erase_late": lambda store: store.personal.erase_late([SAVED], now=NOW),
    "personal.mark": lambda store: store.personal.mark("a", at=NOW),
    "personal.expire": lambda store: store.personal.expire(NOW, limit=1, now=NOW),
    "personal.drop_notes": lambda store: store.personal.drop_notes(NOW),
    "personal.key_former": lambda store: store.personal.key_former(limit=1),
    "personal.forgotten": lambda store: store.personal.forgotten(),
    "dead_letters.put": lambda store: store.dead_letters.put(DeadLetter("a", "c", "d", "r"), now=NOW),
    "dead_letters.remove": lambda store: store.dead_letters.remove("a"),
    "dead_letters.count": lambda store: store.dead_letters.count(NOW),
    "dead_letters.since": lambda store: list(store.dead_letters.since(NOW)),
    "dead_letters.newest": lambda store: store.dead_letters.newest(1),
    "bookmarks.read": lambda store: store.bookmarks.read("a"),
    "bookmarks.move": lambda store: store.bookmarks.move("a", NOW),
    "counters.changed_since": lambda store: list(store.counters.changed_since(NOW)),
    "experiments.get": lambda store: store.experiments.get("a"),
    "experiments.ending_after": lambda store: list(store.experiments.ending_after(NOW)),
    "experiments.put": lambda store: store.experiments.put(EXPERIMENT),
    "rules.read": lambda store: store.rules.read(),
    "rules.write": lambda store: store.rules.write(Rules()),
}
OBJECT_CALLS: dict[str, Callable[[ObjectStore], object]] = {
    "read": lambda store: store.read("a"),
    "write": lambda store: store.write("a", b"", generation=0),
    "names": lambda store: store.names(""),
    "delete": lambda store: store.delete("a"),
}


@pytest.fixture(params=["nobody listens", "nobody answers"])
def deaf_host(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "nobody listens":
        yield f"127.0.0.1:{free_port()}"
        return
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        yield f"127.0.0.1:{silent.getsockname()[1]}"


@pytest.mark.parametrize("call", DOCUMENT_CALLS.values(), ids=DOCUMENT_CALLS)
def test_unreachable_firestore_raises_within_the_deadline(
    deaf_host: str, call: Callable[[Documents], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", deaf_host)
    database = firestore.Database("anything", keys, deadline_s=DEADLINE_S)
    documents = Documents(
        firestore.FirestoreEvents(database),
        firestore.FirestoreUsers(database),
        firestore.FirestoreInteractions(database),
        firestore.FirestoreCounters(database),
        firestore.FirestorePersonal(database),
        firestore.FirestoreDeadLetters(database),
        firestore.FirestoreBookmarks(database),
        firestore.FirestoreRules(database),
        firestore.FirestoreExperiments(database),
        database.close,
        lambda: database.listed,
    )
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"^cannot (read|write|list|count) ") as raised:
        call(documents)
    # The ids of documents are those of users, or begin with them.
    assert not re.search(r"(events|users|interactions|histories|forgotten|counted)/", str(raised.value))
    assert time.monotonic() - started < DEADLINE_S + SLACK_S
    documents.close()


def test_every_call_to_a_document_store_is_tried() -> None:
    names = {
        f"{field.name}.{name}"
        for field in dataclasses.fields(Documents)
        for name, member in vars(get_type_hints(Documents)[field.name]).items()
        if callable(member) and not name.startswith("_")
    }
    assert names - DOCUMENT_CALLS.keys() == set()


def test_a_transaction_raises_within_the_deadline_and_the_budget_and_is_not_begun_in_a_store_that_hangs(
    deaf_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", deaf_host)
    database = firestore.Database("anything", keys, deadline_s=DEADLINE_S)

    def seconds() -> float:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"^cannot share plans: "):
            transact(database, lambda _: None, "share plans")
        return time.monotonic() - started

    assert seconds() < DEADLINE_S + SLACK_S
    database.deadline_s = 60.0
    with time_budget(2.5):
        assert seconds() < 2.5 + SLACK_S
    with time_budget(30.0):
        # The first may still gather evidence, and the next one tries the store.
        assert min(seconds() for _ in range(3)) < DEADLINE_S
    database.close()


@pytest.mark.parametrize("call", OBJECT_CALLS.values(), ids=OBJECT_CALLS)
def test_unreachable_cloud_storage_raises_within_the_deadline(
    deaf_host: str, call: Callable[[ObjectStore], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{deaf_host}")
    objects = CloudObjects("bucket", deadline_s=DEADLINE_S)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"^gs://bucket: "):
        call(objects)
    assert time.monotonic() - started < DEADLINE_S + SLACK_S
    objects.close()


def test_profile_of_a_busy_file_raises_within_its_timeout(tmp_path: Path) -> None:
    database = sqlite.Database(tmp_path / "documents.db", keys)
    users = sqlite.SqliteUsers(database)
    with ThreadPoolExecutor(1) as pool:
        with database.transaction():
            started = time.monotonic()
            asked = pool.submit(users.profile, "a", timeout_s=DEADLINE_S)
            with pytest.raises(StoreUnavailable, match=r"busy for more than 0\.2 s"):
                asked.result()
            assert time.monotonic() - started < DEADLINE_S + SLACK_S
        assert pool.submit(users.profile, "a", timeout_s=DEADLINE_S).result().history == ()
    database.close()


def test_a_reader_need_not_wait_for_what_a_writer_waits_for(tmp_path: Path) -> None:
    path = tmp_path / "documents.db"
    store, other = sqlite.Database(path, keys), sqlite.Database(path, keys)
    users = sqlite.SqliteUsers(store)
    assert users.profile("a", timeout_s=DEADLINE_S).history == ()
    patience_s = DEADLINE_S * 5
    with ThreadPoolExecutor(1) as pool, time_budget(patience_s), other.transaction():
        writing = pool.submit(with_budget(users.remember), [did("a")])
        for _ in range(3):
            started = time.monotonic()
            assert users.profile("a", timeout_s=DEADLINE_S).history == ()
            assert time.monotonic() - started < patience_s / 2
        with pytest.raises(StoreUnavailable, match="locked"):
            writing.result()
    users.remember([did("a")])
    store.close()
    other.close()


def test_a_locked_folder_raises_within_the_budget(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    with (tmp_path / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with time_budget(DEADLINE_S), pytest.raises(StoreUnavailable, match="lock"):
            objects.write("a", b"", generation=0)
    assert objects.write("a", b"", generation=0)


def test_a_missing_folder_raises_unavailable(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path / "gone")
    with pytest.raises(StoreUnavailable, match="gone"):
        objects.write("a", b"", generation=0)


@pytest.mark.emulator
def test_a_write_to_a_missing_bucket_names_the_bucket(bucket: str) -> None:
    objects = CloudObjects(f"{bucket}-other")
    with pytest.raises(StoreUnavailable, match="-other"):
        objects.write("a", b"", generation=0)
    objects.close()
