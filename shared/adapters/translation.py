"""Translation of Firestore documents: the names and types of an app's own collections and fields, and Marquee's.

Everything inside reads and writes Marquee's fields alone. What a value is does not depend on names: a time may be a
timestamp, a number since 1970 or an ISO 8601 text, a point may be a GeoPoint, an id may be a reference to a document.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard
from zoneinfo import ZoneInfo

from shared.catalog.calendar import zone as zone_of
from shared.entities import Event, Status, User, fields
from shared.entities.event import TREATMENTS as OF_EVENTS
from shared.entities.event import known_fields
from shared.entities.fields import Document, GeoPoint, Renamed
from shared.entities.odd import Reference, Treatment, time_of_number
from shared.entities.user import TREATMENTS as OF_USERS
from shared.errors import InvalidField
from shared.schema import CollectionSchema, Own, Schema

EVENTS: Final = "events"
USERS: Final = "users"
INTERACTIONS: Final = "interactions"

_TIMES: Final[Sequence[str]] = ("starts_at", "ends_at", "created_at", "updated_at")
_IDS: Final[Sequence[str]] = ("organizer_id", "venue_id")
_NAMES: Final[Sequence[str]] = (*_IDS, "category", "subcategory", "city")
_LISTS: Final[Sequence[str]] = ("tags", "preferred_categories", "preferred_tags")
_LATITUDES: Final = ("lat", "latitude", "_latitude")
_LONGITUDES: Final = ("lng", "lon", "long", "longitude", "_longitude")
_YEARS: Final = range(1970, 2200)
_DATE_CHARACTERS: Final = len("2026-05-01")
_DAY: Final = timedelta(days=1)
_UNUSABLE: Final = object()
"""Meaning of a value for which a document cannot be used: that of no other value."""
_NO_SCHEMA: Final = Schema()


class Fields:
    """Fields of a collection's documents.

    Parameters
    ----------
    schema : names of the collection and its fields.
    entity : kind of entity that the documents hold.
    treatments : what becomes of odd values, by Marquee's names of the fields.
    zone : time zone of ISO texts without an offset in a document without a `timezone`; None leaves them as they are.
    references : names of lists of which references to documents are read as ids.
    """

    def __init__(
        self,
        schema: CollectionSchema,
        entity: type[Event] | type[User],
        treatments: Mapping[str, Treatment],
        zone: ZoneInfo | None,
        references: Iterable[str] = _LISTS,
    ) -> None:
        self._entity = entity
        self._treatments = treatments
        self._zone = zone
        self._status = schema.status
        halves = [name for name in ("latitude", "longitude") if name in schema.fields]
        self._halves = bool(halves)
        self._names = sorted(treatments.keys() - {"event_id", "user_id"})
        parts = [*halves, *(name for name in self._names if not halves or name != "location")]
        self._steps = {name: tuple(schema.path(name).split(".")) for name in parts}
        self._known_as = {**schema.fields}
        if halves:
            self._known_as["location"] = ", ".join(schema.fields[name] for name in halves)
        self._is_renamed = bool(self._known_as or self._status)
        self._times = [name for name in _TIMES if name in self._names]
        self._texts = [name for name in _NAMES if name in self._names]
        self._lists = [name for name in references if name in self._names]

    @property
    def known_as(self) -> Mapping[str, str]:
        """Paths of the fields whose names differ, by Marquee's names."""
        return self._known_as

    def path(self, name: str) -> str:
        """Path of a field in the documents, as queries take it; a name that is not Marquee's stays as it is."""
        return quoted(*self._steps.get(name, (name,)))

    def read(self, data: Document) -> Document:
        """Marquee's fields of a document, with values of the types that Marquee knows; others are left as they are."""
        document = Renamed(self._ours(data), self._known_as) if self._is_renamed else data
        changed: dict[str, Any] = {}
        for name in self._times:
            value = document.get(name)
            if value is None or isinstance(value, datetime):
                continue
            if (moment := self._time(name, value, document)) is not None:
                changed[name] = moment
        for name in self._texts:
            value = document.get(name)
            if value is not None and type(value) is not str and (text := _id(name, value)) is not None:
                changed[name] = text
        for name in self._lists:
            value = document.get(name)
            if isinstance(value, list | tuple) and any(map(_is_reference, value)):
                changed[name] = [item.id if _is_reference(item) else item for item in value]
        if (point := _point(document.get("location"))) is not None:
            changed["location"] = point
        if not changed:
            return document
        return Renamed({**document, **changed}, self._known_as) if self._is_renamed else {**document, **changed}

    def written(self, document: Document) -> dict[tuple[str, ...], Any]:
        """Values of a document of Marquee's fields by their steps in the app's; raises `InvalidField`.

        A status that the schema has no term for cannot be written.
        """
        found: dict[tuple[str, ...], Any] = {}
        for name, value in document.items():
            if name == "status" and self._status:
                terms = self._status.written(Status(value))
                found |= {tuple(path.split(".")): term for path, term in terms.items()}
            elif name == "location" and self._halves:
                found |= {self._steps["latitude"]: value["lat"], self._steps["longitude"]: value["lng"]}
            else:
                found[self._steps.get(name, (name,))] = value
        return found

    def changes(self, before: Document | None, document: Document) -> dict[tuple[str, ...], Any]:
        """Changes of a stored document by which it means the same as `document`, whose fields are Marquee's.

        Values by their steps; None for one that goes. Empty where the stored document means the same: a value that is
        only written in another way, such as a time in milliseconds or a price as text, stays. So does what is beside
        the degrees of a place in one map, and a value that means nothing here, as it may mean something to the app.
        Raises `InvalidField` where a map would take the place of another value.
        """
        wanted = self.written(document)
        if before is None:
            return wanted
        stored, same = self._meant(self.read(before)), self._meant(self.read(nested(wanted)))
        changed: dict[tuple[str, ...], Any] = {}
        for name in self._names:
            if name != "updated_at" and stored.get(name) != same.get(name):
                changed |= self._change(before, name, document)
        return changed

    def _meant(self, document: Document) -> dict[str, Any]:
        """Fields of a document as they are understood; `_UNUSABLE` for one for which it cannot be used at all.

        What is empty or means nothing is left out.
        """
        left = {name: value for name, value in document.items() if not _is_empty(value)}
        unusable: dict[str, Any] = {}
        while True:
            try:
                entity = self._entity.read("any", left)
            except InvalidField as error:
                del left[error.field]
                unusable[error.field] = _UNUSABLE
            else:
                return {name: value for name, value in known_fields(entity).items() if name in left} | unusable

    def _change(self, before: Document, name: str, document: Document) -> dict[tuple[str, ...], Any]:
        """Change of a stored document by which it holds one of the fields of `document`, or has it no more."""
        steps = self._steps.get(name, ())
        stored = _at(before, steps) if name == "location" and not self._halves else None
        changed: dict[tuple[str, ...], Any]
        if isinstance(stored, Mapping):
            lat, lng = _halves_of(stored)
            point = document.get(name) or {"lat": None, "lng": None}
            changed = {(*steps, lat): point["lat"], (*steps, lng): point["lng"]}
            if name not in document and stored.keys() <= {lat, lng}:
                changed = {steps: None}
        elif name in document:
            changed = self.written({name: document[name]})
        elif name == "location" and self._halves:
            changed = {self._steps["latitude"]: None, self._steps["longitude"]: None}
        else:
            changed = {steps: None}
        for path in changed:
            for depth in range(1, len(path)):
                above = _at(before, path[:depth])
                if above is not None and not isinstance(above, Mapping):
                    expected = f"a map at {'.'.join(path[:depth])}, or nothing"
                    raise InvalidField(name, above, expected).known_as(".".join(path))
        return changed

    def _ours(self, data: Document) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for name, steps in self._steps.items():
            value = _at(data, steps)
            if value is not None:
                document[name] = value
        if self._status:
            document["status"] = self._status.read(lambda path: _at(data, path.split("."))).value
        if self._halves:
            point = {"lat": document.pop("latitude", None), "lng": document.pop("longitude", None)}
            if point != {"lat": None, "lng": None}:
                document["location"] = point
        return document

    def _time(self, name: str, value: object, document: Document) -> datetime | None:
        """Time of a value that is no timestamp; None for one that reads no other way than as it is."""
        if not isinstance(value, str):
            return time_of_number(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        own = document.get("timezone")
        zone = zone_of(own) if isinstance(own, str) and own in fields.zone_names() else self._zone
        if moment.tzinfo is not None or zone is None or moment.year not in _YEARS:
            return None
        is_date = len(value) <= _DATE_CHARACTERS and ":" not in value
        # A day is over at its end.
        return (moment + _DAY if is_date and name == "ends_at" else moment).replace(tzinfo=zone)


class Translation:
    """Translation of a deployment's collections.

    Collections have names of Marquee's inside: `events`, `users` for declared profiles, `interactions`, and those of
    Marquee's own.

    Parameters
    ----------
    schema : names of collections and fields.
    timezone : IANA name of the time zone of ISO texts without an offset, for events that name none; "" refuses them.
    """

    def __init__(self, schema: Schema = _NO_SCHEMA, timezone: str = "") -> None:
        self.schema = schema
        self._collections = {
            EVENTS: schema.events.collection,
            USERS: schema.profiles.collection,
            INTERACTIONS: schema.interactions.collection,
            **{own.value: schema.own(own) for own in Own},
        }
        self._kinds = {name: kind for kind, name in self._collections.items()}
        # An erasure of a user finds friends by their ids alone, so references in Marquee's own documents stay odd.
        lists = _LISTS if self.owns_profiles else (*_LISTS, "friends")
        zone = zone_of(timezone) if timezone else None
        self._fields = {
            EVENTS: Fields(schema.events, Event, OF_EVENTS, zone),
            USERS: Fields(schema.profiles, User, OF_USERS, zone, lists),
        }

    @property
    def owns_profiles(self) -> bool:
        """Whether documents of profiles are Marquee's own, see `Schema.owns_profiles`."""
        return self.schema.owns_profiles

    def collection(self, kind: str) -> str:
        """Name of a collection in the database; that of a collection which is none of the deployment's stays."""
        return self._collections.get(kind, kind)

    def kind(self, collection: str) -> str:
        """Marquee's name of a collection in the database; that of any other collection stays."""
        return self._kinds.get(collection, collection)

    @property
    def collections(self) -> AbstractSet[str]:
        """Names in the database of all collections of the deployment."""
        return self._kinds.keys()

    def path(self, kind: str, name: str) -> str:
        """Path of a field in a collection's documents, as queries take it."""
        found = self._fields.get(kind)
        return found.path(name) if found else name

    def known_as(self, kind: str) -> Mapping[str, str]:
        """Paths of a collection's fields whose names differ, by Marquee's names."""
        found = self._fields.get(kind)
        return found.known_as if found else {}

    def changed(self, kind: str, document: Document) -> dict[tuple[str, ...], Any]:
        """Values by their steps of some of Marquee's fields, None for one that goes."""
        return self._fields[kind].written(document)

    def changes(self, kind: str, before: Document | None, document: Document) -> dict[tuple[str, ...], Any]:
        """Changes of a stored document by which it holds Marquee's fields of `document`, see `Fields.changes`."""
        return self._fields[kind].changes(before, document)

    def read(self, kind: str, data: Document) -> Document:
        """Marquee's fields of a document of a collection."""
        found = self._fields.get(kind)
        return found.read(data) if found else data


def nested(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """Document of values by their steps.

    >>> nested({("place", "city"): "Bern", ("title",): "Jazz"})
    {'place': {'city': 'Bern'}, 'title': 'Jazz'}
    """
    document: dict[str, Any] = {}
    for (*above, last), value in values.items():
        part = document
        for step in above:
            part = part.setdefault(step, {})
        part[last] = value
    return document


def quoted(*steps: str) -> str:
    """Path of a field as Firestore takes it: names with other signs than letters, digits and _ in backticks.

    >>> quoted("when", "start date")
    'when.`start date`'
    """
    return ".".join(step if step.isascii() and step.isidentifier() else f"`{step}`" for step in steps)


def _at(data: Document, steps: Iterable[str]) -> Any:
    value: Any = data
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _id(name: str, value: object) -> object:
    """Id that a reference means, or the first of a list of them in a field of one id; None for other values."""
    if name in _IDS and isinstance(value, list | tuple) and value:
        first = value[0]
        return first.id if _is_reference(first) else first
    return value.id if _is_reference(value) else None


def _is_reference(value: object) -> TypeGuard[Reference]:
    # Looking for the attributes of a protocol takes microseconds, and nearly all values are texts.
    return not isinstance(value, str) and isinstance(value, Reference)


def _point(value: object) -> dict[str, Any] | None:
    """Point as a map with `lat` and `lng`; None for one that is such a map, and for no point."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return {"lat": value.latitude, "lng": value.longitude} if isinstance(value, GeoPoint) else None
    lat, lng = _halves_of(value)
    if (lat, lng) == ("lat", "lng"):
        return None
    return {"lat": value[lat], "lng": value[lng]} if lat in value and lng in value else None


def _halves_of(point: Mapping[str, Any]) -> tuple[str, str]:
    """Names under which a map has its degrees, `lat` and `lng` where it has none."""
    lat = next((name for name in _LATITUDES if name in point), "lat")
    return lat, next((name for name in _LONGITUDES if name in point), "lng")


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, str | list | tuple) and not value)
