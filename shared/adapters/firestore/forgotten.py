"""Notes of forgotten users in Firestore: documents `forgotten/{pseudonym}`."""

from typing import TYPE_CHECKING, Final

from shared.adapters.firestore.client import Database
from shared.adapters.firestore.pages import Listing
from shared.entities import pseudonym

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, WriteBatch

FORGOTTEN: Final = "forgotten"
ALL: Final = Listing(FORGOTTEN)
SINCE: Final = Listing(FORGOTTEN, "at")


def add_guard(database: Database, batch: "WriteBatch", marker: "DocumentReference") -> None:
    """Add a precondition without a read to `batch`: it fails if the note `marker` of a forgotten user exists."""
    batch.delete(marker, option=database.client.write_option(exists=False))


def marker_of(database: Database, user_id: str) -> "DocumentReference":
    """Reference to the note of a forgotten user."""
    return database.document(FORGOTTEN, pseudonym(user_id))
