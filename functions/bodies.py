"""Bodies on their way in time: a client that promises one and does not send it, or reads no answer, holds no thread.

For long, that is: some have seconds, and all others a moment while many threads wait for such clients.
"""

import heapq
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from typing import Final

from flask import Request, Response, current_app, has_app_context, request

from functions import THREADS
from shared.errors import InvalidField, MarqueeError, TooSlow
from shared.ports import remaining_s

PATIENCE_S: Final = 5.0
"""Seconds for which a body may be on its way."""
SENDING_S: Final = 20.0
"""Seconds for which an answer may be: those that fit into the buffers of the connection need none."""
HURRY_S: Final = 0.25
"""Seconds for either while many others are on their way."""
_LITTLE: Final = 65_536
"""Bytes that are read of a body that nobody wants."""
_READ: Final = "marquee.body_is_read"
_MANY: Final = max(THREADS // 2, 1)
_SOCKETS: Final = ("gunicorn.socket", "werkzeug.socket")
"""Keys of a WSGI environment under which servers give the connection."""


class Watchdog:
    """Watchdog of connections: shuts those whose time is over, in a thread of its own; thread-safe.

    A timeout of the socket would not do, since a client that sends or reads a byte now and then never reaches it.

    Parameters
    ----------
    how : what to shut, such as `socket.SHUT_RD`.

    Attributes
    ----------
    watched : number of connections that are watched now; further ones have `HURRY_S` while half of the threads are.
    """

    def __init__(self, how: int) -> None:
        self.watched = 0
        self._how = how
        self._ends: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, connection: socket.socket, seconds: float) -> Iterator["Watch"]:
        """Block in which the connection is used, for at most `seconds` or the moment that there is; then it is shut."""
        with self._changed:
            # Counted and decided at once: of connections that come together, no more than that many hold a thread.
            watch = Watch(connection, seconds if self.watched < _MANY else min(seconds, HURRY_S))
            self.watched += 1
            heapq.heappush(self._ends, (time.monotonic() + watch.seconds, next(self._numbers), watch))
            if self._thread is None:
                # Started on first use, since servers fork before.
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            elif self._ends[0][2] is watch:
                self._changed.notify()
        try:
            yield watch
        finally:
            with self._changed:
                self.watched -= 1
                watch.is_over = True

    def _run(self) -> None:
        with self._changed:
            while True:
                while self._ends and self._ends[0][2].is_over:
                    heapq.heappop(self._ends)
                if not self._ends:
                    self._changed.wait()
                    continue
                left_s = self._ends[0][0] - time.monotonic()
                if left_s > 0:
                    self._changed.wait(left_s)
                    continue
                _, _, watch = heapq.heappop(self._ends)
                watch.is_over = watch.is_late = True
                with suppress(OSError):  # the client may be gone
                    watch.connection.shutdown(self._how)


class Watch:
    """Watched connection.

    Attributes
    ----------
    seconds : seconds that it has.
    is_over : whether it need not be watched any more.
    is_late : whether its time was over before that.
    """

    __slots__ = ("connection", "is_late", "is_over", "seconds")

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.connection = connection
        self.seconds = seconds
        self.is_over = False
        self.is_late = False


_readers: Final = Watchdog(socket.SHUT_RD)
_senders: Final = Watchdog(socket.SHUT_RDWR)


def protect() -> None:
    """Set up of the server's app, where there is one: for requests that never reach a function, and for all answers.

    functions-framework answers requests for icons and robots itself, and waits for their bodies first.
    """
    if has_app_context():
        current_app.before_request(_leave_strays)
        current_app.after_request(_hurry)


def _leave_strays() -> None:
    if request.endpoint == "error":
        leave(request)


def _hurry(answer: Response) -> Response:
    connection = _connection(request)
    if connection is not None:
        stack = ExitStack()
        stack.enter_context(_senders.watch(connection, SENDING_S))
        answer.call_on_close(stack.close)
    return answer


def read(request: Request, max_bytes: int) -> bytes:
    """Body of a request, of which at most `max_bytes` are read.

    Raises `InvalidField` for a body that ends early, and `TooSlow` for one that is late. Servers that do not tell the
    connection, as those of tests, have the body at once.
    """
    data = _read(request, max_bytes, PATIENCE_S)
    size = request.content_length or 0
    if len(data) < min(size, max_bytes):
        raise InvalidField("body", f"{len(data)} bytes", f"all of the {size} bytes of Content-Length")
    return data


def leave(request: Request) -> None:
    """Leave a body that nobody wants: of an unread one a little is read, and for the rest nobody waits.

    Servers read to the end of a body before they go on with the connection, however long it takes.
    """
    is_promised = request.content_length or request.headers.get("Transfer-Encoding")
    if not is_promised or request.environ.get(_READ) or (connection := _connection(request)) is None:
        return
    try:
        if len(_read(request, _LITTLE, HURRY_S)) < _LITTLE:
            return
    except MarqueeError:
        """It has not arrived."""
    with suppress(OSError):  # the client may be gone
        connection.shutdown(socket.SHUT_RD)


def _connection(request: Request) -> socket.socket | None:
    return next((request.environ[key] for key in _SOCKETS if key in request.environ), None)


def _read(request: Request, max_bytes: int, limit_s: float) -> bytes:
    request.environ[_READ] = True
    connection = _connection(request)
    if connection is None:
        return _received(request, max_bytes)
    with _readers.watch(connection, remaining_s(limit_s)) as watch:
        try:
            data = _received(request, max_bytes)
        except InvalidField:
            if not watch.is_late:
                raise
    if watch.is_late:
        raise TooSlow(f"body: expected all of it within {watch.seconds:.2g} s")
    return data


def _received(request: Request, max_bytes: int) -> bytes:
    try:
        return request.stream.read(max_bytes)
    except Exception as error:
        # What servers raise for chunks that are none, and at the end of a connection, differs. Whoever reads on, as
        # functions-framework does before it answers, must not meet it again.
        request.stream = BytesIO()
        raise InvalidField("body", "a part", "all of it, in due form, and no end of the connection") from error
