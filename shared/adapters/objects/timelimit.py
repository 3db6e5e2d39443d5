"""Time limits of blocks, such as the end of a connection whose server never falls silent and never comes to an end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from socket import SHUT_RDWR
from threading import Event, Timer


@contextmanager
def timed(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Block during which a thread calls `act` once, after `seconds`, unless the block has ended by then."""
    timer = Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def ended_at(connection: HTTPConnection, give_up: float) -> Iterator[None]:
    """Block in which a connection is used until `give_up`, seconds of the monotonic clock; then reads find its end.

    Raises `TimeoutError` where that came first, since the head of an answer that ends early may look whole. A timeout
    of the connection bounds each silence, not their number: an answer's head may come byte by byte.
    """
    is_late = Event()

    def end() -> None:
        is_late.set()
        # One that still connects has a timeout for that.
        if connected := connection.sock:
            with suppress(OSError):  # it may be over
                connected.shutdown(SHUT_RDWR)

    with timed(max(give_up - time.monotonic(), 0), end):
        yield
    if is_late.is_set():
        raise TimeoutError("the answer did not come in time")
