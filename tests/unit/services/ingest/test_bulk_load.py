"""Bulk load of rows about what is stored or erased already; `tests/jobs/test_load.py` loads files."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shared.entities import Interaction, InteractionType
from shared.feedback.popularity import counts_of
from shared.ports import Appended, Documents
from shared.services.ingest.bulk_load import load_interactions
from shared.services.ingest.erasure import forget
from shared.services.ingest.reconcile import reconcile
from shared.services.ingest.upgrade import former_id
from tests.examples import DAY, NOW, an_interaction
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


_TIED = [
    [an_interaction("u", "e", T.BOOKING), an_interaction("u", "e", T.CANCEL)],
    [an_interaction("u", "e", T.SAVE), an_interaction("u", "e", T.UNSAVE)],
    [an_interaction("u", "", T.FOLLOW, organizer_id="o"), an_interaction("u", "", T.UNFOLLOW, organizer_id="o")],
    [an_interaction("u", "e", T.DISMISS), an_interaction("u", "e", T.UNDISMISS)],
    [an_interaction("u", "e", T.RATING, value=stars) for stars in (1.0, 2.0, 5.0)],
]


@pytest.mark.parametrize("rows", _TIED, ids=[rows[0].type.value for rows in _TIED])
def test_of_rows_at_one_time_what_reverts_holds_and_else_the_higher_value(rows: list[Interaction]) -> None:
    for ordered in permutations(rows):
        for first in range(len(rows)):
            store = documents()
            for chunk in (ordered[:first], ordered[first:]):
                load_interactions(store, chunk, now=NOW)
            [stored] = store.interactions.since(None)
            [entry] = store.users.profile("u", timeout_s=1).history
            assert (stored.type, stored.value) == (entry.type, entry.value) == (rows[-1].type, rows[-1].value)
            store.close()


def test_an_earlier_row_takes_the_place_of_a_loaded_view_and_of_no_other(store: Documents) -> None:
    view = an_interaction("u", "e", T.VIEW, occurred_at=NOW)
    load_interactions(store, [view], now=NOW)
    early = replace(view, occurred_at=NOW - MINUTE)
    assert load_interactions(store, [early], now=NOW + DAY).loaded == 1
    [stored] = store.interactions.since(None)
    # Copies of the document, as in the ledger, have one row of it.
    assert (stored.occurred_at, stored.recorded_at) == (early.occurred_at, NOW)
    [(_, counts, _)] = store.counters.changed_since(None)
    assert {key: n for key, n in counts.decayed.items() if n} == counts_of(early).decayed
    of_client = an_interaction("u", "f", T.VIEW, occurred_at=NOW)
    store.interactions.append([of_client], now=NOW)
    assert load_interactions(store, [replace(of_client, occurred_at=NOW - MINUTE)], now=NOW).loaded == 0


rows = st.builds(
    lambda user, event, kind, minutes, list_id, is_former: _row(user, event, kind, minutes, list_id, is_former),
    st.sampled_from(["u", "u_1"]),
    st.sampled_from(["e", "1_e"]),
    st.sampled_from([T.VIEW, T.SHARE, T.IMPRESSION, T.BOOKING, T.CANCEL, T.RATING]),
    st.sampled_from([0, 0, 1, 700, 1500]),
    st.sampled_from(["", "l1", "l2"]),
    st.booleans(),
)


def _row(user: str, event: str, kind: T, minutes: int, list_id: str, is_former: bool) -> Interaction:  # noqa: FBT001
    value = 4.0 if kind is T.RATING else None
    moment = NOW + minutes * MINUTE
    row = an_interaction(user, event, kind, occurred_at=moment, value=value, recommendation_id=list_id)
    return replace(row, interaction_id=former_id(row)) if is_former else row


def _contents(store: Documents) -> tuple[object, ...]:
    counts = {
        event_id: ({k: n for k, n in c.by_type.items() if n}, {k: n for k, n in c.decayed.items() if n})
        for event_id, c, _ in store.counters.changed_since(None)
    }
    histories = [store.users.profile(user, timeout_s=9).history for user in ("u", "u_1")]
    documents = [replace(entry, recorded_at=None) for entry in store.interactions.since(None)]
    return sorted(documents, key=lambda entry: entry.interaction_id), counts, histories


@given(data=st.data(), drawn=st.lists(rows, min_size=1, max_size=6), size=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_and_their_former_ids_have_no_effect(
    data: st.DataObject, drawn: list[Interaction], size: int
) -> None:
    plain = [replace(row, interaction_id=row.expected_id()) for row in drawn]
    orders = [plain, data.draw(st.permutations([*drawn, *plain[:2]]))]
    contents = []
    for order in orders:
        store = documents()
        for n in range(0, len(order), size):
            load_interactions(store, order[n : n + size], now=NOW + 2 * DAY + n * MINUTE)
        contents.append(_contents(store))
        settled = reconcile(store, now=NOW + 3 * DAY)
        assert (settled.settled, settled.lost, _contents(store)) == (0, 0, contents[-1])
    assert contents[0] == contents[1]


def test_a_view_with_a_former_id_is_that_of_the_app_on_the_same_day(store: Documents) -> None:
    view = an_interaction("u_1", "e", T.VIEW, occurred_at=NOW)
    load_interactions(store, [replace(view, interaction_id=former_id(view))], now=NOW + MINUTE)
    assert store.interactions.append([view], now=NOW + MINUTE) == [Appended.KNOWN]


def test_rows_of_a_user_whose_data_is_erased_are_left_out(store: Documents) -> None:
    forget(store.personal, user_id="u", now=NOW)
    assert load_interactions(store, ROWS, now=NOW).loaded == 0
    assert _is_gone(store)
    assert load_interactions(store, ROWS, now=NOW + 2 * MINUTE).loaded == len(ROWS)


def test_rows_of_a_user_who_was_erased_since_the_load_began_are_left_out_of_later_chunks(store: Documents) -> None:
    forget(store.personal, user_id="u", now=NOW + MINUTE)
    assert load_interactions(store, ROWS, now=NOW + 2 * MINUTE, began=NOW).loaded == 0
    assert _is_gone(store)


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
