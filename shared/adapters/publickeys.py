"""Public keys of tokens over HTTP: a small document, fetched within a time however slowly its server sends it."""

import math
import re
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR, socket
from typing import Final
from urllib.request import HTTPHandler, OpenerDirector, ProxyHandler, Request, UnknownHandler

import certifi

from shared.errors import StoreUnavailable

MAX_BYTES: Final = 1_000_000
"""Size of the largest document that is read; Google's have some 6,000 bytes."""
NAME: Final = "public keys"
"""Name of the threads that fetch."""
_CONNECT_S: Final = 10.0
"""Seconds after which a thread gives up to connect, which nobody can end."""
_PIECE: Final = 65_536
_MAX_AGE: Final = re.compile(r"(?:^|[ ,])max-age=(\d{1,9})(?:$|[ ,])")


class PublicKeys:
    """Document of public keys at a URL, kept for as long as it may be; thread-safe.

    One fetch at a time serves all who need it. It runs in a thread of its own, which each of them leaves when the own
    time is over: a server may take long in ways that no timeout of a connection notices, such as a byte now and then.

    Parameters
    ----------
    url : place of the document, http or https.
    check : raises an error for a body that is no such document; those are not kept.
    lifetime_s : seconds for which the document may be kept; None for what the server says.
    clock : returns seconds of a monotonic clock.
    """

    def __init__(
        self,
        url: str,
        check: Callable[[bytes], object],
        *,
        lifetime_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._check = check
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._lock = threading.Lock()
        self._body = b""
        self._fetched_at = self._usable_until = -math.inf
        self._fetch: _Fetch | None = None

    def body(self, seconds: float, *, max_age_s: float = math.inf) -> bytes:
        """Body of the document, which is at most `max_age_s` old, within `seconds`; raises `StoreUnavailable`.

        Raises what `check` raises for another document.
        """
        with self._lock:
            now = self._clock()
            if now < self._usable_until and now - self._fetched_at <= max_age_s:
                return self._body
            if self._fetch is None:
                self._fetch = _Fetch(self._url)
            fetch = self._fetch
        try:
            body, server_s = fetch.result(seconds)
            self._check(body)
        finally:
            with self._lock:
                if self._fetch is fetch:
                    self._fetch = None
        with self._lock:
            self._body, self._fetched_at = body, now
            self._usable_until = now + (server_s if self._lifetime_s is None else self._lifetime_s)
        return body


class _Fetch:
    """Fetch of a URL in a thread of its own, which ends when somebody has waited for it in vain."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_over = False
        self._sockets: list[socket] = []
        self._answer: Future[tuple[bytes, float]] = Future()
        threading.Thread(target=self._run, name=NAME, daemon=True).start()

    def result(self, seconds: float) -> tuple[bytes, float]:
        """Body, and the seconds for which the server lets it be kept; raises `StoreUnavailable`."""
        try:
            return self._answer.result(seconds)
        except TimeoutError as error:
            self._end()
            raise StoreUnavailable(f"cannot fetch {self._url}: no answer within {seconds:.2g} s") from error
        except (OSError, HTTPException, ValueError) as error:
            raise StoreUnavailable(f"cannot fetch {self._url}: {error!r}") from error

    def _run(self) -> None:
        try:
            self._answer.set_result(self._read())
        except Exception as error:  # noqa: BLE001  # the edge of a thread: those who wait get the error
            self._answer.set_exception(error)

    def _read(self) -> tuple[bytes, float]:
        body = bytearray()
        opener = OpenerDirector()
        for handler in (ProxyHandler(), UnknownHandler(), _Handler(self._keep)):
            opener.add_handler(handler)
        with opener.open(self._url, timeout=_CONNECT_S) as answer:
            if answer.status != 200:
                raise OSError(f"expected 200, got {answer.status}")
            while piece := answer.read1(_PIECE):
                body += piece
                if len(body) > MAX_BYTES:
                    raise OSError(f"expected at most {MAX_BYTES:,} bytes, got more")
            if self._is_over:
                raise OSError("expected all of it in time")
            found = _MAX_AGE.search(answer.headers.get("Cache-Control", ""))
        return bytes(body), float(found[1]) if found else 0.0

    def _keep(self, connected: socket) -> None:
        self._sockets.append(connected)
        if self._is_over:
            raise OSError("connected too late")

    def _end(self) -> None:
        self._is_over = True
        for connected in self._sockets:
            with suppress(OSError):  # it may be over
                connected.shutdown(SHUT_RDWR)


class _Handler(HTTPHandler):
    """Handler of both schemes for `urllib`, which tells `keep` each socket that it connects."""

    https_request = HTTPHandler.do_request_

    def __init__(self, keep: Callable[[socket], None]) -> None:
        super().__init__()
        self._keep = keep

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_kept(HTTPConnection, self._keep), req)

    def https_open(self, req: Request) -> HTTPResponse:
        context = ssl.create_default_context(cafile=certifi.where())
        return self.do_open(_kept(HTTPSConnection, self._keep), req, context=context)


def _kept(kind: type[HTTPConnection], keep: Callable[[socket], None]) -> type[HTTPConnection]:
    class Kept(kind):  # type: ignore[misc, valid-type]  # either of two classes
        def connect(self) -> None:
            super().connect()
            keep(self.sock)

    return Kept
