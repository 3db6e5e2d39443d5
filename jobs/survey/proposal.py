"""Proposal of `marquee.toml`: names that fit the documents of an app, as far as the file can hold them together."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from shared.errors import SettingsError
from shared.schema import CollectionSchema, Schema, StatusSchema

_OWN = Schema()


def with_fields(schema: Schema, table: str, proposed: Mapping[str, str], status: StatusSchema | None = None) -> Schema:
    """Schema with the names of further fields of a table, `events` or `profiles`.

    A name that would make two fields one is left out.
    """
    changed = schema
    if status:
        changed = _accepted(changed, table, replace(table_of(changed, table), status=status)) or changed
    halves = {name: proposed[name] for name in ("latitude", "longitude") if name in proposed}
    single = [{name: path} for name, path in proposed.items() if name not in halves]
    # Half a place is none.
    for names in (*single, halves if len(halves) > 1 and "location" not in proposed else {}):
        given = table_of(changed, table)
        changed = _accepted(changed, table, replace(given, fields={**given.fields, **names})) or changed
    return changed


def written(schema: Schema) -> str:
    """Text of `marquee.toml` that gives the collections and fields of a schema, where they are not Marquee's own."""
    lines = [*_lines("firestore", [("prefix", schema.prefix, "")])]
    lines += _lines_of("events", schema.events, _OWN.events.collection)
    if schema.has_interests:
        lines += ["[interests]", *_of(schema.profiles, f"{schema.prefix}interests"), ""]
    else:
        lines += _lines_of("users", schema.profiles, _OWN.profiles.collection)
    own = f"{schema.prefix}{_OWN.interactions.collection}"
    lines += _lines("interactions", [("collection", schema.interactions.collection, own)])
    return "\n".join(lines).strip()


def _accepted(schema: Schema, table: str, given: CollectionSchema) -> Schema | None:
    changed = with_table(schema, table, given)
    try:
        return replace(Schema.parse(written(changed)), functions=schema.functions, database=schema.database)
    except SettingsError:
        return None


def table_of(schema: Schema, table: str) -> CollectionSchema:
    """Table `events` or `profiles` of a schema."""
    return schema.events if table == "events" else schema.profiles


def with_table(schema: Schema, table: str, given: CollectionSchema) -> Schema:
    """Schema with another table `events` or `profiles`."""
    return replace(schema, events=given) if table == "events" else replace(schema, profiles=given)


def _lines_of(table: str, schema: CollectionSchema, default: str) -> list[str]:
    values = _of(schema, default)
    return [f"[{table}]", *values, ""] if values else []


def _of(schema: CollectionSchema, default: str) -> list[str]:
    lines = [f"collection = {json.dumps(schema.collection)}"] if schema.collection != default else []
    lines += [f"{ours} = {json.dumps(path, ensure_ascii=False)}" for ours, path in schema.fields.items()]
    return [*lines, f"status = {_status(schema.status)}"] if schema.status else lines


def _status(status: StatusSchema) -> str:
    parts = [f"field = {json.dumps(status.field, ensure_ascii=False)}"] if status.field else []
    for name, terms in status.terms.items():
        values = [value for _, value in terms] if status.field else terms[0][0]
        parts.append(f"{name} = {json.dumps(values, ensure_ascii=False)}")
    return f"{{ {', '.join(parts)} }}"


def _lines(table: str, values: Iterable[tuple[str, str, str]]) -> list[str]:
    lines = [f"{key} = {json.dumps(value)}" for key, value, default in values if value != default]
    return [f"[{table}]", *lines, ""] if lines else []
