"""Documents that can never be used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


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


class DeadLetters(Protocol):
    """Documents that can never be used, for people to look at; they expire after 30 days."""

    def put(self, letter: DeadLetter, *, now: datetime) -> None:
        """Keep a letter, replacing one with the same key."""

    def remove(self, key: str) -> None:
        """Drop a letter; one that is not there is fine."""

    def since(self, moment: datetime) -> Iterator[DeadLetter]:
        """Letters put at or after `moment`, oldest first, ties by key."""
