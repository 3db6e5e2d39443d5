"""Firestore trigger payloads: protobuf bytes that hold one document, decoded and encoded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from shared.entities.fields import GeoPoint
from shared.entities.odd import Reference
from shared.errors import InvalidField, UnknownField
from shared.ports import Names

_DATABASE: Final = "projects/local/databases/(default)"
_DOCUMENTS: Final = "/documents/"
_MARQUEES: Final = Names()
"""Marquee's own names."""


@dataclass(frozen=True, slots=True)
class Change:
    """Document change: a document that was created, changed or deleted.

    Attributes
    ----------
    collection : Marquee's name of the collection that holds the document.
    document_id : the document's id, "" while it is unknown.
    fields : the fields after the change, by Marquee's names, None for a deleted document.
    before : the fields of a deleted document, as far as the event has them.
    """

    collection: str
    document_id: str = ""
    fields: Mapping[str, Any] | None = None
    before: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """Reference to a document, in the shape that Firestore's library gives it; `path` begins with the collection."""

    path: str

    @property
    def id(self) -> str:
        """Id of the document."""
        return self.path.rpartition("/")[2]


def changed_document(data: bytes, names: Names = _MARQUEES) -> Change:
    """Decoded trigger payload: the document that a CloudEvent reports as changed.

    Parameters
    ----------
    data : a serialized `google.events.cloud.firestore.v1.DocumentEventData`.
    names : names of collections and fields in the store.

    Raises
    ------
    InvalidField
        The bytes are no such message, it names no document, or a field holds a value that cannot be read.
    """
    from google.events.cloud.firestore import DocumentEventData
    from google.protobuf.message import DecodeError

    try:
        message = DocumentEventData.deserialize(data)
    except (DecodeError, TypeError) as error:
        raise InvalidField("data", data, "a serialized DocumentEventData") from error
    name: str = message.value.name or message.old_value.name
    collection, _, document_id = name.rpartition(_DOCUMENTS)[2].partition("/")
    if not collection or not document_id:
        raise InvalidField("data", data, "an event that names a document")
    kind = names.kind(collection)
    if not message.value.name:
        return Change(kind, document_id, before=names.read(kind, _fields(message.old_value)))
    return Change(kind, document_id, names.read(kind, _fields(message.value)))


def encode_change(
    collection: str, document_id: str, fields: Mapping[str, Any] | None, before: Mapping[str, Any] | None = None
) -> bytes:
    """Encoded trigger payload: the bytes that Firestore would deliver; `fields` is None for a deleted document.

    Names are those of the database; `before` are the fields of a deleted document.
    """
    from google.events.cloud.firestore import Document, DocumentEventData

    name = f"{_DATABASE}{_DOCUMENTS}{collection}/{document_id}"
    document = Document(name=name, fields={key: _value(value) for key, value in (fields or before or {}).items()})
    if fields is None:
        return bytes(DocumentEventData.serialize(DocumentEventData(old_value=document)))
    return bytes(DocumentEventData.serialize(DocumentEventData(value=document)))


def _fields(document: Any) -> dict[str, Any]:
    return {name: _readable(name, value) for name, value in document.fields.items()}


def _readable(name: str, value: Any) -> Any:
    try:
        return _plain(value)
    except (ValueError, OverflowError, RecursionError) as error:  # such as a time in the year 20,000
        raise UnknownField(name, f"a value that cannot be read: {error}", "a value of Firestore") from error


def _plain(value: Any) -> Any:  # a Firestore value has one of ten types
    kind = type(value).pb(value).WhichOneof("value_type")
    found = getattr(value, kind) if kind else None
    if kind == "null_value" or found is None:
        return None
    if kind == "timestamp_value":
        # Not by a number of seconds, which would round the last microsecond of all into another year.
        return datetime.combine(found.date(), found.time(), UTC)
    if kind == "geo_point_value":
        return {"lat": found.latitude, "lng": found.longitude}
    if kind == "reference_value":
        return NamedDocument(found.rpartition(_DOCUMENTS)[2])
    if kind == "array_value":
        return [_plain(item) for item in found.values]
    if kind == "map_value":
        return {name: _plain(item) for name, item in found.fields.items()}
    return found


def _value(value: Any) -> dict[str, Any]:  # the inverse of `_plain`
    if value is None:
        return {"null_value": 0}
    if isinstance(value, bool):
        return {"boolean_value": value}
    if isinstance(value, int):
        return {"integer_value": value}
    if isinstance(value, float):
        return {"double_value": value}
    if isinstance(value, datetime):
        return {"timestamp_value": value}
    if isinstance(value, bytes):
        return {"bytes_value": value}
    if isinstance(value, Reference):
        return {"reference_value": f"{_DATABASE}{_DOCUMENTS}{value.path}"}
    if isinstance(value, GeoPoint):
        return {"geo_point_value": {"latitude": value.latitude, "longitude": value.longitude}}
    if isinstance(value, Mapping):
        return {"map_value": {"fields": {name: _value(item) for name, item in value.items()}}}
    if isinstance(value, list):
        return {"array_value": {"values": [_value(item) for item in value]}}
    return {"string_value": str(value)}
