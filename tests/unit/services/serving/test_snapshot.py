"""Serving snapshot: which changes a refresh takes in, when, and what is kept when stores fail."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.adapters.objects.folder import FolderObjects
from shared.entities import Event, Status
from shared.errors import ArtifactError, MarqueeError, NotFound
from shared.models.artifact import Manifest, describe, digest, pack, unpack
from shared.models.registry import trainable
from shared.models.scorer import Scorer
from shared.ports import Caller, Documents, ObjectStore
from shared.ranking import shortlist
from shared.ranking.recommender import Recommender
from shared.services.ingest.record import Outcome, count
from shared.services.registry import POINTER, load_version
from shared.services.serving import snapshot as snapshot_module
from shared.services.serving.cache import CachedRecommender
from shared.services.serving.context import ListRequest, ServingContext
from shared.services.serving.lists import recommend, similar
from shared.services.serving.snapshot import Serving, Snapshot, load
from shared.signals.users import UserBatch
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.known import known
from tests.stores import FragileEvents, FragileObjects, Outage, damage, documents, fragile
from tests.training import train

SECOND = timedelta(seconds=1)
REFRESH = timedelta(seconds=30)
LATER = NOW + REFRESH


@pytest.fixture
def store() -> Documents:
    empty = documents()
    events = [an_event(name, starts_at=NOW + days * DAY) for days, name in enumerate("abc", start=2)]
    empty.events.put(events, now=NOW - DAY)
    return empty


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path)


def _serving(store: Documents, objects: ObjectStore) -> Serving:
    return Serving(store, objects, refresh_s=REFRESH.total_seconds())


def _train(store: Documents, objects: FolderObjects, *, now: datetime = NOW, model: str = "popularity") -> Manifest:
    return train(store, objects, model=model, now=now)


def _shown(snapshot: Snapshot, now: datetime) -> list[tuple[str, str | None]]:
    return [(item.event_id, item.source) for item in snapshot.recommender.recommend(k=10, now=now)]


def _book(store: Documents, event_id: str, *, now: datetime) -> None:
    booking = an_interaction("u", event_id, occurred_at=now, recorded_at=now)
    assert count(store, booking, now=now) is Outcome.COUNTED


def test_without_a_model_lists_are_by_popularity_then_start(store: Documents, objects: FolderObjects) -> None:
    _book(store, "c", now=NOW)
    snapshot = _serving(store, objects).current(NOW)
    assert _shown(snapshot, NOW) == [("c", "popularity"), ("a", "soonest"), ("b", "soonest")]
    assert (snapshot.model_version, snapshot.degraded) == (None, ())


def test_without_model_and_events_the_list_is_empty(objects: FolderObjects) -> None:
    snapshot = _serving(documents(), objects).current(NOW)
    assert (_shown(snapshot, NOW), snapshot.model_version, snapshot.degraded) == ([], None, ())


def _publish_a_model(store: Documents, objects: FolderObjects) -> None:
    _train(store, objects, now=NOW + timedelta(seconds=1))


def _add_an_event(store: Documents, _objects: FolderObjects) -> None:
    store.events.put([an_event("new")], now=NOW + timedelta(seconds=1))


def _cancel_an_event(store: Documents, _objects: FolderObjects) -> None:
    store.events.put([an_event("a", status=Status.CANCELLED)], now=NOW + timedelta(seconds=1))


def _book_an_event(store: Documents, _objects: FolderObjects) -> None:
    _book(store, "c", now=NOW + timedelta(seconds=1))


CHANGES = [
    (_publish_a_model, ["a", "b", "c"]),
    (_add_an_event, ["new", "a", "b", "c"]),
    (_cancel_an_event, ["b", "c"]),
    (_book_an_event, ["c", "a", "b"]),
]


@pytest.mark.parametrize("has_model", [False, True])
@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_changes_are_taken_in_when_the_refresh_is_due_and_not_before(
    store: Documents,
    objects: FolderObjects,
    change: Callable[[Documents, FolderObjects], None],
    expected: list[str],
    *,
    has_model: bool,
) -> None:
    first = _train(store, objects).version if has_model else None
    serving = _serving(store, objects)
    before = serving.current(NOW)
    assert before.model_version == first
    change(store, objects)
    assert serving.current(LATER - timedelta(microseconds=1)) is before
    after = serving.current(LATER)
    assert [event_id for event_id, _ in _shown(after, LATER)] == expected
    assert (after.model_version != first) == (change is _publish_a_model)
    assert after.degraded == ()


def test_an_event_with_a_timestamp_before_it_became_readable_is_not_missed(
    store: Documents, objects: FolderObjects
) -> None:
    serving = _serving(store, objects)
    serving.current(NOW)
    store.events.put([an_event("late")], now=NOW - timedelta(seconds=50))
    assert ("late", "soonest") in _shown(serving.current(LATER), LATER)


@pytest.mark.parametrize("has_model", [False, True])
@pytest.mark.parametrize("is_first", [False, True])
def test_a_clock_that_was_ahead_hides_no_change(
    store: Documents, objects: FolderObjects, *, has_model: bool, is_first: bool
) -> None:
    if has_model:
        _train(store, objects)
    serving = _serving(store, objects)
    if not is_first:
        serving.current(NOW)
    serving.current(NOW + DAY)
    store.events.put([an_event("a", status=Status.CANCELLED, starts_at=NOW + 2 * DAY)], now=NOW + 5 * SECOND)
    shown = _shown(serving.current(NOW + 10 * SECOND), NOW)
    assert [event_id for event_id, _ in shown] == ["b", "c"]
    # From then on it refreshes as ever.
    store.events.put([an_event("b", status=Status.CANCELLED, starts_at=NOW + 3 * DAY)], now=NOW + 12 * SECOND)
    assert len(_shown(serving.current(NOW + 15 * SECOND), NOW)) == 2
    assert [event_id for event_id, _ in _shown(serving.current(NOW + 10 * SECOND + REFRESH), NOW)] == ["c"]


@pytest.mark.parametrize("has_model", [False, True])
@pytest.mark.parametrize("ahead", [timedelta(minutes=5), DAY / 2])
@pytest.mark.parametrize("idle", [REFRESH, DAY / 4])
def test_a_clock_that_stays_ahead_or_is_put_back_later_hides_no_change(
    store: Documents, objects: FolderObjects, ahead: timedelta, idle: timedelta, *, has_model: bool
) -> None:
    if has_model:
        _train(store, objects)
    serving = _serving(store, objects)
    for number in range(3):
        serving.current(NOW + ahead + number * REFRESH)
    store.events.put([an_event("a", status=Status.CANCELLED, starts_at=NOW + 2 * DAY)], now=NOW + 2 * REFRESH + SECOND)
    # As late by the right clock as by that which is ahead.
    shown = _shown(serving.current(NOW + ahead + 2 * REFRESH + idle), NOW)
    assert [event_id for event_id, _ in shown] == ["b", "c"]


def test_a_sold_out_event_is_listed_again_when_on_sale_again(store: Documents, objects: FolderObjects) -> None:
    serving = _serving(store, objects)
    sold_out = an_event("a", capacity=5, booked=5, starts_at=NOW + 2 * DAY)
    store.events.put([sold_out], now=NOW)
    assert "a" not in dict(_shown(serving.current(NOW), NOW))
    store.events.put([replace(sold_out, booked=4)], now=LATER)
    assert "a" in dict(_shown(serving.current(LATER), LATER))


def test_changes_since_the_training_are_merged_into_a_new_model(store: Documents, objects: FolderObjects) -> None:
    _train(store, objects)
    store.events.put([an_event("new"), an_event("b", status=Status.HIDDEN)], now=NOW + DAY / 2)
    _book(store, "c", now=NOW + DAY / 2)
    shown = _shown(_serving(store, objects).current(NOW + 23 * DAY / 24), NOW + 23 * DAY / 24)
    assert [event_id for event_id, _ in shown] == ["c", "new", "a"]


@pytest.mark.parametrize("deadline_s", [0.5, 2.0, 60.0])
def test_the_first_answer_waits_for_the_first_refresh_whatever_the_deadline(
    store: Documents, objects: FolderObjects, deadline_s: float
) -> None:
    version = _train(store, objects).version
    serving = Serving(store, objects, refresh_s=REFRESH.total_seconds(), deadline_s=deadline_s)
    snapshot = serving.current(NOW)
    assert (snapshot.model_version, snapshot.degraded) == (version, ())
    assert serving.patience_s() == deadline_s


def _bad_npz(folder: Path, version: str) -> None:
    damage(folder, f"models/{version}/model.npz", lambda data: data[:-1])


def _flipped_npz(folder: Path, version: str) -> None:
    damage(folder, f"models/{version}/model.npz", lambda data: data[:99] + bytes([data[99] ^ 1]) + data[100:])


def _bad_manifest(folder: Path, version: str) -> None:
    damage(folder, f"models/{version}/manifest.json", lambda data: data[:-9])


def _nonsense_manifest(folder: Path, version: str) -> None:
    change = {"arrays": 5}
    damage(folder, f"models/{version}/manifest.json", lambda data: json.dumps(json.loads(data) | change).encode())


def _future_manifest(folder: Path, version: str) -> None:
    change = {"format": 99}
    damage(folder, f"models/{version}/manifest.json", lambda data: json.dumps(json.loads(data) | change).encode())


def _unknown_model(folder: Path, version: str) -> None:
    change = {"model": "oracle"}
    damage(folder, f"models/{version}/manifest.json", lambda data: json.dumps(json.loads(data) | change).encode())


def _missing_npz(folder: Path, version: str) -> None:
    (folder / f"models/{version}/model.npz").unlink()


def _bad_pointer(folder: Path, _version: str) -> None:
    damage(folder, POINTER, lambda _: b"{")


def _pointer_to_nowhere(folder: Path, _version: str) -> None:
    damage(folder, POINTER, lambda _: b'{"version": "../../etc"}')


DAMAGES = [
    *(_bad_npz, _flipped_npz, _bad_manifest, _nonsense_manifest, _future_manifest, _unknown_model),
    *(_missing_npz, _bad_pointer, _pointer_to_nowhere),
]
every_damage = pytest.mark.parametrize("ruin", DAMAGES, ids=[ruin.__name__ for ruin in DAMAGES])


@every_damage
def test_a_damaged_model_keeps_the_last_good_one_and_degraded_says_so(
    store: Documents, objects: FolderObjects, tmp_path: Path, ruin: Callable[[Path, str], None]
) -> None:
    good = _train(store, objects)
    serving = _serving(store, objects)
    shown = _shown(serving.current(NOW), NOW)
    bad = _train(store, objects, now=NOW + timedelta(seconds=1))
    ruin(tmp_path, bad.version)
    snapshot = serving.current(LATER)
    assert (snapshot.model_version, snapshot.degraded) == (good.version, ("model",))
    assert _shown(snapshot, LATER) == shown
    mended = _train(store, objects, now=NOW + timedelta(seconds=2))
    healed = serving.current(LATER + REFRESH)
    assert (healed.model_version, healed.degraded) == (mended.version, ())


@every_damage
def test_a_damaged_model_at_the_start_falls_back_to_popularity_and_degraded_says_so(
    store: Documents, objects: FolderObjects, tmp_path: Path, ruin: Callable[[Path, str], None]
) -> None:
    ruin(tmp_path, _train(store, objects).version)
    _book(store, "b", now=NOW)
    snapshot = _serving(store, objects).current(NOW)
    assert (snapshot.model_version, snapshot.degraded) == (None, ("model",))
    assert _shown(snapshot, NOW) == [("b", "popularity"), ("a", "soonest"), ("c", "soonest")]
    with pytest.raises(MarqueeError):
        load(objects)


def test_loading_without_a_published_model_names_the_command(objects: FolderObjects) -> None:
    with pytest.raises(ArtifactError, match="run `venv/bin/marquee train`"):
        load(objects)


def test_an_outage_of_the_object_store_keeps_the_model(store: Documents, objects: FolderObjects) -> None:
    outage, version = Outage(), _train(store, objects).version
    serving = _serving(store, FragileObjects(objects, outage))
    serving.current(NOW)
    outage.is_on = True
    store.events.put([an_event("new")], now=LATER)
    snapshot = serving.current(LATER)
    assert (snapshot.model_version, snapshot.degraded) == (version, ("model",))
    assert "new" in dict(_shown(snapshot, LATER)), "events still come in"
    outage.is_on = False
    assert serving.current(LATER + REFRESH).degraded == ()


def test_an_outage_of_the_event_store_keeps_events_and_catches_up_later(
    store: Documents, objects: FolderObjects
) -> None:
    outage = Outage()
    serving = _serving(fragile(store, events=outage), objects)
    shown = _shown(serving.current(NOW), NOW)
    outage.is_on = True
    store.events.put([an_event("new")], now=NOW + timedelta(seconds=1))
    snapshot = serving.current(LATER)
    assert (snapshot.degraded, _shown(snapshot, LATER)) == (("events",), shown)
    much_later = LATER + timedelta(hours=5)
    assert serving.current(much_later).degraded == ("events",)
    outage.is_on = False
    assert "new" in dict(_shown(serving.current(much_later + REFRESH), much_later))


def test_an_outage_of_the_counts_keeps_popularity_and_catches_up_later(
    store: Documents, objects: FolderObjects
) -> None:
    outage = Outage()
    serving = _serving(fragile(store, counters=outage), objects)
    serving.current(NOW)
    outage.is_on = True
    _book(store, "c", now=NOW + timedelta(seconds=1))
    for now in (LATER, LATER + timedelta(hours=5)):
        snapshot = serving.current(now)
        assert (snapshot.degraded, _shown(snapshot, now)[0][0]) == (("popularity",), "a")
    outage.is_on = False
    at_last = LATER + timedelta(hours=6)
    assert _shown(serving.current(at_last), at_last)[0] == ("c", "popularity")


def test_with_all_stores_down_at_the_start_lists_are_empty_and_degraded(
    store: Documents, objects: FolderObjects
) -> None:
    outage = Outage(is_on=True)
    snapshot = _serving(fragile(store, events=outage), FragileObjects(objects, outage)).current(NOW)
    assert (_shown(snapshot, NOW), snapshot.degraded) == ([], ("model", "events"))


def test_with_the_event_store_down_at_the_start_the_model_serves_its_own_events(
    store: Documents, objects: FolderObjects
) -> None:
    version, outage = _train(store, objects).version, Outage(is_on=True)
    snapshot = _serving(fragile(store, events=outage), objects).current(NOW)
    assert (snapshot.model_version, snapshot.degraded) == (version, ("events",))
    assert [event_id for event_id, _ in _shown(snapshot, NOW)] == ["a", "b", "c"]


def test_a_new_model_never_restores_an_event_cancelled_since_its_training(
    store: Documents, objects: FolderObjects
) -> None:
    outage, first = Outage(), _train(store, objects).version
    serving = _serving(fragile(store, events=outage), objects)
    serving.current(NOW)
    second = _train(store, objects, now=NOW + timedelta(seconds=1)).version
    store.events.put([an_event("b", status=Status.CANCELLED)], now=NOW + timedelta(seconds=2))
    # The pointer to the second version arrives after the cancellation was merged, during an outage.
    pointer = known(objects.read(POINTER))
    objects.write(POINTER, json.dumps({"version": first}).encode(), generation=pointer.generation)
    assert "b" not in dict(_shown(serving.current(LATER), LATER))
    objects.write(POINTER, pointer.data, generation=known(objects.read(POINTER)).generation)
    outage.is_on = True
    snapshot = serving.current(LATER + REFRESH)
    assert (snapshot.model_version, snapshot.degraded) == (first, ("events",))
    assert "b" not in dict(_shown(snapshot, LATER + REFRESH))
    outage.is_on = False
    snapshot = serving.current(LATER + 2 * REFRESH)
    assert (snapshot.model_version, snapshot.degraded) == (second, ())
    assert "b" not in dict(_shown(snapshot, LATER + 2 * REFRESH))


def test_other_requests_are_answered_while_one_refreshes(store: Documents, objects: FolderObjects) -> None:
    entered, release = threading.Event(), threading.Event()

    class SlowEvents(FragileEvents):
        def changed_since(self, moment: datetime | None, *, after: str = "") -> Iterator[Event]:
            entered.set()
            assert release.wait(10)
            return super().changed_since(moment, after=after)

    serving = _serving(replace(store, events=SlowEvents(store.events, Outage())), objects)
    before = serving.current(NOW)
    store.events.put([an_event("new")], now=LATER)
    refreshing = threading.Thread(target=serving.current, args=[LATER])
    refreshing.start()
    assert entered.wait(10)
    assert serving.current(LATER) is before
    release.set()
    refreshing.join(10)
    assert "new" in dict(_shown(serving.current(LATER), LATER))


@pytest.mark.parametrize("model", trainable())
def test_every_model_takes_in_changed_events(objects: FolderObjects, model: str) -> None:
    store, data = documents(), laws.city()
    store.events.put(data.events, now=NOW - DAY)
    store.interactions.append(data.interactions, now=NOW - DAY)
    _train(store, objects, model=model)
    serving = _serving(store, objects)
    expected = laws.lists(laws.trained(model, data), data)
    assert laws.lists(serving.current(NOW).recommender, data) == expected
    store.events.put([an_event("new"), an_event("jazz_1", status=Status.CANCELLED)], now=NOW)
    found = laws.ids(laws.lists(serving.current(LATER).recommender, data))
    for user_id, items in laws.ids(expected).items():
        assert set(found[user_id]) == {*items, "new"} - {"jazz_1"}


class Failing:
    """Scorer that fails for users with a history, as no check foresaw."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.name = scorer.name
        self.prepare, self.personal_scores = scorer.prepare, scorer.personal_scores
        self.to_arrays, self.report = scorer.to_arrays, scorer.report

    def score(self, batch: UserBatch) -> NDArray[np.floating]:
        if not batch.is_cold_start():
            raise FloatingPointError("no check foresaw this")
        return self._scorer.score(batch)


def _break(serving: Serving) -> None:
    """Model in service that fails in requests from now on."""
    snapshot = serving._snapshot
    broken = replace(snapshot.recommender, scorer=cast("Scorer", Failing(snapshot.recommender.scorer)))
    serving._snapshot = replace(snapshot, model=CachedRecommender(broken))


def _context(store: Documents, serving: Serving, now: datetime) -> ServingContext:
    return ServingContext(serving, store, lambda: now, 2.0)


OF_FAN = ListRequest(user_id="fan", recent=("a",))


def _known_fan(store: Documents) -> None:
    entry = an_interaction("fan", "a", occurred_at=NOW - DAY, recorded_at=NOW - DAY)
    store.users.remember([entry])


def test_a_model_that_fails_in_a_request_is_put_back_to_the_one_before(
    store: Documents, objects: FolderObjects
) -> None:
    _known_fan(store)
    first = _train(store, objects).version
    second = _train(store, objects, now=NOW + timedelta(seconds=1)).version
    serving = _serving(store, objects)
    assert recommend(_context(store, serving, NOW), OF_FAN).model_version == second
    _break(serving)
    answer = recommend(_context(store, serving, NOW), OF_FAN)
    assert (answer.model_version, answer.degraded) == (first, ("model",))
    assert {item.event_id for item in answer.items} == {"b", "c"}
    later = recommend(_context(store, serving, LATER), OF_FAN)
    assert (later.model_version, later.degraded) == (first, ("model",)), "it does not return by itself"
    third = _train(store, objects, now=NOW + timedelta(seconds=2)).version
    assert recommend(_context(store, serving, LATER + REFRESH), OF_FAN).model_version == third


def test_without_a_version_before_popularity_answers_for_a_model_that_fails(
    store: Documents, objects: FolderObjects
) -> None:
    _known_fan(store)
    _book(store, "c", now=NOW)
    _train(store, objects)
    serving = _serving(store, objects)
    serving.current(NOW)
    _break(serving)
    answer = recommend(_context(store, serving, NOW), OF_FAN)
    assert (answer.model_version, answer.degraded) == (None, ("model",))
    assert [item.event_id for item in answer.items] == ["c", "b"]


def test_a_request_that_fails_without_the_model_too_costs_no_model(
    store: Documents, objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    _train(store, objects)
    version = _train(store, objects, now=NOW + timedelta(seconds=1)).version
    serving = _serving(store, objects)
    before = serving.current(NOW)

    def fail(*_: object, **__: object) -> None:
        raise FloatingPointError("a fault of the code")

    monkeypatch.setattr(shortlist, "build_list", fail)
    loads = 0

    def counted(objects: ObjectStore, version: str) -> tuple[Recommender, Manifest]:
        nonlocal loads
        loads += 1
        return load_version(objects, version)

    monkeypatch.setattr(snapshot_module, "load_version", counted)
    for _ in range(3):
        with pytest.raises(FloatingPointError):
            recommend(_context(store, serving, NOW), OF_FAN)
    assert serving.current(NOW).model_version == before.model_version == version
    assert loads == 1, "nobody can make an instance load models again and again by sending such requests"


def test_a_request_that_is_wrong_costs_no_model(store: Documents, objects: FolderObjects) -> None:
    _train(store, objects)
    serving = _serving(store, objects)
    before = serving.current(NOW)
    with pytest.raises(NotFound):
        similar(_context(store, serving, NOW), ListRequest(), event_id="nowhere", caller=Caller())
    assert serving.current(NOW) is before


def _shortened(folder: Path, version: str) -> None:
    """Damage with a valid digest: an array that is too short."""
    manifest = Manifest.from_json((folder / f"models/{version}/manifest.json").read_bytes())
    arrays = dict(unpack((folder / f"models/{version}/model.npz").read_bytes(), manifest))
    arrays["popularity.sums"] = arrays["popularity.sums"][:-1]
    data = pack(arrays)
    damage(folder, f"models/{version}/model.npz", lambda _: data)
    changed = replace(manifest, sha256=digest(data), arrays=describe(arrays))
    damage(folder, f"models/{version}/manifest.json", lambda _: changed.to_json())


@pytest.mark.parametrize("ruin", [*DAMAGES[:-2], _shortened], ids=lambda ruin: ruin.__name__)
def test_a_starting_instance_serves_the_version_before_a_damaged_one(
    store: Documents, objects: FolderObjects, tmp_path: Path, ruin: Callable[[Path, str], None]
) -> None:
    first = _train(store, objects).version
    second = _train(store, objects, now=NOW + timedelta(seconds=1)).version
    kept = {path: path.read_bytes() for path in (tmp_path / "models" / second).iterdir()}
    ruin(tmp_path, second)
    serving = _serving(store, objects)
    for now in (NOW, LATER):
        snapshot = serving.current(now)
        assert (snapshot.model_version, snapshot.degraded) == (first, ("model",))
        assert [event_id for event_id, _ in _shown(snapshot, now)] == ["a", "b", "c"]
    for path, data in kept.items():
        path.write_bytes(data)
    snapshot = serving.current(LATER + REFRESH)
    assert (snapshot.model_version, snapshot.degraded) == (second, ()), "it returns as soon as it can be read"


def test_a_model_that_fails_the_test_of_lists_is_not_taken(
    store: Documents, objects: FolderObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _train(store, objects).version
    serving = _serving(store, objects)
    serving.current(NOW)
    _train(store, objects, now=NOW + timedelta(seconds=1))
    monkeypatch.setattr(snapshot_module, "self_test", lambda *_: "its lists are wrong")
    snapshot = serving.current(LATER)
    assert (snapshot.model_version, snapshot.degraded) == (first, ("model",))
