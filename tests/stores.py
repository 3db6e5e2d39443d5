"""Document and object stores for tests, with simulated outages and write conflicts."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shared.adapters.sqlite.events import SqliteEvents
from shared.adapters.stores import open_documents
from shared.entities import Erasures, Event, EventCounts, Keys, Profile
from shared.entities.erasures import pseudonym
from shared.errors import StoreUnavailable
from shared.ports import Blob, Counters, Documents, EventStore, ObjectStore, UserStore


def keys() -> Keys:
    """Keys of test deployments."""
    return Keys((bytes(range(32)),))


def erasures(times: Mapping[str, datetime]) -> Erasures:
    """Noted erasures at the given times by user id."""
    return Erasures({pseudonym(keys(), user_id): at for user_id, at in times.items()}, keys)


def documents() -> Documents:
    """Empty document store in memory (SQLite)."""
    return open_documents("sqlite::memory:", keys)


def copied(source: Documents) -> Documents:
    """Document store in memory with the rows of another one in memory."""
    copy = documents()
    assert isinstance(source.events, SqliteEvents)
    assert isinstance(copy.events, SqliteEvents)
    give_up = time.monotonic() + 9
    with source.events._database._locked(give_up) as given, copy.events._database._locked(give_up) as taken:
        given.backup(taken)
    return copy


def damage(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Corrupt an object of a folder store by changing its bytes, without the adapter."""
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


@dataclass
class Outage:
    """Outage switch of a store."""

    is_on: bool = False

    def check(self) -> None:
        """Outage check: raises `StoreUnavailable` during an outage."""
        if self.is_on:
            raise StoreUnavailable("the store is down")


class FragileEvents:
    """Event store whose reads fail during an outage."""

    def __init__(self, events: EventStore, outage: Outage) -> None:
        self._events = events
        self._outage = outage
        self.put = events.put
        self.touch = events.touch

    def get(self, event_id: str) -> Event | None:
        self._outage.check()
        return self._events.get(event_id)

    def live(self, now: datetime) -> Iterator[Event]:
        self._outage.check()
        return self._events.live(now)

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
        for event in self._events.changed_since(moment, after=after):
            yield event
            # An outage may begin between two events of a listing.
            self._outage.check()
        self._outage.check()


class FragileUsers:
    """User store whose reads of profiles fail during an outage."""

    def __init__(self, users: UserStore, outage: Outage) -> None:
        self._users = users
        self._outage = outage
        self.put = users.put
        self.allow_profiling = users.allow_profiling
        self.remember = users.remember
        self.changed_since = users.changed_since
        self.trim_histories = users.trim_histories
        self.share_plans = users.share_plans
        self.with_friends = users.with_friends
        self.telling = users.telling
        self.profiles = users.profiles
        self.touchpoints = users.touchpoints

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        self._outage.check()
        return self._users.profile(user_id, timeout_s=timeout_s)

    def unprofiled(self, user_ids: Sequence[str]) -> set[str]:
        self._outage.check()
        return self._users.unprofiled(user_ids)


class FragileCounters:
    """Counter store whose reads fail during an outage."""

    def __init__(self, counters: Counters, outage: Outage) -> None:
        self._counters = counters
        self._outage = outage
        self.put = counters.put
        self.withdraw = counters.withdraw
        self.remember = counters.remember
        self.load = counters.load
        self.registers = counters.registers
        self.adopt = counters.adopt
        self.settle = counters.settle
        self.drop_slots = counters.drop_slots

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        self._outage.check()
        return self._counters.changed_since(moment)


class FragileObjects:
    """Object store whose reads fail during an outage."""

    def __init__(self, objects: ObjectStore, outage: Outage) -> None:
        self._objects = objects
        self._outage = outage
        self.write = objects.write
        self.names = objects.names
        self.delete = objects.delete

    def read(self, name: str) -> Blob | None:
        self._outage.check()
        return self._objects.read(name)


class ContestedObjects:
    """Object store with write conflicts: a concurrent writer writes first, once per blob in `rivals`."""

    def __init__(self, objects: ObjectStore, name: str, rivals: Sequence[bytes]) -> None:
        self._objects = objects
        self._name = name
        self._rivals = list(rivals)
        self.read = objects.read
        self.names = objects.names
        self.delete = objects.delete

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        if name == self._name and self._rivals:
            current = self._objects.read(name)
            self._objects.write(name, self._rivals.pop(0), generation=current.generation if current else 0)
        return self._objects.write(name, data, generation=generation)


def fragile(
    store: Documents, *, events: Outage | None = None, users: Outage | None = None, counters: Outage | None = None
) -> Documents:
    """Document stores of which events, users or counters fail during the given outages."""
    return replace(
        store,
        events=FragileEvents(store.events, events or Outage()),
        users=FragileUsers(store.users, users or Outage()),
        counters=FragileCounters(store.counters, counters or Outage()),
    )
