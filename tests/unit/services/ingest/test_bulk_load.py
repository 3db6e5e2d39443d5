"""Bulk load of rows about what is stored or erased already; `tests/jobs/test_load.py` loads files."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.entities import InteractionType
from shared.ports import Documents
from shared.services.ingest.bulk_load import load_interactions
from shared.services.ingest.erasure import forget
from tests.examples import NOW, an_interaction
from tests.stores import documents

T = InteractionType
MINUTE = timedelta(minutes=1)
ROWS = [an_interaction("u", "e", kind) for kind in (T.BOOKING, T.VIEW, T.IMPRESSION)]


@pytest.fixture
def store() -> Documents:
    return documents()


def _is_gone(store: Documents) -> bool:
    counts = [counts for _, counts, _ in store.counters.changed_since(None) if T.BOOKING in counts.by_type]
    return not counts and not list(store.personal.of("u"))


def test_a_row_of_a_stored_view_leaves_document_and_history_as_they_are(store: Documents) -> None:
    first = an_interaction("u", "e", T.VIEW, occurred_at=NOW)
    load_interactions(store, [first], now=NOW)
    load_interactions(store, [replace(first, occurred_at=NOW + MINUTE)], now=NOW + MINUTE)
    [entry] = store.users.profile("u", timeout_s=1).history
    [stored] = store.interactions.since(None)
    assert entry.occurred_at == stored.occurred_at == NOW


def test_rows_of_a_user_whose_data_is_erased_are_left_out(store: Documents) -> None:
    forget(store.personal, user_id="u", now=NOW)
    assert load_interactions(store, ROWS, now=NOW).loaded == 0
    assert _is_gone(store)
    assert load_interactions(store, ROWS, now=NOW + 2 * MINUTE).loaded == len(ROWS)


@pytest.mark.parametrize("port", ["personal.forgotten", "users.remember", "counters.load"])
def test_of_a_user_who_is_erased_during_a_load_nothing_stays(store: Documents, port: str) -> None:
    port_name, method = port.split(".")
    inner = getattr(store, port_name)
    members: dict[str, Any] = {
        name: staticmethod(getattr(inner, name)) for name in dir(inner) if not name.startswith("_")
    }
    erasures = [MINUTE]

    def erased_after(*given: Any, **options: Any) -> Any:
        result = getattr(inner, method)(*given, **options)
        while erasures:
            forget(store.personal, user_id="u", now=NOW + erasures.pop())
        return result

    slow: Any = type("Port", (), members | {method: staticmethod(erased_after)})()
    load_interactions(replace(store, **{port_name: slow}), ROWS, now=NOW)
    assert not erasures
    assert _is_gone(store)
