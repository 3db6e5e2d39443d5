"""Registers of states in Firestore: documents `counted/{hash of the state's id}`, see `ports/counters.py`."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import counts as stored
from shared.adapters.firestore.client import Database
from shared.entities import Interaction, fields
from shared.ports import Register

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, DocumentSnapshot, WriteBatch

COLLECTION: Final = "counted"
_TOMBSTONE_LIFE: Final = timedelta(days=30)
"""Life of the register of a deleted document: deliveries are repeated for a day at most."""


def reference_of(database: Database, state: Interaction) -> "DocumentReference":
    """Reference to the register of a state's user, family and target."""
    return database.document(COLLECTION, stored.register_key(state.expected_id()))


def read(snapshot: "DocumentSnapshot[Any]") -> Register:
    """Register of a stored document."""
    data = snapshot.to_dict() or {}
    return Register(fields.required_time(data, "version"), stored.from_document(data), fields.flag(data, "is_deleted"))


def write(
    database: Database,
    batch: "WriteBatch",
    reference: "DocumentReference",
    register: Register,
    before: "DocumentSnapshot[Any] | None",
    *,
    now: datetime | None = None,
) -> None:
    """Add the change of a register to `batch`, on the condition that it is still as in `before`, or absent."""
    document: dict[str, Any] = {"version": register.version, **stored.to_document(register.counts)}
    if register.is_deleted:
        document |= {"is_deleted": True, "expires_at": (now or register.version) + _TOMBSTONE_LIFE}
    database.replace(batch, reference, document, before)
