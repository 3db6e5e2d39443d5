"""Events: the items that are recommended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self

from shared.entities import fields, odd
from shared.entities.fields import Document, Location
from shared.entities.odd import Treatment
from shared.errors import InvalidField

MAX_DESCRIPTION_BYTES = 100_000
MAX_ASSUMED: Final = timedelta(hours=25)
"""Greatest length that is assumed of an event without an end: the longest day."""
MAX_PRICE: Final = 10_000_000
"""Greatest price, in any currency."""
_MAX_TITLE_BYTES = 2_000
_MAX_NAME_BYTES = 200
_MAX_TAGS = 100
_MAX_SEATS = 100_000_000


class Status(StrEnum):
    """Publication status of an event; only `published` events are ever recommended."""

    PUBLISHED = "published"
    CANCELLED = "cancelled"
    HIDDEN = "hidden"
    SOLD_OUT = "sold_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Event, the recommended item. Empty strings and None mean "unknown".

    Times are UTC; `timezone` is an IANA name, for local time; `price` is in `currency`. `mended` and `dropped` name the
    fields of the document with odd values, see `entities/odd.py`; they are no part of the event.
    """

    event_id: str
    title: str = ""
    description: str = ""
    category: str = ""
    subcategory: str = ""
    tags: tuple[str, ...] = ()
    organizer_id: str = ""
    venue_id: str = ""
    city: str = ""
    location: Location | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: str = ""
    price: float | None = None
    currency: str = ""
    capacity: int | None = None
    booked: int | None = None
    status: Status = Status.PUBLISHED
    image_url: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    mended: tuple[str, ...] = field(default=(), compare=False)
    dropped: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, event_id: str, data: Document) -> Self:
        """Event read leniently, see `TREATMENTS`; raises `InvalidField` where id, status or times are unacceptable."""
        return odd.read(cls.from_document, event_id, data, TREATMENTS)

    @classmethod
    def from_document(cls, event_id: str, data: Document) -> Self:
        """Event parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        starts_at, ends_at = fields.time(data, "starts_at"), fields.time(data, "ends_at")
        if starts_at and ends_at and ends_at < starts_at:
            raise InvalidField("ends_at", data["ends_at"], "a time not before starts_at")
        return cls(
            event_id=fields.identifier({"event_id": event_id}, "event_id"),
            title=fields.prose(data, "title", max_bytes=_MAX_TITLE_BYTES),
            description=fields.prose(data, "description", max_bytes=MAX_DESCRIPTION_BYTES),
            category=fields.prose(data, "category", max_bytes=_MAX_NAME_BYTES),
            subcategory=fields.prose(data, "subcategory", max_bytes=_MAX_NAME_BYTES),
            tags=fields.texts(data, "tags", max_items=_MAX_TAGS, max_bytes=_MAX_NAME_BYTES, parse=fields.prose),
            organizer_id=fields.identifier(data, "organizer_id", required=False),
            venue_id=fields.identifier(data, "venue_id", required=False),
            city=fields.prose(data, "city", max_bytes=_MAX_NAME_BYTES),
            location=fields.location(data, "location"),
            starts_at=starts_at,
            ends_at=ends_at,
            timezone=fields.timezone(data, "timezone"),
            price=fields.number(data, "price", low=0, high=MAX_PRICE),
            currency=fields.text(data, "currency", max_bytes=3),
            capacity=fields.integer(data, "capacity", low=0, high=_MAX_SEATS),
            booked=fields.integer(data, "booked", low=0, high=_MAX_SEATS),
            status=_status(data),
            image_url=fields.text(data, "image_url", max_bytes=2_000),
            created_at=fields.time(data, "created_at"),
            updated_at=fields.time(data, "updated_at"),
        )

    def to_document(self) -> dict[str, Any]:
        """Event as document fields, without the id and without unknown values."""
        return known_fields(self, "event_id")

    def is_on_sale(self) -> bool:
        """Availability: True when the event is published and, as far as known, not full."""
        is_full = self.capacity is not None and self.booked is not None and self.booked >= self.capacity
        return self.status is Status.PUBLISHED and not is_full

    def is_visible(self) -> bool:
        """Visibility: True unless the event is hidden; whether it is over, cancelled or sold out does not matter."""
        return self.status is not Status.HIDDEN

    def unreadable_by(self) -> str:
        """Field for which the document cannot be read, so that this event stands hidden in its place; "" for none."""
        return next((name for name in self.dropped if name not in TREATMENTS or TREATMENTS[name].hides), "")

    def over_by(self) -> datetime | None:
        """Time by which the event is over: its end, else the latest that may be assumed; None when undated."""
        return self.ends_at or (self.starts_at and self.starts_at + MAX_ASSUMED)


_HIDES: Final = Treatment("hides the event", hides=True)

TREATMENTS: Final[Mapping[str, Treatment]] = {
    "event_id": _HIDES,
    "title": odd.long_text(_MAX_TITLE_BYTES),
    "description": odd.long_text(MAX_DESCRIPTION_BYTES),
    "category": odd.NAME,
    "subcategory": odd.NAME,
    "tags": odd.names(_MAX_TAGS, _MAX_NAME_BYTES),
    "organizer_id": odd.ID,
    "venue_id": odd.ID,
    "city": odd.NAME,
    "location": odd.PLACE,
    "starts_at": _HIDES,
    "ends_at": _HIDES,
    "timezone": odd.DROPPED,
    "price": odd.NUMBER,
    "currency": odd.DROPPED,
    "capacity": odd.NUMBER,
    "booked": odd.NUMBER,
    "status": _HIDES,
    "image_url": odd.DROPPED,
    "created_at": odd.TIME,
    "updated_at": odd.TIME,
}
"""Treatments of odd values, by field: every field that a document may hold, and its id."""


def _status(data: Mapping[str, Any]) -> Status:
    value = data.get("status")
    if value is None or value == "":
        return Status.PUBLISHED
    try:
        return Status(value)
    except ValueError as error:
        raise InvalidField("status", value, f"one of {', '.join(Status)}") from error


_NOTES: Final = ("mended", "dropped")
"""Fields of an entity that tell how its document was read."""


def known_fields(entity: object, *without: str) -> dict[str, Any]:
    """Document fields of an entity, without unknown values and flags at their default.

    Enums are strings, tuples lists, locations maps.
    """
    document: dict[str, Any] = {}
    for name, declared in entity.__dataclass_fields__.items():  # type: ignore[attr-defined]  # a dataclass
        value = getattr(entity, name)
        is_default = isinstance(value, bool) and value is declared.default
        if name in (*without, *_NOTES) or value is None or is_default or value in ("", ()):
            continue
        if isinstance(value, Location):
            value = {"lat": value.lat, "lng": value.lng}
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, StrEnum):
            value = value.value
        document[name] = value
    return document
