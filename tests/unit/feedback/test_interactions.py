"""Interactions as columns."""

import random
from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.entities import Interaction, InteractionType
from shared.feedback.interactions import InteractionTable
from shared.feedback.weights import CODES
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event("a", organizer_id="o"), an_event("b")])


def _equal(left: InteractionTable, right: InteractionTable) -> bool:
    pairs = [(getattr(left, field.name), getattr(right, field.name)) for field in fields(left)]
    return all(
        a.ids() == b.ids() if isinstance(a, Vocabulary) else np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in pairs
    )


interactions = st.lists(
    st.builds(
        an_interaction,
        st.sampled_from(["u1", "u2", "u3"]),
        st.sampled_from(["a", "b", "unknown"]),
        st.sampled_from([InteractionType.BOOKING, InteractionType.VIEW, InteractionType.RATING]),
        occurred_at=st.integers(0, 3).map(lambda days: NOW - days * DAY),
        value=st.sampled_from([None, 1.0, 5.0]),
    ),
    unique_by=lambda interaction: interaction.interaction_id,
)


@given(given=interactions, seed=st.integers(0, 9))
def test_the_order_of_the_source_has_no_effect(given: list[Interaction], seed: int) -> None:
    shuffled = random.Random(seed).sample(given, len(given))
    table = InteractionTable.of(given, CATALOG)
    assert _equal(InteractionTable.of(shuffled, CATALOG), table)
    assert np.all(np.diff(table.occurred_at) >= 0)


@given(given=interactions)
def test_each_row_is_one_interaction(given: list[Interaction]) -> None:
    table = InteractionTable.of(given, CATALOG)
    names = [*CATALOG.events.ids(), "unknown"]
    rows = {
        (table.users.ids()[user], names[event], int(code), None if np.isnan(value) else float(value), float(time))
        for user, event, code, value, time in zip(
            table.user_rows, table.event_rows, table.codes, table.values, table.occurred_at, strict=True
        )
    }
    assert rows == {
        (entry.user_id, entry.event_id, CODES[entry.type], entry.value, entry.occurred_at.timestamp())
        for entry in given
    }


@given(given=interactions, days=st.integers(-1, 4))
def test_before_is_strict_and_keeps_the_rows_of_users(given: list[Interaction], days: int) -> None:
    table, cutoff = InteractionTable.of(given, CATALOG), NOW - days * DAY
    past = table.before(cutoff)
    assert len(past) == sum(interaction.occurred_at < cutoff for interaction in given)
    assert past.users.ids() == table.users.ids()


def test_age_is_in_days() -> None:
    table = InteractionTable.of([an_interaction(occurred_at=NOW - 3 * DAY)], CATALOG)
    assert table.age_days(NOW).tolist() == [3.0]
    assert table.age_days(NOW - 4 * DAY).tolist() == [-1.0]


def test_hits_are_bookings_saves_and_attendances_of_known_events() -> None:
    given = [an_interaction("u", event, kind) for kind in InteractionType for event in ("a", "unknown")]
    table = InteractionTable.of(given, CATALOG)
    hits = table.where(table.is_hit())
    assert set(hits.codes) == {CODES[InteractionType(kind)] for kind in ("booking", "save", "attend")}
    assert set(hits.event_rows) == {0}


def test_followed_organizers_have_rows() -> None:
    follow = InteractionType.FOLLOW
    given = [an_interaction(f"u_{name}", "", follow, organizer_id=name) for name in ("o", "p")]
    table = InteractionTable.of(given, CATALOG)
    assert table.organizer_rows.tolist() == [0, -1]
    assert table.event_rows.tolist() == [-1, -1]


@given(given=interactions, limit=st.integers(0, 9))
def test_a_sample_of_users_has_all_their_interactions(given: list[Interaction], limit: int) -> None:
    table = InteractionTable.of(given, CATALOG)
    sample = table.of_some_users(limit)
    counts = {key: sum(interaction.user_id == key for interaction in given) for key in sample.users.ids()}
    assert np.bincount(sample.user_rows, minlength=len(sample.users)).tolist() == list(counts.values())
    assert len(sample) <= limit or len(sample.users) <= 1
    assert _equal(sample, InteractionTable.of([entry for entry in given if entry.user_id in counts], CATALOG))
    assert _equal(sample, table.of_some_users(limit))
    assert (sample is table) == (len(table) <= limit)
