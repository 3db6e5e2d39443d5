"""Firestore index definitions, compared to the queries, since the emulator needs no indexes."""

import json
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from shared.adapters import firestore
from shared.adapters.firestore import (
    bookmarks,
    counters,
    deadletters,
    events,
    forgotten,
    friends,
    interactions,
    pages,
    registers,
    users,
)
from shared.adapters.firestore.pages import Listing

ROOT = Path(__file__).parents[2]
BY_ID = "__name__"
MODULES = [import_module(f"{firestore.__name__}.{module.name}") for module in iter_modules(firestore.__path__)]
LISTINGS = [value for module in MODULES for value in vars(module).values() if isinstance(value, Listing)]
COLLECTIONS = {
    bookmarks.COLLECTION,
    deadletters.COLLECTION,
    events.CHANGES,
    forgotten.FORGOTTEN,
    counters.COLLECTION,
    registers.COLLECTION,
    events.COLLECTION,
    friends.HISTORIES,
    interactions.COLLECTION,
    users.COLLECTION,
}


@pytest.fixture(scope="module")
def definitions() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((ROOT / "firestore.indexes.json").read_text())
    return parsed


def test_every_list_query_is_a_listing() -> None:
    listed = {"events", "event_changes", "users", "interactions", "event_counts", "dead_letters", "forgotten"}
    listed |= {"experiments", "histories", "processed"}
    assert {listing.collection for listing in LISTINGS} == listed
    for module in MODULES:
        text = Path(str(module.__file__)).read_text()
        queries = [call for call in (".where(", ".order_by(", ".stream(", ".start_after(") if call in text]
        assert bool(queries) == (module is pages), module.__name__


def test_there_are_exactly_the_composite_indexes_that_queries_need(definitions: dict[str, Any]) -> None:
    needed = {
        (listing.collection, fields)
        for listing in LISTINGS
        # Firestore itself keeps an index of every single field, followed by the document id.
        if len(fields := tuple(field for field in listing.orders() if field != BY_ID)) > 1
    }
    defined = {
        (index["collectionGroup"], tuple(field["fieldPath"] for field in index["fields"]))
        for index in definitions["indexes"]
    }
    assert defined == needed


def test_no_field_that_a_query_uses_is_exempt_from_indexing(definitions: dict[str, Any]) -> None:
    exempt = {
        (override["collectionGroup"], override["fieldPath"])
        for override in definitions["fieldOverrides"]
        if not override["indexes"]
    }
    used = {(listing.collection, listing.field) for listing in LISTINGS if listing.field}
    assert len(used) == 14
    assert not exempt & used
    # Marks of earlier versions expire.
    assert {collection for collection, _ in exempt} <= COLLECTIONS | {"processed"}


def test_unbounded_fields_are_exempt_from_indexing_or_expire(definitions: dict[str, Any]) -> None:
    overrides = {
        (override["collectionGroup"], override["fieldPath"]): override for override in definitions["fieldOverrides"]
    }
    assert overrides["histories", "entries"]["indexes"] == []
    assert overrides["histories", "friends"]["indexes"] == []
    assert overrides["events", "description"]["indexes"] == []
    assert overrides["counted", "expires_at"]["ttl"] is True
    assert overrides["interactions", "expires_at"]["ttl"] is True
    assert overrides["histories", "expires_at"]["ttl"] is True
    assert overrides["dead_letters", "expires_at"]["ttl"] is True
