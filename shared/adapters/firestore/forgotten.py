"""Notes of forgotten users in Firestore: documents `forgotten/{pseudonym}`."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.firestore.client import Database
from shared.adapters.firestore.pages import Listing
from shared.entities import fields
from shared.entities.erasures import pseudonym, pseudonyms

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, WriteBatch

FORGOTTEN: Final = "forgotten"
ALL: Final = Listing(FORGOTTEN)
SINCE: Final = Listing(FORGOTTEN, "at")
BEFORE: Final = Listing(FORGOTTEN, "at", "<")
PROCESSED: Final = Listing("processed")
"""Marks of the deliveries that earlier versions had counted."""


def add_guard(database: Database, batch: "WriteBatch", marker: "DocumentReference") -> None:
    """Add a precondition without a read to `batch`: it fails if the note `marker` of a forgotten user exists."""
    batch.delete(marker, option=database.client.write_option(exists=False))


def marker_of(database: Database, user_id: str) -> "DocumentReference":
    """Reference to the note of a user who is forgotten now."""
    return database.document(FORGOTTEN, pseudonym(database.keys(), user_id))


def markers_of(database: Database, user_id: str) -> "list[DocumentReference]":
    """References to the notes that there may be about a user: one for each key of the deployment."""
    return [database.document(FORGOTTEN, name) for name in pseudonyms(database.keys(), user_id)]


def forgotten_at(database: Database, user_id: str) -> datetime | None:
    """Time up to which a user is forgotten; None where there is no note. It reads a document for each key."""
    found = database.read(markers_of(database, user_id))
    return max(map(at_of, found.values()), default=None)


def at_of(note: Mapping[str, Any]) -> datetime:
    """Time up to which the user of a note is forgotten."""
    return fields.required_time(note, "at")
