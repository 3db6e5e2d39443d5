"""Taking interactions in."""

from datetime import timedelta
from typing import Any

import pytest

from shared.entities import Interaction, InteractionType
from shared.models.popularity import popularity_weight
from shared.ports import Documents
from shared.services.record import Received, Rejection, count, receive
from tests.examples import DAY, NOW, an_interaction
from tests.stores import documents


@pytest.fixture
def store() -> Documents:
    return documents()


def _receive(store: Documents, *batch: Any) -> Received:
    return receive(store.interactions, batch, user_id="u", now=NOW)


def _stored(store: Documents) -> dict[str, Interaction]:
    return {one.interaction_id: one for one in store.interactions.since(None)}


def test_a_batch_takes_the_good_and_lists_the_bad(store: Documents) -> None:
    received = _receive(
        store,
        {"type": "click", "event_id": "e"},
        {"type": "dance", "event_id": "e"},
        "click",
        None,
        {"type": "rating", "event_id": "e", "value": 9},
        {"type": "booking", "event_id": "e"},
        {"type": "booking"},
    )
    assert received.accepted == ["u_e_click_20260501", "u_e_booking"]
    assert [(one.index, one.field) for one in received.rejected] == [
        (1, "type"),
        (2, "interactions"),
        (3, "interactions"),
        (4, "value"),
        (6, "event_id"),
    ]
    assert received.rejected[3] == Rejection(4, "value", "expected a number in 1..5, got 9")
    assert set(_stored(store)) == set(received.accepted)


def test_what_is_stored_is_what_was_sent(store: Documents) -> None:
    entry = {
        "type": "rating",
        "event_id": "e",
        "value": 4.5,
        "occurred_at": "2026-04-30T10:00:00+02:00",
        "session_id": "s",
        "recommendation_id": "r",
        "position": 3,
    }
    _receive(store, entry)
    assert _stored(store)["u_e_rating"] == an_interaction(
        "u",
        "e",
        InteractionType.RATING,
        value=4.5,
        occurred_at=NOW - timedelta(days=1, hours=4),
        recorded_at=NOW,
        session_id="s",
        recommendation_id="r",
        position=3,
    )


def test_the_time_defaults_to_now(store: Documents) -> None:
    _receive(store, {"type": "click", "event_id": "e"})
    assert _stored(store)["u_e_click_20260501"].occurred_at == NOW


@pytest.mark.parametrize("ahead", [timedelta(microseconds=1), DAY, 9_999 * DAY])
def test_the_future_is_refused(store: Documents, ahead: timedelta) -> None:
    received = _receive(store, {"type": "click", "event_id": "e", "occurred_at": (NOW + ahead).isoformat()})
    assert [(one.index, one.field) for one in received.rejected] == [(0, "occurred_at")]
    assert not _stored(store)


def test_nobody_speaks_for_another_user_nor_names_ids_nor_stamps_documents(store: Documents) -> None:
    forged = {"user_id": "victim", "interaction_id": "mine", "recorded_at": "long ago", "counted": True}
    _receive(store, {"type": "click", "event_id": "e"} | forged)
    (one,) = _stored(store).values()
    assert (one.user_id, one.interaction_id, one.recorded_at) == ("u", "u_e_click_20260501", NOW)


def test_a_repeat_is_accepted_and_stays_one_document(store: Documents) -> None:
    entry = {"type": "click", "event_id": "e"}
    name = "u_e_click_20260501"
    assert _receive(store, entry, entry).accepted == [name, name]
    assert _receive(store, entry).accepted == [name]
    assert list(_stored(store)) == [name]
    yesterday = entry | {"occurred_at": (NOW - DAY).isoformat()}
    assert _receive(store, yesterday).accepted == ["u_e_click_20260430"]
    assert len(_stored(store)) == 2


def test_an_empty_or_wholly_bad_batch_writes_nothing(store: Documents) -> None:
    assert _receive(store) == Received([], [])
    assert [one.index for one in _receive(store, {}, []).rejected] == [0, 1]
    assert not _stored(store)


def test_counting_twice_counts_once(store: Documents) -> None:
    one = an_interaction("u", "e", InteractionType.CLICK)
    assert count(store.counters, one, now=NOW) is True
    assert count(store.counters, one, now=NOW + DAY) is False
    ((event_id, counts, _),) = store.counters.changed_since(None)
    assert (event_id, counts.by_type) == ("e", {InteractionType.CLICK: 1})
    assert counts.popularity == pytest.approx(popularity_weight(one))
    assert [entry.event_id for entry in store.users.profile("u", timeout_s=1).history] == ["e"]


def test_counts_add_up_by_type(store: Documents) -> None:
    given = [
        an_interaction(user, "e", kind) for user in "uvw" for kind in (InteractionType.CLICK, InteractionType.SAVE)
    ]
    for one in given:
        count(store.counters, one, now=NOW)
    ((_, counts, _),) = store.counters.changed_since(None)
    assert counts.by_type == {InteractionType.CLICK: 3, InteractionType.SAVE: 3}
    assert counts.popularity == pytest.approx(sum(map(popularity_weight, given)))


def test_a_follow_is_remembered_and_counts_for_no_event(store: Documents) -> None:
    assert count(store.counters, an_interaction("u", "", InteractionType.FOLLOW, organizer_id="o"), now=NOW)
    assert not list(store.counters.changed_since(None))
    assert [entry.organizer_id for entry in store.users.profile("u", timeout_s=1).history] == ["o"]
