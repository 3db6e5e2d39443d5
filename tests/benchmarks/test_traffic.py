"""Traffic of the load test: requests end, whatever the server does, and those without an answer are known."""

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread

import pytest

from benchmarks.traffic import Request, acts, send

ACT = Request("/api/v1/interactions", {"user_id": "u", "interactions": [{"type": "view", "event_id": "e"}]})


@pytest.fixture
def port() -> Iterator[int]:
    """Port of a server that accepts everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = b'{"accepted": ["%s"]}' % str(hash(body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_no_more_requests_begin_when_it_is_enough(port: int) -> None:
    requests = acts(1_000, ["a", "b"], Random(1))
    began = time.monotonic()
    outcome = send(
        port, requests, connections=2, seconds=30, is_enough=lambda outcome: len(outcome.accepted) >= 20, finishing_s=0
    )
    assert time.monotonic() - began < 2
    assert 20 <= len(outcome.accepted) < 30
    assert outcome.given_up == []


def test_requests_to_a_server_that_never_answers_are_given_up_when_the_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        outcome = send(silent.getsockname()[1], iter([ACT] * 10), connections=2, seconds=0.1, finishing_s=0.3)
    assert time.monotonic() - began < 2
    assert outcome.given_up == [ACT, ACT]
    assert set(outcome.failed) == {"TimeoutError"}
