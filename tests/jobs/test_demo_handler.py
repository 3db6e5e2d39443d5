"""Connections of the demo's server: which stay open, and that no rest of a request is taken for the next one."""

import http.client
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from jobs.demo_handler import PatientHandler


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.client.HTTPConnection]:
    """Connection to a server of an app that does not read what is posted; idle ones are left after a quarter second."""
    monkeypatch.setattr(PatientHandler, "timeout", 0.25)
    app = Flask("app")

    @app.route("/<path:name>", methods=["GET", "POST"])
    def answer(name: str) -> Response:
        return Response(f"{request.method} {name}", 404 if name == "none" else 200)

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=PatientHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    yield connection
    connection.close()
    server.shutdown()
    thread.join()
    server.server_close()


def _asked(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, str]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_requests_without_a_body_share_a_connection(connection: http.client.HTTPConnection) -> None:
    assert _asked(connection, "GET", "/a") == (200, "GET a")
    socket = connection.sock
    assert socket is not None
    assert _asked(connection, "GET", "/none") == (404, "GET none")
    assert _asked(connection, "HEAD", "/b") == (200, "")
    assert _asked(connection, "GET", "/c") == (200, "GET c")
    assert connection.sock is socket


def test_a_body_that_nobody_reads_is_not_taken_for_a_request(connection: http.client.HTTPConnection) -> None:
    assert _asked(connection, "GET", "/a") == (200, "GET a")
    assert _asked(connection, "POST", "/b", b"GET /stolen HTTP/1.1\r\nHost: localhost\r\n\r\n") == (200, "POST b")
    assert connection.sock is None
    assert _asked(connection, "GET", "/c") == (200, "GET c")


def test_an_idle_connection_is_closed_without_a_word(
    connection: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    assert _asked(connection, "GET", "/a") == (200, "GET a")
    assert connection.sock is not None
    assert connection.sock.recv(1) == b""
    assert "timed out" not in caplog.text
