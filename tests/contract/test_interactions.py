from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.entities import Interaction, InteractionType
from shared.errors import TooMany
from shared.ports import Appended
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_INTERACTION, NOW, SECOND, did

SAVED = did("a", kind=InteractionType.SAVE)


def test_every_field_of_an_interaction_survives(stores: Stores) -> None:
    given = replace(FULL_INTERACTION, anonymous=True)
    assert stores.documents.interactions.append([given], now=NOW) == [Appended.NEW]
    assert list(stores.documents.interactions.since(None)) == [replace(given, recorded_at=NOW)]


def test_append_keeps_the_first_document_of_a_repeating_interaction(stores: Stores) -> None:
    log = stores.documents.interactions
    new, known = Appended.NEW, Appended.KNOWN
    assert log.append([did("a"), did("b"), did("a", event_id="later")], now=NOW) == [new, new, known]
    again = [did("c"), did("b", event_id="later"), did("d"), did("c")]
    assert log.append(again, now=NOW + DAY) == [new, known, new, known]
    assert log.append(again, now=NOW + DAY) == [known] * 4
    assert log.append([], now=NOW) == []
    stored = {
        interaction.interaction_id: (interaction.event_id, interaction.recorded_at) for interaction in log.since(None)
    }
    later = ("event_1", NOW + DAY)
    assert stored == {"a": ("event_1", NOW), "b": ("event_1", NOW), "c": later, "d": later}


def test_append_keeps_the_last_state(stores: Stores) -> None:
    log = stores.documents.interactions

    def rated(stars: float, seconds: int) -> Interaction:
        return did(
            "a", kind=InteractionType.RATING, value=stars, at=NOW - DAY + seconds * SECOND, session_id=f"s{seconds}"
        )

    new, known, superseded = Appended.NEW, Appended.KNOWN, Appended.SUPERSEDED
    assert log.append([rated(1, 1), rated(2, 3), rated(3, 2)], now=NOW) == [superseded, new, superseded]
    assert log.append([rated(2, 3), rated(1, 1)], now=NOW) == [known, superseded]
    assert list(log.since(None)) == [replace(rated(2, 3), recorded_at=NOW)]
    # Versions have different times, so that copies can tell them apart.
    assert log.append([replace(rated(5, 4), session_id="")], now=NOW - SECOND) == [new]
    assert list(log.since(None)) == [replace(rated(5, 4), session_id="", recorded_at=NOW + timedelta(microseconds=1))]
    assert log.append([rated(4, 5)], now=NOW + DAY) == [new]
    assert [entry.recorded_at for entry in log.since(None)] == [NOW + DAY]


def test_a_signed_up_account_takes_over_the_interactions_of_the_anonymous_one(stores: Stores) -> None:
    log = stores.documents.interactions
    done = [did("a", anonymous=True), did("b", kind=InteractionType.SAVE, anonymous=True)]
    log.append(done, now=NOW)
    assert log.append([replace(entry, anonymous=False) for entry in done], now=NOW + DAY) == [Appended.NEW] * 2
    assert [(entry.anonymous, entry.recorded_at) for entry in log.since(None)] == [(False, NOW + DAY)] * 2
    later = [replace(entry, occurred_at=NOW + 2 * DAY) for entry in done]
    results = [Appended.KNOWN if entry.type.meaning.repeats else Appended.SUPERSEDED for entry in done]
    assert log.append(later, now=NOW + 2 * DAY) == results
    assert [(entry.anonymous, entry.recorded_at) for entry in log.since(None)] == [(False, NOW + DAY)] * 2
    assert log.append(done, now=NOW + 2 * DAY) == [Appended.KNOWN] * 2


def test_append_refuses_all_while_a_user_s_data_is_erased(stores: Stores) -> None:
    log = stores.documents.interactions
    stores.documents.personal.mark("user_1", at=NOW + SECOND)
    with pytest.raises(TooMany, match="while the user's data is erased; send them in 2 s"):
        log.append([SAVED, did("b", user_id="user_2")], now=NOW)
    assert list(log.since(None)) == []
    assert log.append([SAVED], now=NOW + 2 * SECOND) == [Appended.NEW]
    assert log.append([SAVED, did("b")], now=NOW + 2 * SECOND) == [Appended.KNOWN, Appended.NEW]


def test_append_stores_what_repeats_while_a_user_s_data_is_erased(stores: Stores) -> None:
    stores.documents.personal.mark("user_1", at=NOW + SECOND)
    assert stores.documents.interactions.append([did("a")], now=NOW) == [Appended.NEW]


def test_append_stamps_its_own_time(stores: Stores) -> None:
    stores.documents.interactions.append([did("a", recorded_at=NOW - DAY)], now=NOW)
    assert list(stores.documents.interactions.since(NOW)) == [did("a", recorded_at=NOW)]


def test_only_one_of_concurrent_appends_creates_a_document(stores: Stores) -> None:
    done = [did(f"{number}") for number in range(40)]

    def append(start: int) -> list[str]:
        mine = done[start:] + done[:start]
        created = stores.documents.interactions.append(mine, now=NOW)
        return [
            interaction.interaction_id
            for interaction, result in zip(mine, created, strict=True)
            if result is Appended.NEW
        ]

    with ThreadPoolExecutor(8) as pool:
        created = [key for keys in pool.map(append, range(0, 40, 5)) for key in keys]
    assert sorted(created) == sorted(interaction.interaction_id for interaction in done)


def test_since_includes_the_moment_and_is_ordered_by_time_then_id(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("d"), did("b")], now=NOW + SECOND)
    log.append([did("c")], now=NOW)
    log.append([did("old", at=NOW + DAY)], now=NOW - SECOND)
    assert [interaction.interaction_id for interaction in log.since(NOW)] == ["c", "b", "d"]
    assert [interaction.interaction_id for interaction in log.since(NOW + SECOND)] == ["b", "d"]
    assert [interaction.interaction_id for interaction in log.since(NOW + 2 * SECOND)] == []
    assert {interaction.interaction_id for interaction in log.since(None)} == {"b", "c", "d", "old"}


def test_unreadable_interactions_are_logged_and_left_out(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    stores.documents.interactions.append([did("bad"), did("good")], now=NOW)
    stores.spoil("interactions", "bad", {"type": "yawn"})
    assert [interaction.interaction_id for interaction in stores.documents.interactions.since(NOW)] == ["good"]
    assert [(vars(record)["collection"], vars(record)["field"]) for record in caplog.records] == [
        ("interactions", "type")
    ]
    # The id of an interaction begins with its user's.
    assert "bad" not in caplog.text


def test_pagination_lists_each_interaction_once(stores: Stores) -> None:
    ids = [f"interaction_{number:04}" for number in range(1_010)]
    log = stores.documents.interactions
    assert log.append([did(key) for key in ids[1:]], now=NOW) == [Appended.NEW] * 1_009
    assert log.append([did(key) for key in ids], now=NOW) == [Appended.NEW] + [Appended.KNOWN] * 1_009
    assert [interaction.interaction_id for interaction in log.since(NOW)] == ids
    assert sorted(interaction.interaction_id for interaction in log.since(None)) == ids
