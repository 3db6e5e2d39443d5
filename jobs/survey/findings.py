"""Findings of a survey: how a collection is read, what is missing and what recommendations miss for it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from jobs.survey.facts import Facts, Kind, facts_of
from jobs.survey.matching import KINDS, matched, plain, status_of
from jobs.survey.proposal import table_of, with_fields, with_table
from shared.adapters.translation import EVENTS, USERS, Translation
from shared.entities import Event, Interaction, Status, User
from shared.entities.event import TREATMENTS as OF_EVENTS
from shared.entities.fields import Document
from shared.entities.user import TREATMENTS as OF_USERS
from shared.errors import InvalidField
from shared.schema import Own, Schema

Sample = Sequence[tuple[str, Document]]
"""Ids and documents of a collection."""

PLACE: Final = ("latitude", "longitude")
FIELDS: Final[Mapping[str, Sequence[str]]] = {
    "events": (*(name for name in OF_EVENTS if name != "event_id"), *PLACE),
    "profiles": (*(name for name in OF_USERS if name != "user_id"), *PLACE),
}
"""Fields that a table of `marquee.toml` may name."""

MISSED: Final[Mapping[str, Mapping[str, str]]] = {
    "events": {
        "starts_at": "an event without any date is in no list",
        "ends_at": "an event is taken to last MARQUEE_ASSUMED_HOURS, three hours by default",
        "title": "lists have nothing to show, and words tell nothing about new events",
        "description": "words tell less about new events",
        "category": "tastes are not found by category, and lists cannot be filtered by it",
        "tags": "tastes are not found by tag, and new events are known by less",
        "organizer_id": "nobody can follow an organizer, and loyalty to one is not seen",
        "venue_id": "loyalty to a venue is not seen",
        "city": "lists cannot be filtered by city",
        "location": "nothing is near: distance counts nowhere",
        "price": "what is too dear for a user is not told from what is free",
        "booked": "a full event stays in lists until its status says so",
        "status": "every event counts as published; a cancelled one stays in lists",
    },
    "profiles": {
        "preferred_categories": "users without history get what is popular",
        "preferred_tags": "users without history get what is popular",
        "city": "what is in a user's own city does not come first",
        "location": "what is near a user does not come first",
        "updated_at": "trainings read changed profiles again only with --reread",
    },
}
"""Losses of recommendations without a field, by table."""

_READ_AS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("starts_at", "ends_at", "created_at", "updated_at"), "time"),
    **dict.fromkeys(("organizer_id", "venue_id"), "id"),
    **dict.fromkeys(("category", "subcategory", "city"), "name"),
    **dict.fromkeys(("tags", "preferred_categories", "preferred_tags"), "names"),
    **dict.fromkeys(("price", "max_price", "capacity", "booked", "birth_year", *PLACE), "number"),
    "friends": "ids",
    "location": "point",
    "status": "status",
    "profiling": "wish",
}
_SHAPES: Final[Mapping[Own, Collection[str]]] = {
    Own.BOOKMARKS: ("at", "run"),
    Own.COUNTED: ("version",),
    Own.DEAD_LETTERS: ("reason",),
    Own.EVENT_CHANGES: ("changed_at",),
    Own.EVENT_COUNTS: ("event_id",),
    Own.EXPERIMENTS: ("variants",),
    Own.FORGOTTEN: ("at",),
    Own.HISTORIES: ("entries", "friends", "told", "looked_at"),
    Own.PROCESSED: ("expires_at",),
}
"""Fields of which each document of Marquee's own collections has one."""


@dataclass(frozen=True, slots=True)
class Row:
    """Field of a collection.

    Attributes
    ----------
    name : Marquee's name.
    facts : what the documents hold in it.
    is_proposed : whether the settings do not name it yet.
    """

    name: str
    facts: Facts
    is_proposed: bool

    def read_as(self) -> str:
        """Kind of value as which the field is read."""
        return _READ_AS.get(self.name, "text")


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings about a collection.

    Attributes
    ----------
    table : `events` or `profiles`.
    collection : name of the collection.
    count : documents that were read.
    rows : fields that are found, or may be.
    others : further fields.
    missing : Marquee's fields that no document has.
    schema : schema with the proposed names.
    """

    table: str
    collection: str
    count: int
    rows: Sequence[Row]
    others: Sequence[Facts]
    missing: Sequence[str]
    schema: Schema


def find(schema: Schema, table: str, collection: str, sample: Sample) -> Findings:
    """Findings about a collection that holds events or profiles, under a schema."""
    schema = with_table(schema, table, replace(table_of(schema, table), collection=collection))
    facts = facts_of(data for _, data in sample)
    given = _names(schema, table)
    found = {name: facts[path] for name, path in given.items() if _fits(facts.get(path), name)}
    terms = _status_facts(schema, table, facts)
    open_names = [name for name in FIELDS[table] if name not in found and not (name == "status" and terms)]
    if table == "events" and not terms and not _is_known(found.get("status")):
        found.pop("status", None)
    status = status_of(facts.values()) if table == "events" and not terms and "status" not in found else None
    taken = [fact.path for fact in (*found.values(), *terms)]
    taken += [path for pairs in (status.terms.values() if status else ()) for path, _ in pairs]
    offered = matched(facts.values(), [name for name in open_names if name != "status"], taken)
    if "location" in {*found, *offered}:
        offered = {name: path for name, path in offered.items() if name not in PLACE}
    proposal = with_fields(schema, table, offered, status)
    rows = [Row(name, fact, is_proposed=False) for name, fact in found.items()]
    rows += [Row("status", fact, is_proposed=False) for fact in terms]
    for name, path in _names(proposal, table).items():
        if name not in found and _fits(facts.get(path), name):
            rows.append(Row(name, facts[path], is_proposed=True))
    rows += [
        Row("status", fact, is_proposed=True) for fact in _status_facts(proposal, table, facts) if fact not in terms
    ]
    order = {name: number for number, name in enumerate(FIELDS[table])}
    rows.sort(key=lambda row: order[row.name])
    used = {row.facts.path for row in rows}
    names = {"location" if row.name in PLACE else row.name for row in rows}
    missing = [name for name in MISSED[table] if name not in names]
    others = [fact for path, fact in facts.items() if path not in used]
    return Findings(table, collection, len(sample), rows, others, missing, proposal)


@dataclass(frozen=True, slots=True)
class Shown:
    """Sampled events by what becomes of them.

    Attributes
    ----------
    live : events that lists can show now.
    over, undated, unpublished : events that none shows, by the reason.
    unreadable : events that cannot be read, by the reason.
    """

    live: int
    over: int
    undated: int
    unpublished: int
    unreadable: Mapping[str, int]

    def is_usable(self) -> bool:
        """Whether lists can be made: of the published events some are read and dated, and no fewer than are not."""
        return self.live + self.over >= max(self.undated + sum(self.unreadable.values()), 1)


def shown(schema: Schema, sample: Sample, *, timezone: str, now: datetime) -> Shown:
    """Sampled events by what becomes of them under a schema."""
    translation = Translation(schema, timezone)
    count, unreadable = Counter[str](), Counter[str]()
    for event_id, data in sample:
        try:
            event = Event.read(event_id, translation.read(EVENTS, data))
        except InvalidField as error:
            unreadable[error.for_log()] += 1
            continue
        over_by = event.over_by()
        if event.status is not Status.PUBLISHED:
            count["unpublished"] += 1
        elif over_by is None:
            count["undated"] += 1
        else:
            count["live" if over_by > now else "over"] += 1
    return Shown(count["live"], count["over"], count["undated"], count["unpublished"], unreadable)


def unread(schema: Schema, table: str, sample: Sample) -> dict[str, Facts]:
    """Facts, by Marquee's name of a field, about the values that a schema names but that are dropped unread."""
    translation = Translation(schema)
    documents: dict[str, list[Document]] = {}
    for document_id, data in sample:
        try:
            read: Event | User
            if table == "events":
                read = Event.read(document_id, translation.read(EVENTS, data))
            else:
                read = User.read(document_id, translation.read(USERS, data))
        except InvalidField:
            continue
        for name in read.dropped:
            documents.setdefault(name, []).append(data)
    names = _names(schema, table)
    if "location" in documents and "location" not in names:
        documents |= dict.fromkeys(PLACE, documents.pop("location"))
    found = {name: facts_of(dropped) for name, dropped in documents.items()}
    return {name: facts[names[name]] for name, facts in found.items() if names[name] in facts}


def readable_profiles(schema: Schema, sample: Sample) -> int:
    """Profiles that say something about their users."""
    translation = Translation(schema)
    count = 0
    for user_id, data in sample:
        try:
            user = User.read(user_id, translation.read(USERS, data))
        except InvalidField:
            continue
        count += replace(user, created_at=None, mended=(), dropped=()) != User(user_id=user_id)
    return count


def readable_interactions(sample: Sample) -> int:
    """Documents that are interactions as Marquee writes them."""
    count = 0
    for interaction_id, data in sample:
        try:
            Interaction.from_document(interaction_id, data)
        except InvalidField:
            continue
        count += 1
    return count


def is_own(own: Own, sample: Sample) -> bool:
    """Whether the documents of a collection may be those that Marquee keeps under its name."""
    if own is Own.RULES:
        return all(document_id == "current" for document_id, _ in sample)
    return all(any(name in data for name in _SHAPES[own]) for _, data in sample)


def candidates(names: Iterable[str], like: Collection[str]) -> list[str]:
    """Collections whose name is among the plain names `like`, in the order of these."""
    order = {word: number for number, word in enumerate(like)}
    known = [name for name in names if plain(name) in order]
    return sorted(known, key=lambda name: order[plain(name)])


def _names(schema: Schema, table: str) -> dict[str, str]:
    given = table_of(schema, table)
    has_halves = all(name in given.fields for name in PLACE)
    absent = ("location",) if has_halves else PLACE
    return {name: given.path(name) for name in FIELDS[table] if name not in absent}


def _status_facts(schema: Schema, table: str, facts: Mapping[str, Facts]) -> list[Facts]:
    status = schema.events.status if table == "events" else None
    paths = dict.fromkeys(path for terms in (status.terms.values() if status else ()) for path, _ in terms)
    return [facts[path] for path in paths if path in facts]


def _fits(facts: Facts | None, name: str) -> bool:
    return facts is not None and any(kind in KINDS[name] for kind in facts.kinds)


def _is_known(facts: Facts | None) -> bool:
    """Whether a field has Marquee's own words for statuses."""
    return facts is not None and facts.kind is Kind.TEXT and facts.values.keys() <= set(Status)
