"""Training and publishing on real stores."""

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from shared.adapters.folder import FolderObjects
from shared.entities import InteractionType
from shared.errors import Conflict
from shared.models.artifact import Manifest, unpack
from shared.models.recommender import MODELS
from shared.ports import Documents, ObjectStore
from shared.services.serving import load
from shared.services.train import POINTER, train
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.stores import ContestedObjects, documents

SECOND = timedelta(seconds=1)


@pytest.fixture
def store() -> Documents:
    empty, data = documents(), laws.city()
    empty.events.put(data.events, now=NOW - 2 * DAY)
    empty.users.put([*data.users.values()], now=NOW - 2 * DAY)
    empty.interactions.append(data.interactions, now=NOW - DAY, counted=True)
    return empty


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return FolderObjects(tmp_path)


def _train(store: Documents, objects: ObjectStore, **changes: object) -> Manifest:
    given = {"model": "popularity", "now": NOW, "suffix": "one", "half_life_days": 90.0, "progress": lambda _: None}
    return train(store, objects, **given | changes)


def _current(objects: ObjectStore) -> str:
    return json.loads(objects.read(POINTER).data)["version"]


@pytest.mark.parametrize("model", MODELS)
def test_what_is_published_is_what_was_trained(store: Documents, objects: ObjectStore, model: str) -> None:
    manifest = _train(store, objects, model=model)
    assert _current(objects) == manifest.version == "20260501T120000Z-one"
    stored = Manifest.from_json(objects.read(f"models/{manifest.version}/manifest.json").data)
    assert stored == manifest
    data = laws.city()
    expected = laws.trained(model, data)
    arrays = unpack(objects.read(f"models/{manifest.version}/model.npz").data, stored)
    assert all(np.array_equal(array, arrays[name]) for name, array in expected.to_arrays().items())
    assert laws.lists(load(objects), data) == laws.lists(expected, data)


def test_the_manifest_tells_what_was_read_and_how_good_every_model_is(store: Documents, objects: ObjectStore) -> None:
    data, lines = laws.city(), list[str]()
    manifest = _train(store, objects, progress=lines.append)
    assert manifest.trained_at == NOW
    assert manifest.watermark == NOW - DAY
    assert manifest.counts == {
        "events": len(data.events),
        "users": len(data.users),
        "interactions": len(data.interactions),
    }
    assert set(MODELS) <= manifest.metrics.keys()
    assert lines[0] == f"read {len(data.events)} events"
    assert lines[-1] == f"published {manifest.version}"


def test_a_version_never_changes(store: Documents, objects: ObjectStore) -> None:
    manifest = _train(store, objects)
    before = {name: objects.read(name) for name in objects.names("models/")}
    store.interactions.append([an_interaction("u", "jazz_1")], now=NOW, counted=True)
    with pytest.raises(Conflict, match=rf"models/{manifest.version}/model\.npz"):
        _train(store, objects)
    assert {name: objects.read(name) for name in objects.names("models/")} == before


def test_a_later_training_moves_the_pointer_and_keeps_the_earlier_version(
    store: Documents, objects: ObjectStore
) -> None:
    first = _train(store, objects)
    second = _train(store, objects, now=NOW + SECOND)
    assert _current(objects) == second.version
    assert f"models/{first.version}/manifest.json" in objects.names("models/")


def test_an_older_trainer_yields(store: Documents, objects: ObjectStore) -> None:
    newer, lines = _train(store, objects), list[str]()
    older = _train(store, objects, now=NOW - SECOND, progress=lines.append)
    assert _current(objects) == newer.version
    assert lines[-1] == f"{older.version} yields to a newer version"


@pytest.mark.parametrize(("rival", "wins"), [("20260501T115959Z-old", True), ("20260501T120001Z-new", False)])
def test_of_two_trainers_at_once_the_later_one_has_the_last_word(
    store: Documents, objects: ObjectStore, rival: str, *, wins: bool
) -> None:
    contested = ContestedObjects(objects, POINTER, [json.dumps({"version": rival}).encode()])
    manifest = _train(store, contested)
    assert _current(objects) == (manifest.version if wins else rival)


def test_after_ten_lost_races_training_gives_up(store: Documents, objects: ObjectStore) -> None:
    rivals = [json.dumps({"version": f"2025-{n}"}).encode() for n in range(10)]
    with pytest.raises(Conflict, match="train again"):
        _train(store, ContestedObjects(objects, POINTER, rivals))
    assert _current(objects) == "2025-9"


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_pointer_yields_to_any_version(store: Documents, objects: ObjectStore, damaged: bytes) -> None:
    objects.write(POINTER, damaged, generation=0)
    version = _train(store, objects).version
    assert _current(objects) == version


def test_what_occurred_later_than_now_is_not_learned(store: Documents, objects: ObjectStore) -> None:
    before = _train(store, objects)
    later = [an_interaction(f"u{n}", "jazz_1", occurred_at=NOW + DAY) for n in range(9)]
    store.interactions.append(later, now=NOW, counted=True)
    after = _train(store, objects, suffix="two")
    assert before.sha256 == after.sha256
    assert after.counts["interactions"] == before.counts["interactions"] + 9


def test_what_was_written_while_training_read_does_not_count_as_seen(store: Documents, objects: ObjectStore) -> None:
    store.interactions.append([an_interaction("u", "jazz_1")], now=NOW + 60 * SECOND, counted=True)
    assert _train(store, objects).watermark == NOW


def test_an_empty_store_makes_a_model_that_knows_nothing(objects: ObjectStore) -> None:
    for model in MODELS:
        manifest = _train(documents(), objects, model=model, suffix=model)
        assert (manifest.watermark, manifest.metrics) == (None, {})
        assert load(objects).recommend(k=10, now=NOW) == []


def test_interactions_may_name_events_that_are_gone(objects: ObjectStore) -> None:
    store = documents()
    store.events.put([an_event("a")], now=NOW)
    given = [an_interaction(f"u{n}", event_id) for n in range(3) for event_id in ("a", "gone")]
    given += [an_interaction("u0", "", InteractionType.SEARCH, query="jazz")]
    store.interactions.append(given, now=NOW, counted=True)
    _train(store, objects, model="svd")
    assert [item.event_id for item in load(objects).recommend([("gone", "booking")], k=10, now=NOW)] == ["a"]
