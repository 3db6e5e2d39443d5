"""Registers of states in Firestore: documents `counted/{keyed hash of the state's id}`, see `ports/counters.py`."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import counts as stored
from shared.adapters.firestore.client import Database
from shared.entities import Interaction, fields
from shared.ports import TOMBSTONE_LIFE, Register

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, DocumentSnapshot, WriteBatch

COLLECTION: Final = "counted"


def reference_of(database: Database, state: Interaction) -> "DocumentReference":
    """Reference to the register of a state's user, family and target."""
    return reference_to(database, state.expected_id())


def reference_to(database: Database, state_id: str) -> "DocumentReference":
    """Reference to a register by the `expected_id` of its states."""
    return database.document(COLLECTION, stored.register_key(database.keys(), state_id))


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
        document |= {"is_deleted": True, "expires_at": (now or register.version) + TOMBSTONE_LIFE}
    database.replace(batch, reference, document, before)
