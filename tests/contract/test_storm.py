"""Fault injection for triggers: late, repeated, reordered, concurrent, killed and failing deliveries.

The final state equals that of a single delivery of each document.
"""

import json
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from cloudevents.http import CloudEvent

from functions import wiring
from functions.interaction import interaction
from shared.adapters.cloudevent import encode_change
from shared.adapters.firestore import Database
from shared.adapters.firestore.counters import FirestoreCounters
from shared.adapters.stores import open_documents
from shared.entities import Interaction, InteractionType, Location
from shared.errors import StoreUnavailable
from shared.feedback.counts import slot_of, start_of
from shared.ports import Documents
from shared.services.ingest.erasure import forget
from shared.services.ingest.reconcile import reconcile
from tests import deployment, oracle
from tests.deployment import Clock, created, delivered
from tests.examples import an_event
from tests.stores import keys

pytestmark = pytest.mark.emulator

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
T = InteractionType
USERS, EVENTS, SIZE, PARALLEL = 200, 60, 5_000, 8
ERASED = [f"user_{number}" for number in range(5, 150, 15)]
KINDS = {T.VIEW: 30, T.CLICK: 15, T.SAVE: 10, T.SHARE: 4, T.BOOKING: 14, T.ATTEND: 6, T.RATING: 5, T.REVIEW: 2}
UNDONE_BY = {T.BOOKING: T.CANCEL, T.SAVE: T.UNSAVE, T.FOLLOW: T.UNFOLLOW, T.DISMISS: T.UNDISMISS}
KINDS |= {T.DISMISS: 3, T.FOLLOW: 3, T.SEARCH: 3, T.CATEGORY_CLICK: 2, T.IMPRESSION: 3}


class Killed(BaseException):
    """Simulated end of an instance; no code of the application may catch it."""


class Weather:
    """Fault injector: fails before a commit (store unavailable, kill) or after it (kill, lost response)."""

    def __init__(self, rng: Random, shares: dict[str, float]) -> None:
        self._rng = rng
        self._shares = shares
        self._lock = threading.Lock()
        self.happened: Counter[str] = Counter()

    def strikes(self, when: str) -> bool:
        with self._lock:
            if self._rng.random() < self._shares.get(when, 0.0):
                self.happened[when] += 1
                return True
            return False


@pytest.fixture
def documents(firestore_project: str) -> Iterator[Documents]:
    opened = open_documents(f"firestore:{firestore_project}", keys)
    yield opened
    opened.close()


def struck(documents: Documents, weather: Weather) -> Documents:
    """Document stores on the same database whose commits fail as `weather` decides."""
    assert isinstance(documents.counters, FirestoreCounters)
    database = documents.counters._database
    commit = database.commit

    def fragile(batch: Any, what: str, **options: Any) -> Any:
        if weather.strikes("unavailable before"):
            raise StoreUnavailable("the store is down")
        if weather.strikes("killed before"):
            raise Killed
        results = commit(batch, what, **options)
        if weather.strikes("killed after"):
            raise Killed
        if weather.strikes("answer lost"):
            raise StoreUnavailable("the answer is lost")
        return results

    faulty = Database(database._project, keys)
    faulty._client = database.client
    vars(faulty)["commit"] = fragile
    reopened = open_documents(f"firestore:{database._project}", keys)
    for name in ("events", "users", "interactions", "counters", "personal", "dead_letters", "bookmarks"):
        port = getattr(reopened, name)
        inner = getattr(port, "_counters", None)
        for holder in (port, inner, getattr(port, "_histories", None), getattr(inner, "_histories", None)):
            if holder is not None:
                holder._database = faulty
    return reopened


def some_interactions(rng: Random) -> list[Interaction]:
    """Distinct interactions of two slots; a fifth of the states are taken back, half of these done again."""
    made: dict[tuple[str, datetime], Interaction] = {}
    while len(made) < SIZE:
        drawn = _made(rng)
        states = [drawn]
        if drawn.type in UNDONE_BY and rng.random() < 0.2:
            states.append(_later(rng, drawn, UNDONE_BY[drawn.type]))
            if rng.random() < 0.5:
                states.append(_later(rng, states[-1], drawn.type))
        if not any(key == drawn.interaction_id for key, _ in made):
            made |= {(state.interaction_id, state.occurred_at): state for state in states}
    return list(made.values())[:SIZE]


def _later(rng: Random, state: Interaction, kind: InteractionType) -> Interaction:
    recorded_at = (state.recorded_at or START) + rng.randrange(2) * MINUTE
    return replace(
        state, type=kind, occurred_at=state.occurred_at + rng.randrange(1, 50) * SECOND, recorded_at=recorded_at
    )


def written(documents: Documents, given: list[Interaction]) -> list[Interaction]:
    """Versions of documents that the store has held while the interactions were appended, minute by minute."""
    versions: list[Interaction] = []
    for minute in sorted({entry.recorded_at for entry in given if entry.recorded_at}):
        part = [entry for entry in given if entry.recorded_at == minute]
        documents.interactions.append(part, now=minute)
        versions += documents.interactions.get([entry.interaction_id for entry in part]).values()
    return versions


def last_of(versions: Iterable[Interaction]) -> list[Interaction]:
    """Last version of each document."""
    ordered = sorted(versions, key=lambda version: version.recorded_at or START)
    return list({version.interaction_id: version for version in ordered}.values())


def _made(rng: Random) -> Interaction:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    # Most interactions are of few users with few events.
    event_id = f"event_{min(int(rng.expovariate(0.1)), EVENTS - 1)}"
    recorded_at = START + rng.randrange(13) * MINUTE
    about: dict[str, Any] = {"event_id": event_id}
    if kind is T.FOLLOW:
        about = {"organizer_id": f"org_{rng.randrange(20)}"}
    elif kind is T.SEARCH:
        about = {"query": f"words {rng.randrange(50)}"}
    elif kind is T.CATEGORY_CLICK:
        about = {"category": f"category {rng.randrange(20)}"}
    elif kind is T.IMPRESSION:
        page = tuple(f"event_{n}" for n in rng.sample(range(EVENTS), 10))
        about = {"event_ids": page, "recommendation_id": f"list_{rng.randrange(10**6)}"}
    drawn = Interaction(
        interaction_id="",
        user_id=f"user_{min(int(rng.expovariate(0.02)), USERS - 1)}",
        type=kind,
        occurred_at=recorded_at - rng.randrange(60 * 24 * 200) * MINUTE * (rng.random() < 0.1) - MINUTE,
        recorded_at=recorded_at,
        value=float(rng.randrange(1, 6)) if kind is T.RATING else None,
        **about,
    )
    return replace(drawn, interaction_id=drawn.expected_id())


def counts_at_once(entry: Interaction) -> bool:
    """Whether a delivery counts: a state, unless it is so old that only a bulk load can have written it."""
    assert entry.recorded_at
    return entry.type not in oracle.REPEATING and entry.recorded_at - entry.occurred_at <= timedelta(days=7)


@dataclass
class Storm:
    """Concurrent trigger deliveries, repeated until all are acknowledged."""

    rng: Random
    left: int = 0

    def deliver(self, deliveries: list[CloudEvent], jobs: Iterable[Callable[[], object]] = ()) -> None:
        """Deliveries, and jobs in the middle of them, each repeated until it succeeds."""
        lock = threading.Lock()
        waiting: list[Callable[[], object]] = [partial(interaction, delivery) for delivery in deliveries]
        for job in jobs:
            waiting.insert(self.rng.randrange(len(waiting) // 4, 3 * len(waiting) // 4), job)

        def work() -> None:
            while True:
                with lock:
                    if not waiting:
                        return
                    task = waiting.pop()
                try:
                    task()
                except (Killed, StoreUnavailable):
                    with lock:
                        # Tried again later, at a random position among the others.
                        waiting.insert(self.rng.randrange(len(waiting) + 1), task)

        with ThreadPoolExecutor(PARALLEL) as pool:
            for future in [pool.submit(work) for _ in range(PARALLEL)]:
                future.result()


def writes_of(versions: Iterable[Interaction]) -> list[CloudEvent]:
    """Events of the trigger for versions of documents."""
    return [created(version.interaction_id, version.to_document()) for version in versions]


def deletions_of(versions: Iterable[Interaction]) -> list[CloudEvent]:
    """Events of the trigger for the deletions of documents."""
    return [
        delivered(encode_change("interactions", version.interaction_id, None, before=version.to_document()))
        for version in versions
    ]


def found(documents: Documents) -> tuple[dict[str, Any], dict[str, Any]]:
    by_type, units = {}, {}
    for event_id, counts, _ in documents.counters.changed_since(None):
        by_type[event_id] = {str(kind): n for kind, n in counts.by_type.items() if n}
        units[event_id] = {number: n for number, n in counts.decayed.items() if n}
    return by_type, units


def expected(given: oracle.Truth) -> tuple[dict[str, Any], dict[str, Any]]:
    by_type = {event_id: {kind: n for kind, n in counts.items() if n} for event_id, counts in given.by_type.items()}
    return by_type, {key: {number: n for number, n in sums.items() if n} for key, sums in given.units.items()}


def histories(documents: Documents, users: set[str]) -> dict[str, set[tuple[str, str, str, datetime]]]:
    result = {}
    for user_id in users:
        entries = documents.users.profile(user_id, timeout_s=30).history
        result[user_id] = {
            (str(entry.type), entry.event_id, entry.organizer_id, entry.occurred_at) for entry in entries
        }
        assert len(result[user_id]) == len(entries)
    return result


def attributes(event_id: str) -> dict[str, Any]:
    number = int(event_id[6:])
    return {
        "city": f"city {number % 3}",
        "category": f"category {number % 7}",
        "location": Location(47.0 + (number % 4) / 10 + 0.01, 8.01),
    }


def popularity_by_place(documents: Documents, folder: Path, clock: Clock) -> dict[str, float]:
    """Popularity in a serving instance: overall, and by city, category and district of the events."""
    events = [an_event(f"event_{number}", **attributes(f"event_{number}")) for number in range(EVENTS)]
    documents.events.put(events, now=clock.now)
    recommender = deployment.wire(documents, folder, clock).serving.current(clock.now).recommender
    catalog = recommender.catalog
    sums = {"all": float(recommender.popularity.sum())}
    for name in ("city", "category", "district"):
        codes, names = catalog.fields[name].at(np.arange(len(catalog))), catalog.fields[name].names
        by_value = np.bincount(codes, weights=recommender.popularity, minlength=len(names))
        sums |= {f"{name} {value}": float(n) for value, n in zip(names.ids(), by_value, strict=True)}
    return sums


def popularity_of(truth: oracle.Truth) -> dict[str, float]:
    sums: defaultdict[str, Fraction] = defaultdict(Fraction)
    for event_id, by_landmark in truth.units.items():
        about = attributes(event_id)
        cell = f"{int(about['location'].lat * 20 // 1)},{int(about['location'].lng * 20 // 1)}"
        for landmark, units in by_landmark.items():
            for name in ("all", f"city {about['city']}", f"category {about['category']}", f"district {cell}"):
                sums[name] += Fraction(units, 2**20) * Fraction(2) ** (10 * landmark)
    return {name: float(total) for name, total in sums.items()}


def test_faulty_deliveries_converge_to_the_state_of_the_documents(
    documents: Documents, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    rng = Random(4)
    given = some_interactions(rng)
    assert len(given) == SIZE
    versions = written(documents, given)
    # Some users' deliveries are all late; a tenth of all, and all of a further user, never come.
    never = [entry for entry in versions if entry.user_id == f"user_{USERS - 1}" or rng.random() < 0.1]
    lost = {(entry.interaction_id, entry.recorded_at) for entry in never}
    arriving = [entry for entry in versions if (entry.interaction_id, entry.recorded_at) not in lost]
    late = [entry for entry in arriving if 150 <= int(entry.user_id[5:]) < USERS - 1]
    on_time = [entry for entry in arriving if int(entry.user_id[5:]) < 150]
    assert len(never) > 400
    assert len(late) > 100
    twice = [entry for entry in on_time if rng.random() < 0.3]
    deliveries = on_time + twice + [entry for entry in twice if rng.random() < 0.5]
    rng.shuffle(deliveries)

    weather = Weather(
        Random(5), {"unavailable before": 0.05, "killed before": 0.02, "killed after": 0.02, "answer lost": 0.01}
    )
    clock = Clock(START + 14 * MINUTE)
    began = time.monotonic()
    stormy = struck(documents, weather)
    erased = dict.fromkeys(ERASED, clock.now + MINUTE)
    gone = [entry for entry in last_of(versions) if entry.user_id in erased]
    assert len(gone) > 100
    erasures = [partial(forget, stormy.personal, user_id=user_id, now=clock.now) for user_id in sorted(erased)]
    with wiring.use(deployment.wire(stormy, tmp_path, clock)):
        Storm(Random(6)).deliver(writes_of(deliveries), erasures)
    took_s = time.monotonic() - began
    assert sum(weather.happened.values()) > 300, weather.happened
    assert documents.interactions.known([entry.interaction_id for entry in given]) == {
        entry.interaction_id for entry in given if entry.user_id not in erased
    }

    # Interactions that are counted immediately are counted correctly before any settlement.
    at_once = [entry for entry in on_time if counts_at_once(entry)]
    assert found(documents) == expected(oracle.truth(at_once, erased))

    # The erased users do half of it again, and other things; of what they did before, deliveries still arrive.
    again = [replace(entry, occurred_at=START + 15 * MINUTE, recorded_at=START + 16 * MINUTE) for entry in gone[::2]]
    again = written(documents, list({entry.interaction_id: entry for entry in again}.values()))
    versions += again
    unheard = {entry.interaction_id for entry in again if rng.random() < 0.1}
    heard = [entry for entry in again if entry.interaction_id not in unheard]
    arriving += heard
    outlived = [entry for entry in deliveries if entry.user_id in erased]
    clock.forward(60 * MINUTE)
    with wiring.use(deployment.wire(struck(documents, weather), tmp_path, clock)):
        second = [*late, *rng.sample(deliveries, 200), *outlived, *heard, *rng.sample(heard, len(heard) // 2)]
        events = writes_of(second) + deletions_of(gone) * 2
        rng.shuffle(events)
        Storm(Random(7)).deliver(events)
    assert documents.interactions.known([entry.interaction_id for entry in again]) == {
        entry.interaction_id for entry in again
    }
    # However late a delivery is, it counts.
    assert found(documents) == expected(oracle.truth((entry for entry in arriving if counts_at_once(entry)), erased))

    killed = 0
    stormy = struck(documents, Weather(Random(8), {"killed before": 0.05, "killed after": 0.05}))
    while documents.bookmarks.read("reconciled") != start_of(slot_of(clock.now) - 1):
        try:
            reconcile(stormy, now=clock.now)
        except (Killed, StoreUnavailable):
            killed += 1
    stormy.close()
    assert killed > 0

    truth = oracle.truth(versions, erased)
    assert found(documents) == expected(truth)
    users = {entry.user_id for entry in given}
    assert histories(documents, users) == {user_id: truth.histories[user_id] for user_id in users}
    assert popularity_by_place(documents, tmp_path, clock) == pytest.approx(popularity_of(truth), rel=1e-9)
    calm = reconcile(documents, now=clock.forward(20 * MINUTE))
    assert (calm.interactions, calm.lost, calm.settled, calm.events) == (0, 0, 0, 0)
    assert found(documents) == expected(truth)
    print(json.dumps({"deliveries": len(deliveries), "seconds": round(took_s, 1), **weather.happened, "runs": killed}))
