"""Report of odd documents: numbers by field, and the names of events that no list shows, perhaps by mistake."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from shared.entities import Event, Status, User
from shared.errors import shortened
from shared.ports import Names

_NAMED: Final = 20
"""Events that are named for one reason; the numbers count all."""
_TITLE: Final = 80
"""Characters of a title in a report."""


@dataclass(frozen=True, slots=True)
class OddUsers:
    """Odd documents of users: no ids and no values, only numbers of documents.

    Attributes
    ----------
    read : documents that were looked at.
    mended, dropped : documents by field whose odd value was mended or dropped, see `entities/odd.py`.
    """

    read: int = 0
    mended: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, users: Iterable[User]) -> "OddUsers":
        """Report of users in one pass."""
        read, mended, dropped = 0, Counter[str](), Counter[str]()
        for user in users:
            read += 1
            mended.update(user.mended)
            dropped.update(user.dropped)
        return cls(read, dict(mended), dict(dropped))


@dataclass(frozen=True, slots=True)
class NamedEvents:
    """Events that are named.

    Attributes
    ----------
    count : number of events, named or not.
    events : `event_id` of the first ones, each with the `field` that hides it or its `title`.
    """

    count: int = 0
    events: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class OddEvents:
    """Odd documents of events.

    Attributes
    ----------
    read : documents that were looked at.
    mended, dropped : as those of `OddUsers`.
    hidden : events that cannot be shown safely, since the status or a time is odd.
    undated : published events without any time, which no list shows.
    """

    read: int = 0
    mended: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    hidden: NamedEvents = field(default_factory=NamedEvents)
    undated: NamedEvents = field(default_factory=NamedEvents)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "OddEvents":
        """Report of events in one pass."""
        read, mended, dropped = 0, Counter[str](), Counter[str]()
        hidden, undated = _Names(), _Names()
        for event in events:
            read += 1
            mended.update(event.mended)
            dropped.update(event.dropped)
            if reason := event.unreadable_by():
                hidden.add(event, field=reason)
            elif event.status is Status.PUBLISHED and event.over_by() is None:
                undated.add(event, title=shortened(event.title, _TITLE))
        return cls(read, dict(mended), dict(dropped), hidden.named(), undated.named())


@dataclass(frozen=True, slots=True)
class OddDocuments:
    """Report of odd documents of events and users."""

    events: OddEvents = field(default_factory=OddEvents)
    users: OddUsers = field(default_factory=OddUsers)

    def named(self, names: Names) -> "OddDocuments":
        """Report that also gives the names that fields have in the store's documents, as `price (ticket.amount)`."""
        of_events, of_users = names.known_as("events"), names.known_as("users")
        hidden = [{**told, "field": _both(told["field"], of_events)} for told in self.events.hidden.events]
        events = replace(
            self.events,
            mended=_renamed(self.events.mended, of_events),
            dropped=_renamed(self.events.dropped, of_events),
            hidden=NamedEvents(self.events.hidden.count, hidden),
        )
        users = replace(
            self.users, mended=_renamed(self.users.mended, of_users), dropped=_renamed(self.users.dropped, of_users)
        )
        return OddDocuments(events, users)

    def hides_events(self) -> bool:
        """Urgency: True when the report names events that somebody may believe to be shown."""
        return bool(self.events.hidden.count or self.events.undated.count)


def _both(name: str, known_as: Mapping[str, str]) -> str:
    return f"{name} ({known_as[name]})" if name in known_as else name


def _renamed(counts: Mapping[str, int], known_as: Mapping[str, str]) -> dict[str, int]:
    return {_both(name, known_as): count for name, count in counts.items()}


class _Names:
    def __init__(self) -> None:
        self._count = 0
        self._events: list[dict[str, str]] = []

    def add(self, event: Event, **told: str) -> None:
        self._count += 1
        if len(self._events) < _NAMED:
            self._events.append({"event_id": event.event_id, **told})

    def named(self) -> NamedEvents:
        return NamedEvents(self._count, self._events)
