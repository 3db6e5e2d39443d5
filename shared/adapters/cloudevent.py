"""Decodes what Firestore triggers deliver: protobuf bytes that hold one document."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.errors import InvalidField


def created_document(data: bytes) -> tuple[str, dict[str, Any]]:
    """The id and the fields of the document that an event is about.

    Parameters
    ----------
    data : a serialized `google.events.cloud.firestore.v1.DocumentEventData`.

    Raises
    ------
    InvalidField
        The bytes are no such message, or it holds no document.
    """
    from google.events.cloud.firestore import DocumentEventData
    from google.protobuf.message import DecodeError

    try:
        message = DocumentEventData.deserialize(data)
    except (DecodeError, TypeError) as error:
        raise InvalidField("data", data, "a serialized DocumentEventData") from error
    if not message.value.name:
        raise InvalidField("data", data, "an event with the document's new value")
    return message.value.name.rsplit("/", 1)[-1], {name: _plain(value) for name, value in message.value.fields.items()}


def encode_created(document_id: str, fields: Mapping[str, Any]) -> bytes:
    """The bytes that Firestore would deliver for a new document of the collection `interactions`."""
    from google.events.cloud.firestore import Document, DocumentEventData

    name = f"projects/local/databases/(default)/documents/interactions/{document_id}"
    document = Document(name=name, fields={key: _value(value) for key, value in fields.items()})
    return bytes(DocumentEventData.serialize(DocumentEventData(value=document)))


def _plain(value: Any) -> Any:  # a Firestore value is one of ten kinds
    kind = type(value).pb(value).WhichOneof("value_type")
    found = getattr(value, kind) if kind else None
    if kind == "null_value" or found is None:
        return None
    if kind == "timestamp_value":
        return datetime.fromtimestamp(found.timestamp(), UTC)
    if kind == "geo_point_value":
        return {"lat": found.latitude, "lng": found.longitude}
    if kind == "array_value":
        return [_plain(item) for item in found.values]
    if kind == "map_value":
        return {name: _plain(item) for name, item in found.fields.items()}
    return found


def _value(value: Any) -> dict[str, Any]:  # the inverse of `_plain`
    if isinstance(value, bool):
        return {"boolean_value": value}
    if isinstance(value, int):
        return {"integer_value": value}
    if isinstance(value, float):
        return {"double_value": value}
    if isinstance(value, datetime):
        return {"timestamp_value": value}
    if isinstance(value, Mapping):
        return {"map_value": {"fields": {name: _value(item) for name, item in value.items()}}}
    if isinstance(value, list):
        return {"array_value": {"values": [_value(item) for item in value]}}
    return {"string_value": str(value)}
