"""Servers under attack, as processes: functions-framework with the API, and raw connections to it."""

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from tests import laws
from tests.examples import DAY, NOW
from tests.training import train
from tools.emulators.process import free_port, process_group
from tools.emulators.programs import ROOT

PATIENCE_S = 30.0


def prepare(folder: Path) -> dict[str, str]:
    """Environment of a server with the city of the laws in SQLite, and a model in a folder."""
    now = datetime.now(UTC)
    data = laws.moved(laws.city(), now - NOW)
    places = {
        "MARQUEE_DOCUMENTS": f"sqlite:{folder / 'documents.db'}",
        "MARQUEE_OBJECTS": f"folder:{folder / 'bucket'}",
    }
    objects = open_objects(places["MARQUEE_OBJECTS"])
    documents = open_documents(places["MARQUEE_DOCUMENTS"], StoredKeys(objects))
    documents.events.put(data.events, now=now - DAY)
    documents.users.put([*data.users.values()], now=now - DAY)
    documents.interactions.append(data.interactions, now=now - DAY)
    train(documents, objects, model="popularity", now=now)
    documents.close()
    return {**places, "MARQUEE_AUTH": "off", "MARQUEE_REFRESH_S": "3600"}


@contextmanager
def server(environ: Mapping[str, str]) -> Iterator[str]:
    """functions-framework server of `api` as on Cloud Run, started and asked once; its URL."""
    with process(environ) as (url, _):
        yield url


@contextmanager
def process(environ: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Server as `server` starts it; its URL, and the id of its process group."""
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--target", "api", "--port", str(port), "--host=127.0.0.1"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MARQUEE_", "THREADS"))}
    with process_group(command, cwd=ROOT, env={**kept, **environ}) as started:
        url = f"http://127.0.0.1:{port}/api/v1"
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up and started.poll() is None:
            try:
                ask(f"{url}/recommendations")
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield url, started.pid


def ask(url: str, body: Any = None, method: str | None = None) -> tuple[int, dict[str, Any], float]:
    """Status, JSON and seconds of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  # a server on this machine
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, text = error.code, error.read()
    return status, json.loads(text), time.monotonic() - started


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """Status and whole body of the answer that comes on a connection, in however many pieces it is sent."""
    answer = HTTPResponse(connection)
    answer.begin()
    return answer.status, answer.read()


@contextmanager
def connections(url: str, number: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Connections to the server of a URL that have each sent some bytes and send no more."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    with ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_S)) for _ in range(number)
        ]
        for connection in opened:
            connection.sendall(sent)
        yield opened
