"""Deliveries of the load test: every document is delivered, and no wait for that is without an end."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest

from benchmarks.budget import OutOfTime
from benchmarks.deliveries import Deliveries
from shared.entities import Interaction
from shared.errors import StoreUnavailable
from shared.ports import Documents, InteractionLog
from tests.examples import an_interaction
from tests.stores import documents
from tools.emulators.process import free_port

NUMBER = 60
LIMIT_S = 10.0


@contextmanager
def trigger(status: Callable[[], int]) -> Iterator[tuple[int, Counter[str]]]:
    """Server in place of `interaction`; yields its port and what it was told, by type of the event."""
    told: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            told[self.headers["ce-type"]] += 1
            self.send_response(status())
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_port, told
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def store() -> Iterator[Documents]:
    made = documents()
    yield made
    made.close()


def record(store: Documents, number: int, now: datetime, first: int = 0) -> None:
    store.interactions.append([an_interaction(f"guest_{first + n}", "e") for n in range(number)], now=now)


def deliveries(store: Documents, port: int, since: datetime) -> Deliveries:
    return Deliveries(store, [port], since=since, rng=Random(1), pause_s=0.02)


def test_all_documents_are_delivered_though_some_get_lost_or_come_twice(store: Documents) -> None:
    now = datetime.now(UTC)
    record(store, NUMBER, now)
    with trigger(lambda: 200) as (port, told), deliveries(store, port, now) as made:
        made.drain(LIMIT_S)
    assert made.done == NUMBER
    assert told.total() == made.answers["200"] >= NUMBER - made.answers["lost"]
    assert made.per_s > 0
    assert made.outstanding().startswith("0 deliveries were outstanding that are known, and 60 were made")


def test_what_fails_is_sent_again(store: Documents) -> None:
    now, fails = datetime.now(UTC), iter([500, 503])
    record(store, 3, now)
    with trigger(lambda: next(fails, 200)) as (port, _), deliveries(store, port, now) as made:
        made.drain(LIMIT_S)
    assert made.done == 3
    assert (made.answers["500"], made.answers["503"]) == (1, 1)


def test_a_wait_for_deliveries_that_fail_ends_and_says_how_many_and_for_how_long(store: Documents) -> None:
    now = datetime.now(UTC)
    record(store, NUMBER, now)
    with trigger(lambda: 500) as (port, _):
        began = time.monotonic()
        with deliveries(store, port, now) as made, pytest.raises(OutOfTime) as over:
            made.drain(0.3)
        assert time.monotonic() - began < 2
    left = NUMBER - made.answers["lost"]
    assert f"after 0 s {left} deliveries were outstanding, the oldest for 0 s" in str(over.value)
    assert "× 500" in str(over.value)


def test_a_wait_for_an_instance_that_is_gone_ends(store: Documents) -> None:
    now = datetime.now(UTC)
    record(store, 5, now)
    with deliveries(store, free_port(), now) as made, pytest.raises(OutOfTime, match=r"5 deliveries .* × no answer"):
        made.drain(0.2)


class Unreadable:
    """Interaction log whose new documents cannot be listed."""

    def __init__(self, log: InteractionLog, error: Exception) -> None:
        self._error = error
        self.append, self.known, self.get, self.uncounted = log.append, log.known, log.get, log.uncounted

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        raise self._error


def test_a_wait_for_a_store_that_cannot_be_read_ends(store: Documents) -> None:
    broken = replace(store, interactions=Unreadable(store.interactions, StoreUnavailable("busy")))
    with (
        deliveries(broken, free_port(), datetime.now(UTC)) as made,
        pytest.raises(OutOfTime, match=r"the store could not be read [1-9]"),
    ):
        made.drain(0.2)


def test_a_fault_of_deliveries_ends_the_wait_for_them(store: Documents) -> None:
    broken = replace(store, interactions=Unreadable(store.interactions, ValueError("a fault")))
    with deliveries(broken, free_port(), datetime.now(UTC)) as made, pytest.raises(ValueError, match="a fault"):
        made.drain(LIMIT_S)


def test_a_document_that_became_readable_long_after_its_stamp_is_delivered_at_the_end(store: Documents) -> None:
    now = datetime.now(UTC)
    with trigger(lambda: 200) as (port, _), deliveries(store, port, now) as made:
        record(store, 1, now + timedelta(seconds=60))
        made.drain(LIMIT_S)
        record(store, 2, now + timedelta(seconds=1), first=10)
        made.drain(LIMIT_S)
        assert made.done == 1
        made.finish(LIMIT_S)
    assert (made.done, made.found_late) == (3, 2)
