"""Store ports: events, users, interactions, business rules and experiments."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.entities import Event, Experiment, Interaction, Profile, Rules, Touchpoint, User


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a bulk write: documents that it changed, and documents that had the same content already."""

    loaded: int = 0
    unchanged: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.loaded + other.loaded, self.unchanged + other.unchanged)


class EventStore(Protocol):
    """Event store: the events as organizers write them."""

    def put(self, events: Sequence[Event], *, now: datetime) -> Written:
        """Upsert of the events that differ from their documents, stamping `updated_at` with `now`."""

    def get(self, event_id: str) -> Event | None:
        """Event by id, None when it does not exist; raises `InvalidField` when its document cannot be read."""

    def live(self, now: datetime) -> Iterator[Event]:
        """Published events with a time that are not over at `now`, in any order.

        An event without a status is published. Documents are read leniently, see `Event.read`, here and in every other
        list; unreadable ones are logged and left out. Where the store has a type for times, an event with times as
        strings is not found.
        """

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
        """Events with `updated_at` at or after `moment`, oldest first, ties by id.

        For None all events by id, also those that another program wrote without `updated_at`; only those with an id
        greater than `after`. An event that cannot be read, or was deleted, is returned as hidden, so that serving
        instances stop showing it; `dropped` of an unreadable one names the field. One with an id that no event has is
        logged and left out.
        """

    def touch(self, event_id: str, *, now: datetime) -> None:
        """Change mark of an event: `changed_since` returns it as changed at `now`, whatever its document holds."""


class UserStore(Protocol):
    """User store: declared profiles and, beside them, the history that the `interaction` function keeps."""

    def put(self, users: Sequence[User], *, now: datetime) -> Written:
        """Upsert of the declared profiles that differ, stamping `updated_at` with `now`; histories do not change.

        A stored wish not to be profiled is kept, since a load must not revoke it; only `allow_profiling` does.
        """

    def allow_profiling(self, user_id: str, *, allowed: bool, now: datetime) -> None:
        """Update of the profile's field `profiling` alone, stamping `updated_at`; creates a missing profile."""

    def unprofiled(self, user_ids: Sequence[str]) -> set[str]:
        """Users who do not wish to be profiled: the subset of `user_ids` whose profile says so, readable or not."""

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Idempotent merge of interactions into their users' histories."""

    def share_plans(self, user_ids: Sequence[str], *, viewer: str = "") -> None:
        """Update of what mutual friends are told of the plans of some users, see `feedback/friends.py`; idempotent.

        For each user, atomically: the friends who have declared the friendship back get the plans that follow from the
        history now, and all others who were told of plans lose them. With `viewer`, only this user gets or loses them.
        A user without a readable profile has no friends.
        """

    def telling(self, user_id: str) -> list[str]:
        """Users who told this user of their plans and have not taken it back, in any order."""

    def with_friends(self, user_ids: Sequence[str]) -> list[str]:
        """Users who have declared friends: those of `user_ids`, in their order."""

    def trim_histories(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Trimming of the histories of these interactions to their limits; returns the interactions that they lack."""

    def touchpoints(self, event_ids: Mapping[str, Collection[str]]) -> Mapping[str, Sequence[Touchpoint]]:
        """Touchpoints of users with some events, newest first, by user; of users without any, there may be none.

        Parameters
        ----------
        event_ids : ids of the events by user id.
        """

    def profile(self, user_id: str, *, timeout_s: float) -> Profile:
        """Profile of a user with newest history and dismissals, in one read; empty for an unknown user.

        The declared profile is read leniently, see `User.read`; that of a damaged document is empty. Of friends who go,
        those count whom the profile still declares.
        """

    def profiles(self, *, after: str = "") -> Iterator[Profile]:
        """Profiles of all users who have a declared profile or a history, by id, as `profile` gives them.

        Visitors are among them. Only those with an id greater than `after`.
        """

    def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[User]:
        """Declared profiles with `updated_at` at or after `moment`, oldest first, ties by id.

        For None all profiles by id, also without `updated_at`; only those with an id greater than `after`.
        """


class Appended(StrEnum):
    """Result of storing an interaction: NEW was stored, KNOWN is stored already, SUPERSEDED is older than the state."""

    NEW = "new"
    KNOWN = "known"
    SUPERSEDED = "superseded"


class InteractionLog(Protocol):
    """Interaction log, the source of truth of all feedback: repeating interactions, and the latest states."""

    def append(self, interactions: Sequence[Interaction], *, now: datetime) -> Sequence[Appended]:
        """Idempotent storage of documents stamped `recorded_at=now`; the result of each.

        The document of a repeating type is created once. That of a lasting type holds the state that supersedes all
        others, in the store and among `interactions`; replacing one stamps a later `recorded_at` than its own. Raises
        `TooMany`, and stores nothing, where the data of a state's user is erased up to `now` or later. Other
        interactions of that user are stored, and erased by their trigger or the next reconciliation.
        """

    def known(self, interaction_ids: Sequence[str]) -> set[str]:
        """Existing ids: the subset of `interaction_ids` that have a document."""

    def get(self, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Interactions by id, for the ids that have a readable document."""

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions with `recorded_at` at or after `moment`, oldest first, ties by id.

        For None all interactions by id, also without `recorded_at`; only those with an id greater than `after`.
        """

    def uncounted(self, moment: datetime) -> Iterator[Interaction]:
        """Interactions as `since` lists them, without the repeating ones that a bulk load counted."""


class RuleStore(Protocol):
    """Rule store: the business rules for lists, which admins edit."""

    def read(self) -> Rules:
        """Business rules in force, empty where none are stored; raises `InvalidField` when they cannot be read."""

    def write(self, rules: Rules) -> None:
        """Replacement of the business rules."""


class ExperimentStore(Protocol):
    """Experiment store: the experiments that admins define, those that are over included."""

    def get(self, experiment_id: str) -> Experiment | None:
        """Experiment by id, None where there is none; raises `InvalidField` when its document cannot be read."""

    def ending_after(self, moment: datetime | None) -> Iterator[Experiment]:
        """Experiments whose end is after `moment`, all for None, by end; unreadable ones are logged and left out."""

    def put(self, experiment: Experiment) -> None:
        """Creation of an experiment, or replacement of the one with its id."""
