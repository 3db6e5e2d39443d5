"""Object downloads from Cloud Storage over plain HTTP, all that a serving instance needs of Cloud Storage.

Importing Google's library takes 0.2 s, a third of a cold start. A single request is enough, since the response headers
give the generation of the body: https://cloud.google.com/storage/docs/json_api/v1/objects/get
"""

import base64
import io
import os
import random
import ssl
import threading
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Final
from urllib.parse import quote, urlsplit

import certifi
import google_crc32c

from shared.adapters.objects.timelimit import ended_at
from shared.adapters.objects.tokens import Tokens
from shared.errors import SettingsError, StoreUnavailable
from shared.ports import Blob

MAX_BYTES: Final = 4_000_000_000
_SERVER: Final = "https://storage.googleapis.com"
_EMULATOR: Final = "STORAGE_EMULATOR_HOST"
# Transient status codes: https://cloud.google.com/storage/docs/retry-strategy
_TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})
# A server that sends nothing for so long has lost the request.
_SILENCE_S: Final = 10.0
# A connection serves a burst of reads, such as those of a model; the server may have closed it after a longer pause.
_IDLE_S: Final = 5.0
_LONGEST_WAIT_S: Final = 5.0
_PIECE: Final = 1_048_576
_SHOWN: Final = 200


class Downloads:
    """Object downloads of a bucket, safe between threads. With STORAGE_EMULATOR_HOST set, from that emulator.

    Parameters
    ----------
    bucket : the name of a bucket.
    deadline_s : seconds that a read, with its retries, may take by default.
    max_bytes : the size of the largest object that is read.
    """

    def __init__(self, bucket: str, *, deadline_s: float, max_bytes: int = MAX_BYTES) -> None:
        self._lock = threading.Lock()
        self._idle: tuple[HTTPConnection, float] | None = None
        emulator = os.environ.get(_EMULATOR, "")
        server = urlsplit(emulator or _SERVER)
        if server.scheme not in ("http", "https") or not server.netloc:
            raise SettingsError(f"{_EMULATOR}: expected http://HOST:PORT, got {emulator!r}")
        self._server = server
        self._path = f"{server.path.rstrip('/')}/storage/v1/b/{quote(bucket, safe='')}/o/"
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes
        self._tokens = None if emulator else Tokens(os.environ, timeout_s=min(_SILENCE_S, deadline_s))
        self._context: ssl.SSLContext | None = None

    def read(self, name: str, *, deadline_s: float | None = None) -> Blob | None:
        """Object by name, None for a missing object; raises `StoreUnavailable`.

        `deadline_s` are the seconds that this read may take; None for the default. Connecting may add
        as long as what was left, at most 10 s.
        """
        deadline_s = deadline_s or self._deadline_s
        give_up = time.monotonic() + deadline_s
        wait_s = 0.1
        while True:
            try:
                return self._attempt(name, give_up)
            except (OSError, HTTPException) as error:
                if time.monotonic() + wait_s >= give_up:
                    raise StoreUnavailable(f"no answer within {deadline_s:.3g} s: {error!r}") from error
            # Jitter of half the wait, so that instances that failed together do not retry together.
            time.sleep(wait_s * random.uniform(0.5, 1.5))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    def close(self) -> None:
        """Close the idle connection; the next read opens another."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None:
            idle[0].close()

    def __del__(self) -> None:
        """Close the idle connection of an instance that was not closed."""
        self.close()

    def _attempt(self, name: str, give_up: float) -> Blob | None:
        token = self._tokens.current() if self._tokens else ""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection = self._connected(give_up)
        is_whole = False
        try:
            with ended_at(connection, give_up):
                connection.request("GET", f"{self._path}{quote(name, safe='')}?alt=media", headers=headers)
                if connection.sock:
                    # Connecting took some of the time.
                    connection.sock.settimeout(_silence_s(give_up))
                answer = connection.getresponse()
                blob = self._blob(answer, give_up) if answer.status == 200 else None
                said = b"" if blob is not None else answer.read(_SHOWN)
            # The body of an error may be longer than what was read; then the connection cannot be reused.
            is_whole = answer.isclosed()
        finally:
            self._put_back(connection, is_whole=is_whole)
        if blob is not None or answer.status == 404:
            return blob
        if answer.status == 401 and self._tokens:
            self._tokens.drop(token)
        # Redirects fail, too, since a token must go to this server only.
        failure = f"expected 200 or 404, got {answer.status} {said!r}"
        raise OSError(failure) if answer.status in _TRANSIENT else StoreUnavailable(failure)

    def _blob(self, answer: HTTPResponse, give_up: float) -> Blob:
        generation, expected = answer.headers["x-goog-generation"] or "", answer.length
        if not generation.isdecimal():
            raise StoreUnavailable(f"expected a generation in the answer, got {generation!r}")
        # Growing in place avoids a second copy, which would take as long as the download.
        body = io.BytesIO()
        self._check_size(expected or 0)
        # `read1` returns what has arrived; `read` would wait for the whole body, however slow the server is.
        while piece := answer.read1(_PIECE):
            body.write(piece)
            self._check_size(body.tell())
            if time.monotonic() > give_up:
                break
        if time.monotonic() > give_up:
            raise TimeoutError(f"{body.tell()} of {expected} bytes came in time")
        data = body.getvalue()
        if expected is not None and len(data) != expected:
            raise IncompleteRead(b"", expected - len(data))
        answer.close()
        found = base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
        if (named := _checksum(answer)) and named != found:
            raise OSError(f"expected bytes of crc32c {named}, got {found}")
        return Blob(data, int(generation))

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise StoreUnavailable(f"expected at most {self._max_bytes:,} bytes, got {size:,}")

    def _connected(self, give_up: float) -> HTTPConnection:
        timeout_s = _silence_s(give_up)
        with self._lock:
            idle, self._idle = self._idle, None
            if self._server.scheme == "https" and self._context is None:
                # The root certificates that Google's libraries trust, on every platform.
                self._context = ssl.create_default_context(cafile=certifi.where())
        if idle is not None:
            connection, since = idle
            if connection.sock and time.monotonic() - since < _IDLE_S:
                connection.sock.settimeout(timeout_s)
                return connection
            connection.close()
        if self._context is None:
            return HTTPConnection(self._server.netloc, timeout=timeout_s)
        return HTTPSConnection(self._server.netloc, timeout=timeout_s, context=self._context)

    def _put_back(self, connection: HTTPConnection, *, is_whole: bool) -> None:
        with self._lock:
            if is_whole and self._idle is None:
                self._idle = connection, time.monotonic()
                return
        connection.close()


def _silence_s(give_up: float) -> float:
    """Seconds for which the server may send nothing."""
    return max(min(_SILENCE_S, give_up - time.monotonic()), 0.01)


def _checksum(answer: HTTPResponse) -> str:
    """CRC-32C of the body as base64, "" where the server sends none."""
    for header in answer.headers.get_all("x-goog-hash", []):
        for part in header.split(","):
            kind, _, value = part.strip().partition("=")
            if kind == "crc32c":
                return str(value)
    return ""
