"""Interruption: SIGINT and SIGTERM as an exception, so that blocks end what they started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[None]:
    """Signals within a block: the first SIGINT or SIGTERM raises `KeyboardInterrupt(number)`.

    Also where SIGINT was ignored, as shells do for background jobs. Later ones are ignored until the block has ended,
    since `timeout` sends SIGTERM twice, and a second exception would cut off the cleaning up.
    """
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """Exit status of an interrupted command line, as of a shell: 128 and the number of the signal.

    >>> exit_status(KeyboardInterrupt(signal.SIGTERM))
    143
    """
    return 128 + int(interrupt.args[0] if interrupt.args else signal.SIGINT)
