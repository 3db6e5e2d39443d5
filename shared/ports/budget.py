"""Time budget of a request: the remaining time, which every call to a store and to a server of keys is given.

A request states its budget once, at its start. What it calls takes no longer than what is left of it, in all threads
that work for the request. Jobs and triggers have no budget: a call of theirs takes as long as its adapter allows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Final, ParamSpec, TypeVar

from shared.errors import StoreUnavailable

CALL_S: Final = 5.0
"""Seconds that one call to a store may take on behalf of a request, which may have time for several."""

_end: ContextVar[float | None] = ContextVar("time_budget", default=None)
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@contextmanager
def time_budget(seconds: float) -> Iterator[None]:
    """Time budget of the block, in seconds from now; one around it that ends sooner stays in force."""
    end, outer = time.monotonic() + seconds, _end.get()
    token = _end.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _end.reset(token)


def has_budget() -> bool:
    """Whether the caller works for a request with a time budget."""
    return _end.get() is not None


def remaining_s(limit_s: float) -> float:
    """Seconds that a call may take: `limit_s`, or what is left of the budget; raises `StoreUnavailable` for nothing.

    >>> with time_budget(60):
    ...     remaining_s(0.5)
    0.5
    """
    end = _end.get()
    if end is None:
        return limit_s
    left_s = end - time.monotonic()
    if left_s <= 0:
        raise StoreUnavailable("the time for this request is used up")
    return min(limit_s, left_s)


def with_budget(work: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Work that has the caller's time budget in whichever thread it runs; to be made anew for each run."""
    context = copy_context()

    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        return context.run(work, *args, **kwargs)

    return run
