"""What the services ask of the outside world, in the domain's words.

Every port has two real adapters (SQLite and Firestore, a folder and Cloud Storage) held to one contract by
`tests/contract`. Adapters raise `StoreUnavailable` when the store does not answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.entities import Event, EventCounts, Interaction, Profile, Rules, User


@dataclass(frozen=True, slots=True)
class Written:
    """How many documents a bulk write changed and how many were there already with the same content."""

    loaded: int = 0
    unchanged: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.loaded + other.loaded, self.unchanged + other.unchanged)


class Recorded(StrEnum):
    """What became of an interaction that was handed to `Counters.record`."""

    NEW = "new"
    KNOWN = "known"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """What one document of an event's counts holds of stretches of time that may not be settled yet.

    Attributes
    ----------
    shard : which of the event's documents it is.
    slots : what was counted as recorded in each slot, see `models/counting.py`.
    """

    event_id: str
    shard: int
    slots: Mapping[int, EventCounts]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to change in one document of an event's counts.

    Attributes
    ----------
    added : corrections by slot.
    closed : slots that nobody needs to tell apart any more.
    """

    event_id: str
    shard: int
    added: Mapping[int, EventCounts]
    closed: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A document that can never be used, kept with the reason.

    Attributes
    ----------
    key : names the letter; another one with this key replaces it.
    collection, document_id : where the document lies.
    user_id : whose it is, "" when that cannot be told.
    data : its fields as far as they could be read.
    """

    key: str
    collection: str
    document_id: str
    reason: str
    user_id: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A stored document about a user, as it is."""

    collection: str
    document_id: str
    fields: Mapping[str, Any]


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
        id behind `after`. One that changed and can no longer be read, or is no more, comes as a hidden one, so that
        nobody goes on showing it.
        """

    def touch(self, event_id: str, *, now: datetime) -> None:
        """Let `changed_since` tell of this event as changed now, whoever wrote its document and whatever it says."""


class UserStore(Protocol):
    """Users' declared profiles and, beside them, the history that the `interaction` function keeps."""

    def put(self, users: Sequence[User], *, now: datetime) -> Written:
        """Create or replace declared profiles that differ, stamping `updated_at`; histories stay as they are."""

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Merge interactions into their users' histories; repeating it changes nothing."""

    def tend(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Shorten the histories that these belong to where they are too long, and tell which of these they lack."""

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        """Profile, newest history and all dismissals in one read; empty for an unknown user."""

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

    def get(self, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Those of these interactions that have a readable document, by id."""

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions with `recorded_at` at or after `moment`, oldest first, ties by id.

        For None all of them by id, also those without `recorded_at`; only those with an id behind `after`.
        """

    def uncounted(self, moment: datetime) -> Iterator[Interaction]:
        """As `since`, without those whose writer counted them itself."""


class Counters(Protocol):
    """Event counts and popularity between two trainings."""

    def record(self, interaction: Interaction, added: EventCounts, *, slot: int, now: datetime) -> Recorded:
        """Remember an interaction in its user's history and add to its event's counts of a slot, atomically and once.

        Nothing happens when it was added before. When its user was forgotten since it was recorded, its document goes
        as well. Where `added` is empty it is only remembered, which may be repeated.
        """

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events; False when that was done under this key before.

        After an interruption the same call adds what is missing.
        """

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """`(event_id, counts, updated_at)` of events counted at or after `moment`, oldest first, ties by id.

        For None all of them, in any order.
        """

    def open_since(self, moment: datetime) -> Iterator[OpenCounts]:
        """What documents that changed at or after `moment` hold by slot, in any order."""

    def settle(self, settlements: Sequence[Settlement], *, now: datetime) -> None:
        """Correct counts, both in all and by slot, and drop closed slots; each document's changes are one write."""


class DeadLetters(Protocol):
    """Documents that can never be used, for people to look at; they expire after 30 days."""

    def put(self, letter: DeadLetter, *, now: datetime) -> None:
        """Keep a letter, replacing one with the same key."""

    def remove(self, key: str) -> None:
        """Drop a letter; one that is not there is fine."""

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Letters put at or after `moment`, oldest first, ties by key."""


class Bookmarks(Protocol):
    """How far jobs that run again and again have come."""

    def read(self, name: str) -> datetime | None:
        """Where a job goes on, None before its first run."""

    def move(self, name: str, to: datetime) -> None:
        """Where it goes on next time."""


class PersonalData(Protocol):
    """All that the store holds about one user, whatever collection it lies in."""

    def of(self, user_id: str) -> Iterator[Held]:
        """Every document about a user: profile, history, interactions, dead letters."""

    def erase(self, user_id: str, *, now: datetime) -> int:
        """Delete every document about a user, and what others' profiles say of them; returns how many it changed."""

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Note under `pseudonym(user_id)` that what was recorded up to `at` is forgotten.

        What is still on its way is stopped by it, and copies elsewhere know what to drop.
        """

    def forgotten(self) -> Mapping[str, datetime]:
        """When users were last forgotten, by pseudonym: of theirs, copies drop what was recorded up to then."""


class RuleStore(Protocol):
    """What people decide about lists."""

    def read(self) -> Rules:
        """The rules in force, none where nobody wrote any; raises `InvalidField` when they cannot be read."""

    def write(self, rules: Rules) -> None:
        """Replace the rules."""


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
    """The document ports of one store.

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
    personal: PersonalData
    dead_letters: DeadLetters
    bookmarks: Bookmarks
    rules: RuleStore
    close: Callable[[], None]
    listed: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as far as a verified token says; `user_id` is "" for nobody.

    `organizer_ids` are the organizers that they act for.
    """

    user_id: str = ""
    is_admin: bool = False
    organizer_ids: tuple[str, ...] = ()


class Identity(Protocol):
    """Verifies who a caller is."""

    def caller(self, id_token: str) -> Caller:
        """The caller that a token proves; raises `Unauthenticated` when it does not verify."""

    def attest(self, app_token: str) -> None:
        """Raise `Unauthenticated` unless this App Check token says that the deployment's own app is calling."""
