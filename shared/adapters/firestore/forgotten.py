"""Notes of forgotten users in Firestore: documents `forgotten/{pseudonym}`."""

from typing import TYPE_CHECKING, Final

from shared.adapters.firestore.client import Database
from shared.adapters.firestore.pages import Listing
from shared.entities import pseudonym

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference

FORGOTTEN: Final = "forgotten"
ALL: Final = Listing(FORGOTTEN)
SINCE: Final = Listing(FORGOTTEN, "at")


def marker_of(database: Database, user_id: str) -> "DocumentReference":
    """Reference to the note of a forgotten user."""
    return database.document(FORGOTTEN, pseudonym(user_id))
