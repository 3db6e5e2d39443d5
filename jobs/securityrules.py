"""Security rules of Firestore with the names of a deployment, as a file of their own or as a part of an app's rules."""

import json
import re
from collections.abc import Mapping, Sequence
from textwrap import dedent
from typing import Final

from jobs.templates import filled
from shared.entities import user
from shared.entities.event import Status
from shared.schema import CollectionSchema, Own, Schema, StatusSchema, Value

FILE: Final = "firestore.rules"
BEGIN: Final = "// marquee:begin"
END: Final = "// marquee:end"
"""Lines around the fragment."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of fields that need no quotes."""
_STORED: Final = "resource.data"
_WRITTEN: Final = "request.resource.data"
_ON_A_LINE: Final = 6
"""Names of a list on a line of the rules."""


def rules(schema: Schema) -> str:
    """Rules of a database that no other rules protect: the fragment, and rules of events and users."""
    events = filled(
        "events.rules",
        events=schema.events.collection,
        of_document=_shown(schema.events),
        of_query=_published(schema.events),
    )
    profiles = filled("profiles.rules", profiles=schema.profiles.collection)
    paths = {name: schema.profiles.path(name) for name in _profile_fields(schema.profiles)}
    return filled(
        FILE,
        **{own.value: schema.own(own) for own in Own},
        **{name: _key(path) for name, path in paths.items()},
        app=events if schema.has_interests else f"{events}{profiles}",
        interests=profiles if schema.has_interests else "",
        interactions=schema.interactions.collection,
        place=" && ".join(_place(paths)),
        changes="\n          && ".join(_changes(list(paths.values()))),
    )


def fragment(schema: Schema) -> str:
    """Part of `rules` that an app's rules can contain, from one marker line to the other and without indentation."""
    lines = rules(schema).splitlines(keepends=True)
    # Whole lines: a value of the app's may hold the same text.
    first, last = ([line.strip() for line in lines].index(marker) for marker in (BEGIN, END))
    return dedent("".join(lines[first : last + 1]))


def index_path(path: str) -> str:
    """Path of a field as index definitions have it.

    >>> index_path("place.street name")
    'place.`street name`'
    """
    return ".".join(name if _PLAIN.fullmatch(name) else f"`{name}`" for name in path.split("."))


def _profile_fields(profiles: CollectionSchema) -> list[str]:
    """Fields of a profile: a location is one, or its two halves."""
    names = [name for name in user.TREATMENTS if name != "user_id"]
    halves = ["latitude", "longitude"]
    return [name for name in names if name != "location"] + halves if halves[0] in profiles.fields else names


def _place(paths: Mapping[str, str]) -> list[str]:
    if "location" in paths:
        return [f"marqueeDeclaresPlace({_key(paths['location'])})"]
    bounds = {"latitude": 90, "longitude": 180}
    return [f"marqueeDeclaresNumber({_key(paths[name])}, -{high}, {high})" for name, high in bounds.items()]


def _shown(events: CollectionSchema) -> str:
    """Condition that the event of a document is not hidden."""
    if events.status is None:
        shown = ", ".join(_literal(status.value) for status in Status if status is not Status.HIDDEN)
        # The functions take an empty status as published, and one that they do not know as hidden.
        return f"{_found(events.path('status'))} in [{shown}, '', null]"
    shown_by: dict[str, list[Value]] = {}
    hidden_by: dict[str, list[Value]] = {}
    for name, terms in events.status.terms.items():
        for path, value in terms:
            (hidden_by if name is Status.HIDDEN else shown_by).setdefault(path, []).append(value)
    conditions = [f"!({_is_any(_found(path), values)})" for path, values in hidden_by.items()]
    if Status.PUBLISHED in events.status.terms:
        shown = " || ".join(_is_any(_found(path), values) for path, values in shown_by.items())
        conditions.insert(0, f"({shown})" if len(shown_by) > 1 else shown)
    return _all(conditions) if conditions else "true"


def _published(events: CollectionSchema) -> str:
    """Condition that a query asks for published events."""
    if events.status is None:
        return f"{_access(events.path('status'))} == {_literal(Status.PUBLISHED.value)}"
    wanted, refused = _values(events.status)
    of_query = [_is_any(_access(path), values) for path, values in wanted.items()]
    of_query += [
        # A query can ask for what a field is, hardly for what it is not.
        f"!({_is_any(_access(path), values)})" if events.status.field else f"{_access(path)} == false"
        for path, values in refused.items()
    ]
    return _all(of_query)


def _values(status: StatusSchema) -> tuple[dict[str, list[Value]], dict[str, list[Value]]]:
    """Values by path that published events have, and those that they have not."""
    wanted: dict[str, list[Value]] = {}
    refused: dict[str, list[Value]] = {}
    for name, terms in status.terms.items():
        for path, value in terms:
            (wanted if name is Status.PUBLISHED else refused).setdefault(path, []).append(value)
    # A field with a value of published has none of another status.
    return wanted, {path: values for path, values in refused.items() if path not in wanted}


def _changes(paths: Sequence[str]) -> list[str]:
    """Conditions that a document differs from `before` in the fields at some paths alone, for each map one."""
    inside: dict[str, dict[str, None]] = {}
    for path in paths:
        names = path.split(".")
        for depth, name in enumerate(names):
            inside.setdefault(".".join(names[:depth]), {})[name] = None
    return [
        f"{_map(_WRITTEN, above)}.diff({_map('before', above)}).affectedKeys().hasOnly({_texts(list(names))})"
        for above, names in inside.items()
    ]


def _map(data: str, path: str) -> str:
    return f"{data}.get({_key(path)}, {{}})" if path else data


def _all(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' && '.join(conditions)})"


def _is_any(found: str, values: Sequence[Value]) -> str:
    if len(values) == 1:
        return f"{found} == {_literal(values[0])}"
    return f"{found} in [{', '.join(map(_literal, values))}]"


def _found(path: str) -> str:
    """Value of a document at a path, null where there is none."""
    return f"{_STORED}.get({_key(path)}, null)"


def _access(path: str) -> str:
    """Value at a path as rules compare it to a query."""
    names = (f".{name}" if _PLAIN.fullmatch(name) else f"[{_literal(name)}]" for name in path.split("."))
    return f"{_STORED}{''.join(names)}"


def _key(path: str) -> str:
    """Argument of `get`: a name, or a list of names that leads into maps."""
    names = path.split(".")
    return _literal(path) if len(names) == 1 else _texts(names)


def _texts(names: Sequence[str]) -> str:
    lines = [", ".join(map(_literal, names[start : start + _ON_A_LINE])) for start in range(0, len(names), _ON_A_LINE)]
    inner = ",\n            ".join(lines)
    return f"[{inner}]" if len(lines) == 1 else f"[\n            {inner}\n          ]"


def _literal(value: Value) -> str:
    """Value in the language of rules.

    >>> _literal("live"), _literal(True), _literal(5)
    ("'live'", 'true', '5')
    """
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"
    return json.dumps(value)
