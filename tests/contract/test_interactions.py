from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_INTERACTION, NOW, SECOND, did


@pytest.mark.parametrize("counted", [False, True])
def test_every_field_of_an_interaction_survives(stores: Stores, counted: bool) -> None:  # noqa: FBT001
    assert stores.documents.interactions.append([FULL_INTERACTION], now=NOW, counted=counted) == [True]
    assert list(stores.documents.interactions.since(None)) == [replace(FULL_INTERACTION, recorded_at=NOW)]


def test_append_keeps_the_first_document_of_an_id(stores: Stores) -> None:
    log = stores.documents.interactions
    assert log.append([did("a"), did("b"), did("a", event_id="later")], now=NOW, counted=True) == [True, True, False]
    again = [did("c"), did("b", event_id="later"), did("d"), did("c")]
    assert log.append(again, now=NOW + DAY, counted=False) == [True, False, True, False]
    assert log.append(again, now=NOW + DAY, counted=False) == [False] * 4
    assert log.append([], now=NOW, counted=False) == []
    stored = {
        interaction.interaction_id: (interaction.event_id, interaction.recorded_at) for interaction in log.since(None)
    }
    later = ("event_1", NOW + DAY)
    assert stored == {"a": ("event_1", NOW), "b": ("event_1", NOW), "c": later, "d": later}


def test_append_stamps_its_own_time(stores: Stores) -> None:
    stores.documents.interactions.append([did("a", recorded_at=NOW - DAY)], now=NOW, counted=False)
    assert list(stores.documents.interactions.since(NOW)) == [did("a", recorded_at=NOW)]


def test_only_one_of_concurrent_appends_creates_a_document(stores: Stores) -> None:
    done = [did(f"{number}") for number in range(40)]

    def append(start: int) -> list[str]:
        mine = done[start:] + done[:start]
        created = stores.documents.interactions.append(mine, now=NOW, counted=False)
        return [interaction.interaction_id for interaction, is_new in zip(mine, created, strict=True) if is_new]

    with ThreadPoolExecutor(8) as pool:
        created = [key for keys in pool.map(append, range(0, 40, 5)) for key in keys]
    assert sorted(created) == sorted(interaction.interaction_id for interaction in done)


def test_since_includes_the_moment_and_is_ordered_by_time_then_id(stores: Stores) -> None:
    log = stores.documents.interactions
    log.append([did("d"), did("b")], now=NOW + SECOND, counted=False)
    log.append([did("c")], now=NOW, counted=True)
    log.append([did("old", at=NOW + DAY)], now=NOW - SECOND, counted=False)
    assert [interaction.interaction_id for interaction in log.since(NOW)] == ["c", "b", "d"]
    assert [interaction.interaction_id for interaction in log.since(NOW + SECOND)] == ["b", "d"]
    assert [interaction.interaction_id for interaction in log.since(NOW + 2 * SECOND)] == []
    assert {interaction.interaction_id for interaction in log.since(None)} == {"b", "c", "d", "old"}


def test_unreadable_interactions_are_logged_and_left_out(stores: Stores, caplog: pytest.LogCaptureFixture) -> None:
    stores.documents.interactions.append([did("bad"), did("good")], now=NOW, counted=False)
    stores.spoil("interactions", "bad", {"type": "yawn"})
    assert [interaction.interaction_id for interaction in stores.documents.interactions.since(NOW)] == ["good"]
    assert [(vars(record)["document_id"], vars(record)["field"]) for record in caplog.records] == [("bad", "type")]


def test_pagination_lists_each_interaction_once(stores: Stores) -> None:
    ids = [f"interaction_{number:04}" for number in range(1_010)]
    log = stores.documents.interactions
    assert log.append([did(key) for key in ids[1:]], now=NOW, counted=True) == [True] * 1_009
    assert log.append([did(key) for key in ids], now=NOW, counted=True) == [True] + [False] * 1_009
    assert [interaction.interaction_id for interaction in log.since(NOW)] == ids
    assert sorted(interaction.interaction_id for interaction in log.since(None)) == ids
