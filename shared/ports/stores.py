"""Events, users, interactions and rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.entities import Event, Interaction, Profile, Rules, User


@dataclass(frozen=True, slots=True)
class Written:
    """How many documents a bulk write changed and how many were there already with the same content."""

    loaded: int = 0
    unchanged: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.loaded + other.loaded, self.unchanged + other.unchanged)


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

    def trim_histories(self, interactions: Sequence[Interaction]) -> list[Interaction]:
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


class Bookmarks(Protocol):
    """How far jobs that run again and again have come."""

    def read(self, name: str) -> datetime | None:
        """Where a job goes on, None before its first run."""

    def move(self, name: str, to: datetime) -> None:
        """Where it goes on next time."""


class RuleStore(Protocol):
    """What people decide about lists."""

    def read(self) -> Rules:
        """The rules in force, none where nobody wrote any; raises `InvalidField` when they cannot be read."""

    def write(self, rules: Rules) -> None:
        """Replace the rules."""
