"""Failing stores: refused, hanging, failing and malformed connections give degraded lists or 503 in time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from flask.testing import FlaskClient

from functions import wiring
from functions.wiring import Services
from shared.adapters import firestore
from shared.adapters.keys import StoredKeys
from shared.adapters.objects.cloudstorage import CloudObjects
from shared.ports import Documents
from shared.services.serving.snapshot import Serving
from tests import deployment
from tests.deployment import Clock, Wire
from tests.stores import keys
from tools.emulators.process import free_port

DEADLINE_S = 0.3
PATIENCE_S = 8.0
LISTS = ("recommendations", "events/jazz_1/similar", "events/popular", "events/trending")
NOISE = bytes(range(256)) * 40

Serve = Callable[[str], Iterator[str]]


@contextmanager
def _refusing() -> Iterator[str]:
    yield f"127.0.0.1:{free_port()}"


@contextmanager
def _socket_that(answer: Callable[[socket.socket], None] | None) -> Iterator[str]:
    """Local server that accepts connections and hands each to `answer`; None leaves them waiting."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                stack.callback(connection.close)
                if answer:
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _talk_nonsense(connection: socket.socket) -> None:
    connection.sendall(NOISE)
    connection.close()


@contextmanager
def _http(status: int, body: bytes) -> Iterator[str]:
    """HTTP server with a constant response."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-goog-generation", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """No log of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def _grpc(answer: grpc.StatusCode | bytes) -> Iterator[str]:
    """Server of gRPC with a constant status, or constant bytes, for every call."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, _details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
            def call(_request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
                if isinstance(answer, grpc.StatusCode):
                    context.abort(answer, "no")
                else:
                    yield answer

            return grpc.unary_stream_rpc_method_handler(call)

    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


DOCUMENTS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refuses": _refusing,
    "hangs": lambda: _socket_that(None),
    "talks nonsense": lambda: _socket_that(_talk_nonsense),
    "sends no document": lambda: _grpc(NOISE),
    "is forbidden": lambda: _grpc(grpc.StatusCode.PERMISSION_DENIED),
    "fails inside": lambda: _grpc(grpc.StatusCode.INTERNAL),
    "has no quota": lambda: _grpc(grpc.StatusCode.RESOURCE_EXHAUSTED),
}
OBJECTS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "refuses": _refusing,
    "hangs": lambda: _socket_that(None),
    "talks nonsense": lambda: _socket_that(_talk_nonsense),
    "sends noise": lambda: _http(200, NOISE),
    "sends nothing": lambda: _http(200, b""),
    "points nowhere": lambda: _http(200, b'{"version": "../../etc"}'),
    "is forbidden": lambda: _http(403, b"no"),
    "fails inside": lambda: _http(500, b"<html>"),
}


@contextmanager
def _broken(wired: Services, documents: str, objects: str) -> Iterator[Services]:
    """Services on failing stores, with nothing loaded."""
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("FIRESTORE_EMULATOR_HOST", stack.enter_context(DOCUMENTS[documents]()))
        environment.setenv("STORAGE_EMULATOR_HOST", f"http://{stack.enter_context(OBJECTS[objects]())}")
        database = firestore.Database("any", keys, deadline_s=DEADLINE_S)
        bucket = CloudObjects("any", deadline_s=DEADLINE_S)
        stack.callback(database.close)
        stack.callback(bucket.close)
        stores = replace(
            wired.documents,
            events=firestore.FirestoreEvents(database),
            users=firestore.FirestoreUsers(database),
            interactions=firestore.FirestoreInteractions(database),
            counters=firestore.FirestoreCounters(database),
            rules=firestore.FirestoreRules(database),
        )
        own_keys = StoredKeys(bucket).made
        serving = Serving(stores, bucket, refresh_s=30, deadline_s=DEADLINE_S, first_s=1.0, keys=own_keys)
        yield replace(wired, documents=stores, objects=bucket, serving=serving)


def _ask(client: FlaskClient, method: str, path: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
    started = time.monotonic()
    response = client.open(f"/api/v1/{path}", method=method, **arguments)
    assert time.monotonic() - started < PATIENCE_S
    body = response.get_json(force=True)
    assert response.status_code in {200, 404, 503}, body
    assert response.status_code != 404 or "event_id" in body["detail"]
    return response.status_code, body


@pytest.mark.parametrize(
    ("documents", "objects"),
    [*((name, "refuses") for name in DOCUMENTS), *(("refuses", name) for name in OBJECTS if name != "refuses")],
)
@pytest.mark.usefixtures("published")
def test_failing_stores_give_a_degraded_list_or_503_within_the_deadline(
    wire: Wire, client: FlaskClient, store: Documents, clock: Clock, tmp_path: Path, documents: str, objects: str
) -> None:
    healthy = wire(deadline_s=DEADLINE_S)
    clock.forward()
    full = client.get("/api/v1/recommendations").get_json()["items"]
    services = deployment.wire(store, tmp_path, clock, deadline_s=DEADLINE_S)
    with _broken(services, documents, objects) as wired, wiring.use(wired):
        for path in LISTS:
            status, body = _ask(client, "GET", path, query_string={"user_id": "jazz_fan_0"})
            assert status != 200 or (body["degraded"] and body["items"] == [])
        status, body = _ask(client, "GET", "health")
        assert (status, body["status"]) == (200, "degraded")
        for method, path, sent in (
            ("POST", "interactions", {"user_id": "u", "interactions": [{"type": "click", "event_id": "e"}]}),
            ("PUT", "rules", {}),
            ("GET", "rules", None),
        ):
            assert _ask(client, method, path, json=sent)[0] == 503
        # An instance that loaded its data before the failure keeps serving from it.
        wired.serving._snapshot = healthy.serving.current(clock.now)
        wired.serving._refreshed_at = clock.now - timedelta(seconds=30)
        for path in LISTS:
            clock.forward(timedelta(seconds=31))
            status, body = _ask(client, "GET", path)
            assert status == 200
            assert body["degraded"]
        status, body = _ask(client, "GET", "recommendations")
        assert [item["event_id"] for item in body["items"]] == [item["event_id"] for item in full]
        status, body = _ask(client, "POST", "rank", json={"event_ids": ["jazz_1", "yoga_1"], "user_id": "u"})
        assert (status, len(body["items"])) == (200, 2)
        assert "history" in body["degraded"]
