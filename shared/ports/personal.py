"""Everything that a store holds about one user."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Held:
    """A stored document about a user, as it is."""

    collection: str
    document_id: str
    fields: Mapping[str, Any]


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
