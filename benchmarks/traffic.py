"""Generated traffic of a load test: users who ask for lists, view and book, over connections that stay open."""

import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any, Final

import numpy as np

_TIMEOUT_S: Final = 40.0
_ATTEMPTS: Final = 8
"""Attempts of a request that got no answer, or one of the server's errors, as clients make that must not lose it."""
_PAUSE_S: Final = 0.25
_FINISHING_S: Final = 20.0
"""Seconds after the time of a measurement until which requests that began in it are tried."""


@dataclass(frozen=True, slots=True)
class Request:
    """Request of a user: a list, or a body with interactions to record."""

    path: str
    body: dict[str, Any] | None = None


@dataclass(slots=True)
class Outcome:
    """Outcome of requests.

    Attributes
    ----------
    times_ms : times of answers, of all attempts together, float.
    failed : attempts without an answer of status 200, by what came in its place.
    given_up : requests that no attempt got through; what they record may have been recorded all the same.
    accepted : ids of interactions that the API says it has.
    seconds : time from the first request to the last answer.
    """

    times_ms: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    given_up: list[Request] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.times_ms) / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Percentile of the times of answers, ms; NaN without any."""
        return float(np.percentile(self.times_ms, share)) if self.times_ms else float("nan")


def lists(users: int, rng: Random) -> Iterator[Request]:
    """Endless requests for lists of known users, numbered from 1."""
    while True:
        yield Request(f"/api/v1/recommendations?limit=20&user_id=user_{rng.randint(1, users)}")


def acts(users: int, events: Sequence[str], rng: Random, *, hot: float = 0.0, kind: str = "") -> Iterator[Request]:
    """Endless interactions, one a request: of some type, or alternately views and bookings.

    Parameters
    ----------
    hot : share of those that are about the first of the events.
    """
    for number in itertools.count():
        event = events[0] if rng.random() < hot else rng.choice(events)
        entry = {"type": kind or ("view", "booking")[number % 2], "event_id": event}
        yield Request("/api/v1/interactions", {"user_id": f"guest_{rng.randint(1, users)}", "interactions": [entry]})


def mixed(first: Iterator[Request], second: Iterator[Request], share: float, rng: Random) -> Iterator[Request]:
    """Endless requests of two kinds, `share` of them of the second."""
    while True:
        yield next(second if rng.random() < share else first)


def send(
    port: int,
    requests: Iterator[Request],
    *,
    connections: int,
    seconds: float,
    per_s: float | None = None,
    is_enough: Callable[[Outcome], bool] = lambda _: False,
    finishing_s: float = _FINISHING_S,
) -> Outcome:
    """Outcome of requests that are sent for some seconds.

    Parameters
    ----------
    connections : requests at once, at most.
    per_s : requests that begin in a second, whose times count from when they should have begun; None for each
        connection to send its next request when it has an answer.
    is_enough : whether to begin no more requests, before the time is over.
    finishing_s : seconds after that time until which requests that have begun are tried.
    """
    outcome, lock = Outcome(), threading.Lock()
    began = time.perf_counter()
    until = began + seconds
    numbers = itertools.count()

    def work() -> None:
        client = _Client(port, give_up=until + finishing_s)
        while True:
            with lock:
                if is_enough(outcome):
                    break
                request, number = next(requests), next(numbers)
            due = time.perf_counter() if per_s is None else began + number / per_s
            if due >= until:
                break
            time.sleep(max(due - time.perf_counter(), 0))
            answer = client.answer(request, lambda what: _count(outcome, lock, what))
            elapsed_ms = (time.perf_counter() - due) * 1e3
            with lock:
                if answer is None:
                    outcome.given_up.append(request)
                    continue
                outcome.times_ms.append(elapsed_ms)
                outcome.accepted.update(answer.get("accepted", ()))
        client.close()

    with ThreadPoolExecutor(connections) as pool:
        for done in [pool.submit(work) for _ in range(connections)]:
            done.result()
    outcome.seconds = time.perf_counter() - began
    return outcome


def timed(connection: HTTPConnection, path: str) -> float:
    """Milliseconds until the answer of a GET; raises `RuntimeError` for another status than 200."""
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: expected status 200, got {answer.status} {said[:200]!r}")
    return (time.perf_counter() - began) * 1e3


def _count(outcome: Outcome, lock: threading.Lock, what: str) -> None:
    with lock:
        outcome.failed[what] += 1


class _Client:
    """Client that keeps its connection, and repeats what got no answer until `give_up`, as `perf_counter` has it."""

    def __init__(self, port: int, *, give_up: float) -> None:
        self._port = port
        self._give_up = give_up
        self._connection: HTTPConnection | None = None

    def answer(self, request: Request, failed: Callable[[str], None]) -> dict[str, Any] | None:
        """Body of an answer of status 200; None after `_ATTEMPTS`, or when the time is over.

        Tells `failed` why an attempt was in vain.
        Raises `RuntimeError` for an answer that blames the request.
        """
        for number in range(_ATTEMPTS):
            if self._left_s() <= 0:
                break
            try:
                status, said = self._sent(request)
            except (HTTPException, OSError) as error:
                self.close()
                failed(type(error).__name__)
            else:
                if status == 200:
                    body: dict[str, Any] = json.loads(said)
                    return body
                if status < 500:
                    raise RuntimeError(f"{request.path}: got {status} {said[:300]!r}")
                failed(f"status {status}")
            time.sleep(min(_PAUSE_S * (number + 1), max(self._left_s(), 0)))
        return None

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _left_s(self) -> float:
        return self._give_up - time.perf_counter()

    def _sent(self, request: Request) -> tuple[int, bytes]:
        patience_s = max(min(_TIMEOUT_S, self._left_s()), _PAUSE_S)
        if self._connection is None or self._connection.sock is None:
            self._connection = HTTPConnection("127.0.0.1", self._port, timeout=patience_s)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sock.settimeout(patience_s)
        body = None if request.body is None else json.dumps(request.body)
        method = "GET" if body is None else "POST"
        self._connection.request(method, request.path, body, {"Content-Type": "application/json"} if body else {})
        response = self._connection.getresponse()
        return response.status, response.read()
