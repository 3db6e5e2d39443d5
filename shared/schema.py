"""Schema: names of functions, collections and fields of a deployment, as its file `marquee.toml` gives them.

The columns of the files of a CSV folder have names by the same tables, see `Schema.of_columns`.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self, TypeAlias
from zoneinfo import available_timezones

from shared.entities import event, user
from shared.entities.event import Status
from shared.errors import InvalidField, SettingsError, shown

FILE: Final = "marquee.toml"
DEFAULT_DATABASE: Final = "(default)"
MAX_BYTES: Final = 65_536
"""Size of the file, at most; one that names every field has 4 KB."""
_MAX_VALUES: Final = 50
"""Values of a status and regions, at most: more are a table of another kind in the wrong place."""
_MAX_NAME: Final = 200
_MAX_INTEGER: Final = 2**53
"""Bound of whole numbers, which clients in JavaScript have too."""

_PLACE: Final = ("latitude", "longitude")
"""Halves of a location that is no point or map, but two numbers in degrees."""
_EVENT_FIELDS: Final = frozenset((*event.TREATMENTS, *_PLACE)) - {"event_id"}
_USER_FIELDS: Final = frozenset((*user.TREATMENTS, *_PLACE)) - {"user_id"}

# Compiled on first use: a deployment with the default names needs none of them at its start.
_COLLECTION: Final = r"(?!__.*__$)[A-Za-z0-9_-]{1,100}"
_PREFIX: Final = r"[A-Za-z0-9_-]{0,50}"
_FUNCTION_PREFIX: Final = r"(?:[a-z](?:[a-z0-9-]{0,28}[a-z0-9])?)?"
"""Prefixes that the Firebase CLI takes for the functions of a codebase."""
_REGION: Final = r"[a-z]+(?:-[a-z]+)+[0-9]{1,2}"
_DATABASE: Final = r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]"
_SCHEDULE: Final = r"every [a-z0-9 :,]{1,100}|(?:[0-9*/,A-Za-z-]{1,40} ){4}[0-9*/,A-Za-z-]{1,40}"
_FIELD: Final = r"(?!__[^.]*__(?:\.|$))[^\x00-\x1f\x7f`'\"\\/*~\[\].]+"

Value: TypeAlias = str | int | bool
"""Value of a field that stands for a status."""


class Own(StrEnum):
    """Collections that belong to Marquee alone, before the prefix of the deployment."""

    BOOKMARKS = "bookmarks"
    COUNTED = "counted"
    DEAD_LETTERS = "dead_letters"
    EVENT_CHANGES = "event_changes"
    EVENT_COUNTS = "event_counts"
    EXPERIMENTS = "experiments"
    FORGOTTEN = "forgotten"
    HISTORIES = "histories"
    PROCESSED = "processed"
    RULES = "rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionsSchema:
    """Names, places and times of the deployed functions.

    Attributes
    ----------
    regions : regions of the function `api`; the first is that of all other functions, which must run once.
    prefix : prefix of deployed names, as the `firebase.json` of the project has it for Marquee's codebase; "" for none.
    monitor, retrain : schedules in the syntax of Cloud Scheduler.
    timezone : IANA name of the time zone of the schedules.
    """

    regions: tuple[str, ...] = ("us-central1",)
    prefix: str = ""
    monitor: str = "every 10 minutes"
    retrain: str = "every day 04:00"
    timezone: str = "Etc/UTC"

    def deployed(self, name: str) -> str:
        """Deployed name of a function.

        >>> FunctionsSchema(prefix="marquee").deployed("api")
        'marquee-api'
        """
        return f"{self.prefix}-{name}" if self.prefix else name


@dataclass(frozen=True, slots=True)
class StatusSchema:
    """Status of an event in a host's own terms.

    A status holds if one of its terms does; cancelled goes before sold out, that before hidden, and all before
    published. An event of which none holds is hidden, or published where no term stands for published.

    Attributes
    ----------
    terms : pairs of a field's path and the value that it has, by status.
    field : path of the field whose values stand for the statuses; "" where each status has a field of its own, true or
        false.

    >>> flags = StatusSchema({Status.PUBLISHED: (("isLive", True),)})
    >>> flags.read({"isLive": True}.get).value, flags.read({}.get).value
    ('published', 'hidden')
    >>> flags.written(Status.HIDDEN)
    {'isLive': False}
    """

    terms: Mapping[Status, Sequence[tuple[str, Value]]]
    field: str = ""

    def read(self, value: Callable[[str], object]) -> Status:
        """Status of a document; `value` gives the value at a path, None where there is none."""
        for status in _ORDER:
            if any(_is_same(value(path), expected) for path, expected in self.terms.get(status, ())):
                return status
        return Status.HIDDEN if Status.PUBLISHED in self.terms else Status.PUBLISHED

    def written(self, status: Status) -> dict[str, Value]:
        """Values by path of a document of this status; raises `InvalidField` for a status that has no term."""
        if self.field:
            values = [value for _, value in self.terms.get(status, ())]
            document: dict[str, Value] = {self.field: values[0] if values else status.value}
        else:
            document = {path: False for terms in self.terms.values() for path, _ in terms}
            document |= dict(self.terms.get(status, ()))
        if self.read(document.get) is not status:
            raise InvalidField("status", status.value, f"one of {', '.join(self.terms)}, which {FILE} has terms for")
        return document


_ORDER: Final = (Status.CANCELLED, Status.SOLD_OUT, Status.HIDDEN, Status.PUBLISHED)


@dataclass(frozen=True, slots=True)
class CollectionSchema:
    """Collection and its fields.

    Attributes
    ----------
    collection : name of the collection.
    fields : paths of the fields whose names differ, by Marquee's names; a dot leads into a map.
    status : terms of an event's status; None where a field has Marquee's own words.
    """

    collection: str
    fields: Mapping[str, str] = field(default_factory=dict)
    status: StatusSchema | None = None

    def path(self, name: str) -> str:
        """Path in the collection's documents of a field by Marquee's name.

        >>> CollectionSchema("shows", {"city": "place.city"}).path("city")
        'place.city'
        """
        return self.fields.get(name, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Schema of a deployment.

    Attributes
    ----------
    database : id of the Firestore database.
    prefix : text before the names of Marquee's own collections.
    events : events of the app.
    profiles : declared profiles of users, by user id: the table [users] or [interests].
    has_interests : whether `profiles` is a collection of Marquee's own, so that the app's users are not its concern.
    interactions : what users did; its fields have Marquee's names.
    """

    functions: FunctionsSchema = FunctionsSchema()
    database: str = DEFAULT_DATABASE
    prefix: str = ""
    events: CollectionSchema = CollectionSchema("events")
    profiles: CollectionSchema = CollectionSchema("users")
    has_interests: bool = False
    interactions: CollectionSchema = CollectionSchema("interactions")

    @property
    def owns_profiles(self) -> bool:
        """Whether documents of profiles are Marquee's own: those of an app's users are not its to export or erase.

        A prefix tells that an app stands beside it, whose users may be in a collection of the default name.
        """
        is_alone = not self.prefix and not self.functions.prefix
        return self.has_interests or (is_alone and self.profiles == Schema().profiles)

    def own(self, collection: Own) -> str:
        """Name of a collection of Marquee's own.

        >>> Schema(prefix="marquee_").own(Own.COUNTED)
        'marquee_counted'
        """
        return f"{self.prefix}{collection}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Schema of a deployment from the text of `marquee.toml`; what it leaves out is as in `Schema()`.

        Raises `SettingsError` naming the table and the key that cannot be used.
        """
        tables = _Tables(text)
        firestore = tables.table("firestore")
        prefix = firestore.text("prefix", _PREFIX, "letters, digits, _ and -, at most 50", "")
        has_interests = "interests" in tables
        if has_interests and "users" in tables:
            raise SettingsError(
                f"{FILE}: expected [users] or [interests], got both; leave out [users], which is not read then"
            )
        users = "interests" if has_interests else "users"
        schema = cls(
            functions=_functions(tables.table("functions")),
            database=firestore.text(
                "database", _DATABASE, "(default) or 4 to 63 lower-case letters, digits and -", DEFAULT_DATABASE
            ),
            prefix=prefix,
            events=_collection(tables.table("events"), "events", _EVENT_FIELDS, "status"),
            profiles=_collection(tables.table(users), f"{prefix if has_interests else ''}{users}", _USER_FIELDS),
            has_interests=has_interests,
            interactions=_collection(tables.table("interactions"), f"{prefix}interactions", frozenset()),
        )
        for table in tables.opened:
            table.refuse_others()
        tables.refuse_others()
        _check_collections(schema)
        return schema

    @classmethod
    def of_columns(cls, text: str, columns: Mapping[str, Collection[str]]) -> Self:
        """Schema of the files of a CSV folder: fields are columns, and what is not about columns is left aside.

        Raises `SettingsError` as `parse`.

        Parameters
        ----------
        columns : fields that the files of events, users and interactions may have, by table.
        """
        tables = _Tables(text)
        for name in ("functions", "firestore", "interests"):
            tables.table(name)
        found = {}
        for name, known in columns.items():
            table = tables.table(name)
            table.values.pop("collection", None)
            found[name] = CollectionSchema(name, {ours: table.column(ours) for ours in table.known(known)})
            table.refuse_others(known)
        tables.refuse_others()
        return cls(events=found["events"], profiles=found["users"], interactions=found["interactions"])


class _Table:
    """Table of the file, of which each key is taken out as it is read; the rest is refused."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.values = dict(values)
        self._name = name
        self._known: list[str] = []

    def error(self, key: str, expected: str, got: object) -> SettingsError:
        return SettingsError(f"{FILE}: [{self._name}] {key}: expected {expected}, got {shown(got)}")

    def take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self.values.pop(key, default)

    def text(self, key: str, pattern: str, expected: str, default: str) -> str:
        value = self.take(key, default)
        if value == default:
            return default
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.error(key, expected, value)
        return value

    def known(self, names: Collection[str]) -> list[str]:
        """Keys among `names`, in the order of the file."""
        self._known += sorted(names)
        return [key for key in self.values if key in names]

    def path(self, key: str, value: object) -> str:
        """Path of a field, with a dot between the names of maps."""
        is_path = (
            isinstance(value, str)
            and len(value.splitlines()) == 1
            and len(value) <= _MAX_NAME
            and all(re.fullmatch(_FIELD, name) for name in value.split("."))
        )
        if not isinstance(value, str) or not is_path:
            raise self.error(key, 'the name of a field such as "startsAt", or "place.city" for one in a map', value)
        return value

    def column(self, key: str) -> str:
        """Name of a column, in a folder."""
        value = self.values.pop(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, "the name of a column in quotes", value)
        return value.strip()

    def refuse_others(self, known: Collection[str] = ()) -> None:
        """Raise `SettingsError` for a key that was not taken out."""
        for key in self.values:
            raise SettingsError(
                f"{FILE}: [{self._name}] {key}: expected a known key, got an unknown one; "
                f"{_meant(key, known or self._known)}"
            )


class _Tables:
    """Tables of the file, of which each is opened once; the rest is refused."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_BYTES:
            raise SettingsError(f"{FILE}: expected at most {MAX_BYTES:,} characters, got {len(text):,}")
        try:
            self._tables = tomllib.loads(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:  # also for a number of too many digits
            raise SettingsError(
                f'{FILE}: expected TOML, such as [events] and below it title = "name"; {error}'
            ) from error
        self.opened: list[_Table] = []
        self._known: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._tables

    def table(self, name: str) -> _Table:
        self._known.append(name)
        values = self._tables.pop(name, {})
        if not isinstance(values, dict):
            raise SettingsError(f"{FILE}: {name}: expected a table [{name}], got {shown(values)}")
        self.opened.append(_Table(name, values))
        return self.opened[-1]

    def refuse_others(self) -> None:
        """Raise `SettingsError` for a table that was not opened."""
        for name, values in self._tables.items():
            what = f"[{name}]" if isinstance(values, dict) else name
            known = [*self._known, *(() if "interests" in self._known else ("interests",))]
            raise SettingsError(
                f"{FILE}: {what}: expected one of the tables {', '.join(f'[{table}]' for table in known)}, "
                f"got an unknown one; {_meant(name, known)}"
            )


def _meant(given: str, known: Collection[str]) -> str:
    # No start that goes well needs it.
    from difflib import get_close_matches

    plain = {re.sub(r"[^a-z0-9]", "", name): name for name in known}
    close = get_close_matches(re.sub(r"[^a-z0-9]", "", given.lower()), plain, 1, 0.6)
    return f"did you mean {plain[close[0]]}?" if close else f"known are {', '.join(known)}"


def _functions(table: _Table) -> FunctionsSchema:
    default = FunctionsSchema()
    given = table.take("region", default.regions[0])
    regions = [given] if isinstance(given, str) else given
    if not isinstance(regions, list) or not 0 < len(regions) <= _MAX_VALUES or not all(map(_is_region, regions)):
        raise table.error("region", 'a region such as "us-central1", or a list of them', given)
    schedule = 'a schedule such as "every 10 minutes", or five fields as in "0 4 * * *"'
    timezone = table.take("timezone", default.timezone)
    # Their list is read from the disk, folder by folder.
    if timezone != default.timezone and not (isinstance(timezone, str) and timezone in available_timezones()):
        raise table.error("timezone", "the IANA name of a time zone such as Europe/Paris", timezone)
    return FunctionsSchema(
        regions=tuple(dict.fromkeys(regions)),
        prefix=table.text("prefix", _FUNCTION_PREFIX, "at most 30 lower-case letters, digits and -", default.prefix),
        monitor=table.text("monitor", _SCHEDULE, schedule, default.monitor),
        retrain=table.text("retrain", _SCHEDULE, schedule, default.retrain),
        timezone=timezone,
    )


def _is_region(value: object) -> bool:
    return value in FunctionsSchema().regions or (isinstance(value, str) and bool(re.fullmatch(_REGION, value)))


def _collection(table: _Table, default: str, names: Collection[str], status_key: str = "") -> CollectionSchema:
    collection = table.text("collection", _COLLECTION, "the name of a collection, of letters, digits, _ and -", default)
    terms = table.values.get(status_key)
    status = _status(table, status_key, table.take(status_key, None)) if isinstance(terms, dict) else None
    fields = {ours: table.path(ours, table.values.pop(ours)) for ours in table.known(names)}
    _check_fields(table, fields, names, status)
    return CollectionSchema(collection, {ours: theirs for ours, theirs in fields.items() if ours != theirs}, status)


def _status(table: _Table, key: str, given: dict[str, Any]) -> StatusSchema:
    own_field = table.path(f"{key}.field", given["field"]) if "field" in given else ""
    terms: dict[Status, tuple[tuple[str, Value], ...]] = {}
    for name, value in given.items():
        if name == "field":
            continue
        if name not in list(Status):
            raise table.error(key, f"the statuses {', '.join(Status)}", name)
        if own_field:
            values = value if isinstance(value, list) else [value]
            if not 0 < len(values) <= _MAX_VALUES or not all(map(_is_value, values)):
                raise table.error(f"{key}.{name}", "a value of the field, or a list of values", value)
            terms[Status(name)] = tuple((own_field, item) for item in values)
        else:
            terms[Status(name)] = ((table.path(f"{key}.{name}", value), True),)
    flat = [term for several in terms.values() for term in several]
    if not flat or any(_is_same(a[1], b[1]) and a[0] == b[0] for i, a in enumerate(flat) for b in flat[:i]):
        raise table.error(key, "statuses with different terms, at least one", given)
    return StatusSchema(terms, own_field)


def _is_value(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_NAME and value.isprintable()
    return isinstance(value, int) and abs(value) < _MAX_INTEGER


def _check_fields(table: _Table, named: Mapping[str, str], names: Collection[str], status: StatusSchema | None) -> None:
    """Raise `SettingsError` where two fields would be one, or one a part of the other."""
    halves = [name for name in _PLACE if name in named]
    if halves and (len(halves) < len(_PLACE) or "location" in named):
        raise table.error(halves[0], "both latitude and longitude, and no location", named[halves[0]])
    absent = {"location"} if halves else set(_PLACE)
    paths = {ours: named.get(ours, ours) for ours in sorted(names) if ours not in absent}
    if status:
        paths.pop("status", None)
        terms = [path for several in status.terms.values() for path, _ in several]
        paths |= {f"status ({path})": path for path in terms}
    owner: dict[str, str] = {}
    for ours, theirs in paths.items():
        if theirs in owner:
            raise table.error(*_named_first(named, ours, owner[theirs]), theirs)
        owner[theirs] = ours
    for theirs, ours in owner.items():
        for above in (theirs[:index] for index, sign in enumerate(theirs) if sign == "."):
            if above in owner:
                raise table.error(*_named_first(named, ours, owner[above]), theirs)


def _named_first(named: Mapping[str, str], one: str, other: str) -> tuple[str, str]:
    ours, taken = (one, other) if one in named or other not in named else (other, one)
    return ours, f"a field of its own, apart from that of {taken}; name that of {taken}, too"


def _check_collections(schema: Schema) -> None:
    owner = {schema.own(own): f"Marquee's own {own}" for own in Own}
    users = "interests" if schema.has_interests else "users"
    for table, given in (("events", schema.events), (users, schema.profiles), ("interactions", schema.interactions)):
        if given.collection in owner:
            raise SettingsError(
                f"{FILE}: [{table}] collection: expected a collection of its own, got {given.collection!r}, which is "
                f"that of {owner[given.collection]}; change it, or the prefix of [firestore]"
            )
        owner[given.collection] = f"[{table}]"


def _is_same(value: object, expected: Value) -> bool:
    """Equality of values as Firestore has it: true is no number."""
    return isinstance(value, bool) is isinstance(expected, bool) and value == expected
