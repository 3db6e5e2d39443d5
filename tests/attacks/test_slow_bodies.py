"""Clients that promise bodies, send them byte by byte or malformed, or read no answers: others are served meanwhile."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from functions import THREADS
from functions.bodies import HURRY_S, PATIENCE_S, SENDING_S, Watchdog
from tests.attacks.server import answered, ask, connections, prepare, server
from tests.demo import demo

SLACK_S = 1.5
POST = b"POST /api/v1/interactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PROMISED: dict[str, bytes] = {
    "nothing": POST + b"Content-Length: 900\r\n\r\n",
    "a part": POST + b'Content-Length: 900\r\n\r\n{"interactions": [',
    "a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{   }\r\n",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
    "to a path that takes none": b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
    "to no path": b"POST /api/v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
    "for an icon": b"GET /favicon.ico HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\n",
    "for robots": b"POST /robots.txt HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "too much": POST + b"Content-Length: 99000000\r\n\r\n",
}


TARGETS = {
    "POST /api/v1/interactions": 400,
    "PUT /api/v1/rules": 400,
    "PUT /api/v1/experiments/e": 400,
    "POST /api/v1/nowhere": 404,
    "GET /api/v1/health": 200,
    "POST /api/v1/health": 405,
    "GET /favicon.ico": 404,
}
QUICK = ("a part", "to a path that takes none", "for an icon", "too much")
CHUNKED = "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "a size that is no number": "zz\r\n{}\r\n0\r\n\r\n",
    "a negative size": "-1\r\n\r\n",
    "no size": "\r\n{}\r\n0\r\n\r\n",
    "noise": "\x00\x01\r\n",
    "no end of a chunk": "2\r\n{}XX0\r\n\r\n",
    "a trailer that is none": "2\r\n{}\r\n0\r\nno trailer\r\n\r\n",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(prepare(tmp_path_factory.mktemp("server"))) as url:
        yield url


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.attacks) for name in PROMISED]
)
def test_others_are_served_beside_bodies_that_do_not_come(url: str, name: str) -> None:
    with connections(url, THREADS * 2, PROMISED[name]) as opened:
        time.sleep(0.1)
        for path in ("health", "recommendations?user_id=jazz_fan_0"):
            status, body, seconds = ask(f"{url}/{path}")
            assert (status, body["degraded"]) == (200, [])
            assert seconds < THREADS * 2 / (THREADS / 2) * HURRY_S + SLACK_S
        event = body["items"][0]["event_id"]
        sent = {"user_id": "u", "interactions": [{"type": "view", "event_id": event}]}
        assert ask(f"{url}/interactions", sent)[0] == 200
        started = time.monotonic()
        for connection in opened:
            assert answered(connection)[0] in {200, 400, 404, 408, 413}
        assert time.monotonic() - started < PATIENCE_S + SLACK_S


def test_of_bodies_that_are_promised_at_once_no_more_than_half_the_threads_wait() -> None:
    watchdog, together = Watchdog(socket.SHUT_RD), threading.Barrier(THREADS)
    near, far = socket.socketpair()

    def seconds(_: int) -> float:
        together.wait()
        with watchdog.watch(near, PATIENCE_S) as watch:
            together.wait()
            return watch.seconds

    with near, far, ThreadPoolExecutor(THREADS) as pool:
        for _ in range(20):
            given = sorted(pool.map(seconds, range(THREADS)))
            assert given == [HURRY_S] * (THREADS - THREADS // 2) + [PATIENCE_S] * (THREADS // 2)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_a_bad_request_and_no_failure(url: str, name: str) -> None:
    for target, status in TARGETS.items():
        with connections(url, 1, f"{target} HTTP/1.1\r\n{CHUNKED}{MALFORMED[name]}".encode()) as [connection]:
            assert answered(connection)[0] == status, target


def _read_nothing(connection: socket.socket) -> None:
    """Ask for more than the buffers of a connection take, without reading."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)


def test_others_are_served_beside_clients_that_read_no_answers(url: str) -> None:
    with connections(url, THREADS * 2, b"") as opened:
        for connection in opened:
            _read_nothing(connection)
        time.sleep(1)
        for path in ("health", "recommendations?user_id=jazz_fan_0"):
            status, _, seconds = ask(f"{url}/{path}")
            assert status == 200
            assert seconds < THREADS * 2 / (THREADS / 2) * HURRY_S + SLACK_S


@pytest.mark.attacks
def test_an_answer_that_nobody_reads_is_given_up(url: str) -> None:
    with connections(url, 1, b"") as [connection]:
        _read_nothing(connection)
        time.sleep(SENDING_S + SLACK_S)
        received = b""
        while piece := connection.recv(1_000_000):
            received += piece
        assert 0 < received.count(b"HTTP/1.1 200") < 500


@pytest.mark.attacks
def test_others_are_served_by_few_threads(tmp_path: Path) -> None:
    # What functions-framework would run on one processor.
    with server(prepare(tmp_path) | {"THREADS": "4"}) as url:
        for name in ("nothing", "to no path"):
            with connections(url, 8, PROMISED[name]):
                time.sleep(0.1)
                status, _, seconds = ask(f"{url}/health")
                assert status == 200
                assert seconds < 8 * HURRY_S + SLACK_S


@pytest.mark.attacks
def test_a_byte_now_and_then_wins_no_time(url: str) -> None:
    with connections(url, 1, POST + b"Content-Length: 900\r\n\r\n") as [connection]:
        started = time.monotonic()
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.2):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        status, _ = answered(connection)
        stop.set()
        thread.join()
        assert status == 408
        assert time.monotonic() - started < PATIENCE_S + SLACK_S


def test_a_body_that_ends_early_is_a_bad_request(url: str) -> None:
    with connections(url, 1, POST + b"Content-Length: 900\r\n\r\n{") as [connection]:
        connection.shutdown(socket.SHUT_WR)
        status, body = answered(connection)
        assert status == 400
        assert b"all of the 900 bytes" in body


def test_a_connection_serves_the_next_request_after_a_body_that_nobody_wanted(url: str) -> None:
    with connections(url, 1, b"") as [connection]:
        for _ in range(3):
            connection.sendall(b"POST /api/v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
            assert answered(connection)[0] == 404


@pytest.mark.attacks
def test_the_demo_is_served_beside_bodies_and_headers_that_do_not_come(tmp_path: Path) -> None:
    with demo(tmp_path) as (_, address):
        url = f"{address}/api/v1"
        for sent in (PROMISED["nothing"], PROMISED["to a path that takes none"], b"GET /api/v1/he"):
            with connections(url.replace("localhost", "127.0.0.1"), 20, sent):
                status, _, seconds = ask(f"{url}/health")
                assert status == 200
                assert seconds < SLACK_S
        with connections(url.replace("localhost", "127.0.0.1"), 1, PROMISED["nothing"]) as [connection]:
            started = time.monotonic()
            assert answered(connection)[0] == 408
            assert time.monotonic() - started < PATIENCE_S + SLACK_S
