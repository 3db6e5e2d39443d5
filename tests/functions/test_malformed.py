"""Property tests of malformed input: no request or delivery fails, and valid entries beside it are stored."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from functions import wiring
from functions.event import event
from functions.interaction import interaction
from shared.entities import InteractionType
from shared.ports import Documents
from tests import deployment
from tests.deployment import Clock, created, delivered
from tests.examples import NOW, an_interaction
from tests.stores import documents

GOOD = an_interaction("good", "e", InteractionType.SAVE, recorded_at=NOW)
FIELDS = [*type(GOOD).__dataclass_fields__, "counted", "note"]
texts = [
    "booking",
    "search",
    "rating",
    "impression",
    "follow",
    "u",
    "a/b",
    "",
    ".",
    "__x__",
    "é" * 200,
    "\x00",
    "\ud800",
]
times = ["2026-05-01T12:00:00Z", "2026-05-01", "9999-01-01T00:00:00Z"]
plausible = st.sampled_from([*texts, *times, 5, 4.5, -1, 10**400, float("nan"), float("inf"), True, None])
values = st.recursive(
    plausible | st.text(max_size=20) | st.integers() | st.floats() | st.booleans(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
entries = values | st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)
good_fields = st.just({"type": "save", "event_id": "e"})
nearly_good = st.builds(
    lambda base, change: base | change, good_fields, st.dictionaries(st.sampled_from(FIELDS), values)
)


@contextmanager
def instance() -> Iterator[tuple[Documents, FlaskClient]]:
    """Fresh services for a generated example."""
    store = documents()
    with TemporaryDirectory() as folder, wiring.use(deployment.wire(store, Path(folder), Clock())):
        yield store, deployment.client()
    store.close()


@given(before=st.lists(entries | nearly_good, max_size=4), after=st.lists(entries | nearly_good, max_size=4))
@settings(max_examples=200)
def test_valid_entries_of_a_batch_are_stored_among_malformed_ones(before: list[Any], after: list[Any]) -> None:
    body = {"user_id": "good", "interactions": [*before, {"type": "save", "event_id": "e"}, *after]}
    with instance() as (store, client):
        answer = client.post("/api/v1/interactions", data=json.dumps(body))
        assert answer.status_code == 200, answer.text
        received = answer.get_json()
        assert len(received["accepted"]) + len(received["rejected"]) == len(body["interactions"])
        assert GOOD.interaction_id in received["accepted"]
        assert all(entry["field"] and entry["reason"] for entry in received["rejected"])
        stored = {entity.interaction_id for entity in store.interactions.since(None)}
        assert stored == set(received["accepted"])


@given(body=st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=200)
def test_a_malformed_body_is_a_client_error(body: bytes) -> None:
    with instance() as (store, client):
        answer = client.post("/api/v1/interactions", data=body)
        assert 400 <= answer.status_code < 500
        assert answer.get_json()["field"]
        assert list(store.interactions.since(None)) == []


def encodable(value: Any) -> bool:
    """Storability in Firestore: integers of 64 bits, valid Unicode and no nested lists."""
    if isinstance(value, dict):
        return all(encodable(key) and encodable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(not isinstance(item, list) and encodable(item) for item in value)
    if isinstance(value, str):
        return not any(0xD800 <= ord(letter) < 0xE000 for letter in value)
    return isinstance(value, bool) or not isinstance(value, int) or -(2**63) <= value < 2**63


@given(
    key=st.sampled_from(["good_e_save_2", "x", "é" * 200, "__x__"]),
    fields=st.dictionaries(st.sampled_from(FIELDS), values.filter(encodable), max_size=8),
)
@settings(max_examples=200)
def test_a_document_counts_or_becomes_a_dead_letter(key: str, fields: dict[str, Any]) -> None:
    document = {"user_id": "u", "event_id": "e", "type": "save", "occurred_at": NOW, "recorded_at": NOW} | fields
    with instance() as (store, _):
        interaction(created(key, document))
        interaction(created(GOOD.interaction_id, GOOD.to_document()))
        interaction(created(key, document))
        letters = list(store.dead_letters.since(NOW))
        counted = sum(n for _, counts, _ in store.counters.changed_since(None) for n in counts.by_type.values())
        assert len(store.users.profile("good", timeout_s=1).history) >= 1
        assert len(letters) <= 1
        assert counted in ({1} if letters or document.get("counted") is True else {0, 1, 2})
        if letters:
            assert letters[0].reason


@given(data=st.binary(max_size=80))
@settings(max_examples=200)
def test_bytes_that_are_no_delivery_are_acknowledged(data: bytes) -> None:
    with instance() as (store, _):
        interaction(delivered(data))
        event(delivered(data))
        interaction(created(GOOD.interaction_id, GOOD.to_document()))
        assert [counts.by_type for _, counts, _ in store.counters.changed_since(None)] == [{InteractionType.SAVE: 1}]
