"""Interruption: SIGINT and SIGTERM as an exception, so that blocks end what they started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_IMPORT_SYSTEM: Final = "importlib._bootstrap"
_RETRY_S: Final = 0.02


@contextmanager
def interruptible() -> Iterator[None]:
    """Signals within a block: the first SIGINT or SIGTERM raises `KeyboardInterrupt(number)`.

    Also where SIGINT was ignored, as shells do for background jobs. Later ones are ignored until the block has ended,
    since `timeout` sends SIGTERM twice, and a second exception would cut off the cleaning up.

    A signal that comes during an import waits for its end, since an exception in code that an import makes from text
    has Python end by SIGINT, whatever becomes of it. Compiled code, such as numpy's draws, sometimes drops exceptions
    that it did not raise; then the signal raises another.
    """
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    before[signal.SIGALRM] = signal.getsignal(signal.SIGALRM)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    _raise(number, frame, None)


def _raise(number: int, frame: FrameType | None, before: KeyboardInterrupt | None) -> None:
    """Attempt to interrupt what runs in `frame`, and another a moment later unless the one before got through."""
    if before is not None and not _is_dropped(before):
        return
    interrupt = None if _is_importing(frame) else KeyboardInterrupt(number)
    signal.signal(signal.SIGALRM, lambda _, now: _raise(number, now, interrupt))
    signal.setitimer(signal.ITIMER_REAL, _RETRY_S)
    if interrupt is not None:
        raise interrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_globals.get("__name__") != _IMPORT_SYSTEM:
        frame = frame.f_back
    return frame is not None


def _is_dropped(interrupt: KeyboardInterrupt) -> bool:
    """Whether no Python code saw an exception: it has the frames of what raised it, and at most those of Cython."""
    frames = [frame.f_code.co_filename for frame, _ in walk_tb(interrupt.__traceback__)]
    return all(name == __file__ or name.endswith(".pyx") for name in frames)


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """Exit status of an interrupted command line, as of a shell: 128 and the number of the signal.

    >>> exit_status(KeyboardInterrupt(signal.SIGTERM))
    143
    """
    return 128 + int(interrupt.args[0] if interrupt.args else signal.SIGINT)
