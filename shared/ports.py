"""What the services ask of the outside world, in the domain's words.

Every port has two real adapters (SQLite and Firestore, a folder and Cloud Storage) held to one contract by
`tests/contract`. Adapters raise `StoreUnavailable` when the store does not answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.entities import Event, Interaction, InteractionType, Profile, User


@dataclass(frozen=True, slots=True)
class Written:
    """How many documents a bulk write changed and how many were there already with the same content."""

    loaded: int = 0
    unchanged: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.loaded + other.loaded, self.unchanged + other.unchanged)


@dataclass(frozen=True, slots=True)
class EventCounts:
    """An event's interactions in numbers.

    Attributes
    ----------
    by_type : how often each interaction type happened.
    popularity : forward-decayed weight at the landmark, see `models/popularity.py`.
    """

    by_type: Mapping[InteractionType, int]
    popularity: float = 0.0


@dataclass(frozen=True, slots=True)
class Blob:
    """An object's bytes and its generation, which changes with every write."""

    data: bytes
    generation: int


class EventStore(Protocol):
    """Events as organizers write them."""

    def put(self, events: Sequence[Event], *, now: datetime) -> Written:
        """Create or replace documents that differ, stamping `updated_at` with `now`."""

    def get(self, event_id: str) -> Event | None:
        """One event, None when there is none; raises `InvalidField` when its document cannot be read."""

    def live(self, now: datetime) -> Iterator[Event]:
        """Published events with a time that are not over at `now`, in any order.

        One without a status is published. Unreadable documents are logged and left out, here and in every other list.
        Where the store has a type for times, an event whose times are texts is not found.
        """

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
        """Events with `updated_at` at or after `moment`, oldest first, ties by id.

        For None all events by id, also those that some other program wrote without `updated_at`; only those with an
        id behind `after`.
        """


class UserStore(Protocol):
    """Users' declared profiles and, beside them, the history that the `interaction` function keeps."""

    def put(self, users: Sequence[User], *, now: datetime) -> Written:
        """Create or replace declared profiles that differ, stamping `updated_at`; histories stay as they are."""

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Merge interactions into their users' histories; repeating it changes nothing."""

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        """Profile and newest history in one read; empty for an unknown user."""

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[User]:
        """Declared profiles with `updated_at` at or after `moment`, oldest first, ties by id.

        For None every profile by id, also one without `updated_at`; only those with an id behind `after`.
        """


class InteractionLog(Protocol):
    """The truth about who did what: create-only documents."""

    def append(self, interactions: Sequence[Interaction], *, now: datetime, counted: bool) -> Sequence[bool]:
        """Create documents stamped `recorded_at=now`; False where that id is there already.

        `counted` says that the caller updates histories and counts itself, so the trigger need not.
        """

    def known(self, interaction_ids: Sequence[str]) -> set[str]:
        """Which of these ids have a document."""

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions with `recorded_at` at or after `moment`, oldest first, ties by id.

        For None all of them by id, also those without `recorded_at`; only those with an id behind `after`.
        """


class Counters(Protocol):
    """Event counts and popularity between two trainings."""

    def record(self, interaction: Interaction, weight: float, *, now: datetime) -> bool:
        """Count one interaction and remember it in its user's history, atomically; False when it was counted before."""

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events; False when that was done under this key before.

        After an interruption the same call adds what is missing.
        """

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """`(event_id, counts, updated_at)` of events counted at or after `moment`, oldest first, ties by id.

        For None all of them, in any order.
        """


class ObjectStore(Protocol):
    """Named immutable objects and one movable pointer."""

    def read(self, name: str) -> Blob | None:
        """An object, None when there is none."""

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        """Write if the object's generation is still `generation`, 0 meaning that it must not exist.

        Returns the new generation; raises `Conflict` when another writer was first.
        """

    def names(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is fine."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The four document ports of one store.

    Attributes
    ----------
    close : ends its connections.
    listed : how many documents lists have read since the store was opened, as Firestore bills them: at least one a
        query.
    """

    events: EventStore
    users: UserStore
    interactions: InteractionLog
    counters: Counters
    close: Callable[[], None]
    listed: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as far as a verified token says; `user_id` is "" for nobody."""

    user_id: str = ""
    is_admin: bool = False


class Identity(Protocol):
    """Verifies who a caller is."""

    def caller(self, id_token: str) -> Caller:
        """The caller that a token proves; raises `Unauthenticated` when it does not verify."""
