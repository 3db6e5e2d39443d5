"""Faults of a simulated deployment: a slow store, documents that cannot be used, and lists that nobody got."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from benchmarks.simulator.system import Shown, System
from functions import wiring
from shared.entities import Profile
from shared.ports import UserStore


class _SlowUsers:
    """User store whose profiles take longer to read; otherwise it is the given one."""

    def __init__(self, users: UserStore, seconds: float, wait: Callable[[float], None]) -> None:
        self._users = users
        self._seconds = seconds
        self._wait = wait

    def __getattr__(self, name: str) -> Any:
        return getattr(self._users, name)

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        """Profile of the store, later."""
        self._wait(self._seconds)
        return self._users.profile(user_id, timeout_s=timeout_s)


@contextmanager
def slow_profiles(system: System, seconds: float) -> Iterator[None]:
    """Block in which each list for a user takes `seconds` longer by the system's timer, from an instance apart."""
    documents = system.wired.documents
    slow = cast(UserStore, _SlowUsers(documents.users, seconds, system.timer.wait))
    wired = replace(system.wired, documents=replace(documents, users=slow), instance=uuid.uuid4().hex)
    with wiring.use(wired):
        yield


def unusable_documents(system: System, count: int) -> None:
    """Delivery of `count` interaction documents of a type that there is not, which become dead letters."""
    for number in range(count):
        system.write_document(f"unusable_{number}", {"user_id": f"user_{number}", "type": "purchase", "event_id": "x"})


def forged(shown: Shown, user_id: str) -> Sequence[Shown]:
    """Lists that a user never got: one made up, one with another end, one cut short, and the list of another user."""
    own = shown.recommendation_id
    ids = ("A" * len(own), own[:-4] + ("AAAA" if own[-4:] != "AAAA" else "BBBB"), own[: len(own) // 2])
    return [*(replace(shown, recommendation_id=each) for each in ids), replace(shown, user_id=user_id)]
