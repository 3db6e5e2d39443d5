"""Training pipeline on real stores: publication, gate, smoke test, lease, recovery and run documents."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.adapters.objects.folder import FolderObjects
from shared.adapters.process import run_smoke_test
from shared.deep.extra import is_installed
from shared.entities import InteractionType, Origin, anonymous
from shared.errors import ArtifactError, Conflict, DeadlineExceeded
from shared.ledger.index import POINTER as LEDGER
from shared.ledger.index import Ledger
from shared.models.artifact import Manifest, describe, digest, pack, unpack
from shared.models.baselines import TruncatedSVD
from shared.models.registry import trainable
from shared.ports import Documents, ObjectStore
from shared.selection.gate import Verdict
from shared.selection.judging import KINDS, REPORTED
from shared.services import registry
from shared.services.ingest.bulk_load import load_interactions
from shared.services.ingest.sign_in import sign_in
from shared.services.registry import POINTER, load_version
from shared.services.serving.snapshot import load
from shared.services.training import retrain as service
from shared.services.training.dataset import Dataset, TrainingSet
from shared.services.training.lease import DURATION, LEASE, Lease
from shared.services.training.model_selection import ChampionChallenger, Selection
from shared.services.training.retrain import Plan
from shared.services.training.run import FAILED, PUBLISHED, REFUSED, YIELDED, RunDocument, Step
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction
from tests.known import known
from tests.runs import Steps
from tests.stores import ContestedObjects, documents
from tests.training import a_trainer, run, train

WEEK = 7 * DAY

SECOND = timedelta(seconds=1)


@pytest.fixture
def store() -> Documents:
    empty, data = documents(), laws.city()
    empty.events.put(data.events, now=NOW - 2 * DAY)
    empty.users.put([*data.users.values()], now=NOW - 2 * DAY)
    empty.interactions.append(data.interactions, now=NOW - DAY)
    return empty


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return FolderObjects(tmp_path)


def _same(array: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    # Unknown numbers are NaN.
    return np.array_equal(array, other, equal_nan=array.dtype.kind == "f")


def _current(objects: ObjectStore) -> str:
    version: str = json.loads(known(objects.read(POINTER)).data)["version"]
    return version


def _stored(objects: ObjectStore, run_id: str = "20260501T120000Z") -> RunDocument:
    return RunDocument.from_json(known(objects.read(f"runs/{run_id}.json")).data)


@pytest.mark.parametrize("model", trainable())
def test_the_published_artifact_equals_the_trained_model(store: Documents, objects: ObjectStore, model: str) -> None:
    manifest = train(store, objects, model=model, suffix="one")
    assert _current(objects) == manifest.version == "20260501T120000Z-one"
    data = laws.city()
    expected = laws.trained(model, data)
    arrays = unpack(known(objects.read(f"models/{manifest.version}/model.npz")).data, manifest)
    differing = [name for name, array in expected.to_arrays().items() if not _same(array, arrays[name])]
    assert not differing
    assert laws.lists(load(objects).recommender, data) == laws.lists(expected, data)


def test_the_run_document_and_the_manifest_record_the_run(store: Documents, objects: ObjectStore) -> None:
    data, steps = laws.city(), Steps()
    document = run(store, objects, model="blend", report=steps, challengers_s=600)
    counts = {"events": len(data.events), "users": len(data.users), "interactions": len(data.interactions)}
    assert document.decision == PUBLISHED
    assert document.reason.startswith("passed; popularity all: +")
    assert document == _stored(objects)
    assert document.rows == counts | {f"new_{name}": count for name, count in counts.items()}
    # A read of every document, and the query that ends each of the three lists.
    assert document.reads == sum(counts.values()) + 3
    assert document.price_usd == pytest.approx(document.reads * 0.6e-6)
    assert document.peak_memory_mb > 10
    assert list(document.phases) == ["read", "compact", "load", "forecast", "trial", "drift", "fit", "check", "publish"]
    assert objects.names("forecasts/") == ["forecasts/2026-04-27.json"]
    assert set(trainable()) == document.metrics.keys()
    assert document.metrics["blend"]["ndcg@10"] > document.metrics["popularity"]["ndcg@10"] + 0.1
    assert set(document.comparisons) == {f"popularity {name}" for name in REPORTED}
    assert f"ndcg@10 {KINDS[0]}" in document.metrics["blend"]
    manifest = Manifest.from_json(known(objects.read(f"models/{document.version}/manifest.json")).data)
    assert (manifest.trained_at, manifest.watermark, manifest.counts) == (NOW, NOW, counts)
    assert manifest.metrics == document.metrics
    assert manifest.details["ledger"].keys() == {"events", "users", "interactions"}
    assert steps.names()[0] == "lease taken"
    assert steps.names()[-2:] == ["pointer moved", "run finished"]
    assert all(step.run_id == "20260501T120000Z" and step.phase for step in steps.taken)


def test_a_retry_of_a_schedule_does_not_train_twice(store: Documents, objects: ObjectStore) -> None:
    first = run(store, objects)
    before = {name: objects.read(name) for name in objects.names("")}
    store.interactions.append([an_interaction("u", "jazz_1")], now=NOW)
    listed = store.listed()
    assert run(store, objects) == first
    assert store.listed() == listed
    assert {name: objects.read(name) for name in objects.names("")} == before


def test_a_later_training_moves_the_pointer_and_keeps_the_earlier_version(
    store: Documents, objects: ObjectStore
) -> None:
    first = train(store, objects)
    second = train(store, objects, now=NOW + SECOND)
    assert _current(objects) == second.version
    assert f"models/{first.version}/manifest.json" in objects.names("models/")


def test_an_older_trainer_yields(store: Documents, objects: ObjectStore) -> None:
    newer = train(store, objects)
    older = run(store, objects, now=NOW - SECOND)
    assert (older.decision, older.reason, older.version) == (YIELDED, f"{newer.version} is newer", "")
    assert _current(objects) == newer.version


@pytest.mark.parametrize(("incumbent", "wins"), [("20260501T115959Z-old", True), ("20260501T120001Z-new", False)])
def test_of_two_concurrent_trainers_the_newer_version_stays_in_service(
    store: Documents, objects: ObjectStore, incumbent: str, *, wins: bool
) -> None:
    # The other trainer has uploaded its version.
    objects.write(f"models/{incumbent}/manifest.json", b"{}", generation=0)
    contested = ContestedObjects(objects, POINTER, [json.dumps({"version": incumbent}).encode()])
    document = run(store, contested)
    assert document.decision == (PUBLISHED if wins else YIELDED)
    assert _current(objects) == (document.version if wins else incumbent)


def test_publication_fails_after_ten_lost_races_for_the_pointer(store: Documents, objects: ObjectStore) -> None:
    pointers = [json.dumps({"version": f"2025-{n}"}).encode() for n in range(10)]
    with pytest.raises(Conflict, match="train again"):
        run(store, ContestedObjects(objects, POINTER, pointers))
    assert _current(objects) == "2025-9"
    assert _stored(objects).decision == FAILED


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_pointer_is_replaced_by_any_version(store: Documents, objects: ObjectStore, damaged: bytes) -> None:
    objects.write(POINTER, damaged, generation=0)
    assert _current_after(store, objects) == _current(objects)


def _current_after(store: Documents, objects: ObjectStore) -> str:
    return train(store, objects).version


def test_interactions_after_now_are_not_learned(store: Documents, objects: ObjectStore, tmp_path: Path) -> None:
    before = train(store, objects)
    later = [an_interaction(f"u{n}", "jazz_1", occurred_at=NOW + DAY) for n in range(9)]
    store.interactions.append(later, now=NOW + DAY)
    (tmp_path / "other").mkdir()
    after = train(store, FolderObjects(tmp_path / "other"))
    assert before.sha256 == after.sha256
    assert after.counts == before.counts


@pytest.mark.parametrize(
    "who",
    [
        {"user_id": "~visitor-{n:010}"},
        {"user_id": "account_{n}", "anonymous": True},
        # Accounts of today, who say that they acted a week ago.
        {"user_id": "fresh_{n}", "occurred_at": NOW - WEEK},
    ],
)
def test_two_hundred_ids_that_cost_nothing_teach_nothing(
    store: Documents, objects: ObjectStore, tmp_path: Path, who: dict[str, Any]
) -> None:
    before = train(store, objects)
    crowd = [
        an_interaction(event_id="yoga_9", **{"occurred_at": NOW - WEEK} | who | {"user_id": who["user_id"].format(n=n)})
        for n in range(200)
    ]
    store.interactions.append(crowd, now=NOW - timedelta(hours=1))
    (tmp_path / "other").mkdir()
    after = train(store, FolderObjects(tmp_path / "other"))
    assert before.sha256 == after.sha256
    assert after.counts == before.counts


@pytest.mark.parametrize("is_visitor", [True, False])
def test_two_hundred_ids_that_have_just_signed_in_teach_nothing(
    store: Documents,
    objects: ObjectStore,
    tmp_path: Path,
    is_visitor: bool,  # noqa: FBT001
) -> None:
    before = train(store, objects)
    for n in range(200):
        user_id, visitor = f"fresh_{n}", f"visitor-{n:010}"
        done = [an_interaction(anonymous(visitor) if is_visitor else user_id, "yoga_9", occurred_at=NOW - WEEK)]
        marked = [replace(entry, anonymous=not is_visitor) for entry in done]
        store.interactions.append(marked, now=NOW - timedelta(hours=2))
        joining = {"anonymous_id": visitor if is_visitor else user_id, "user_id": user_id}
        assert sign_in(store, **joining, now=NOW - timedelta(hours=1)).joined == 1
    (tmp_path / "other").mkdir()
    after = train(store, FolderObjects(tmp_path / "other"))
    assert before.sha256 == after.sha256
    assert after.counts == before.counts


def test_loaded_interactions_teach_however_young_they_are(objects: ObjectStore) -> None:
    store, data = documents(), laws.city()
    store.events.put(data.events, now=NOW)
    recent = [replace(entry, occurred_at=NOW - 5 * DAY + n * SECOND) for n, entry in enumerate(data.interactions)]
    load_interactions(store, recent, now=NOW)
    stored = list(store.interactions.since(None))
    assert {entry.origin for entry in stored} == {Origin.LOAD}
    assert train(store, objects, now=NOW + SECOND).counts["interactions"] == len(stored)


def _learned(store: Documents, folder: Path) -> tuple[Any, ...]:
    """Results of a training and of the gate of the next one: what they have learned and measured."""
    folder.mkdir()
    objects = FolderObjects(folder)
    first = train(store, objects, model="blend")
    judged = run(store, objects, model="svd", now=NOW + SECOND)
    return first.sha256, first.counts, first.metrics, judged.metrics, judged.comparisons


@pytest.mark.parametrize("who", [{"user_id": "~visitor-{n:010}"}, {"user_id": "account_{n}", "anonymous": True}])
def test_visitors_of_many_days_are_in_no_matrix_no_sample_and_no_gate(
    store: Documents, tmp_path: Path, who: dict[str, Any]
) -> None:
    before = _learned(store, tmp_path / "before")
    crowd = [
        an_interaction(event_id=event_id, **{"occurred_at": NOW - age} | who | {"user_id": who["user_id"].format(n=n)})
        for n in range(60)
        for event_id, age in (("yoga_8", 9 * DAY), ("yoga_9", 3 * DAY))
    ]
    for entry in crowd:
        store.interactions.append([entry], now=entry.occurred_at)
    assert _learned(store, tmp_path / "after") == before
    of_entities = TrainingSet.of(Dataset((), {}, tuple(crowd)), now=NOW)
    assert len(of_entities.table) == 0


def test_an_empty_store_gives_a_model_without_recommendations(objects: ObjectStore) -> None:
    for number, model in enumerate(trainable()):
        document = run(documents(), objects, model=model, now=NOW + number * SECOND)
        assert document.reason == "there is no history yet to judge a model by"
        assert load(objects).recommend(k=10, now=NOW) == []


def test_interactions_may_name_events_that_are_gone(objects: ObjectStore) -> None:
    store = documents()
    store.events.put([an_event("a")], now=NOW)
    given = [an_interaction(f"u{n}", event_id) for n in range(3) for event_id in ("a", "gone")]
    given += [an_interaction("u0", "", InteractionType.SEARCH, query="jazz")]
    store.interactions.append(given, now=NOW - DAY)
    train(store, objects, model="svd")
    assert [item.event_id for item in load(objects).recommend([("gone", "booking")], k=10, now=NOW)] == ["a"]


def test_a_model_with_too_few_users_to_judge_is_published_with_a_note(objects: ObjectStore) -> None:
    store = documents()
    store.events.put([an_event(name) for name in "abc"], now=NOW)
    given = [an_interaction(f"u{n}", name, occurred_at=NOW - n * DAY) for n in range(1, 5) for name in "ab"]
    store.interactions.append(given, now=NOW - DAY)
    document = run(store, objects, model="blend")
    assert document.decision == PUBLISHED
    assert "users can be judged, of at least 20" in document.reason
    assert len(load(objects).recommend(k=10, now=NOW)) == 3


def test_a_worse_challenger_is_refused_and_the_old_model_stays(store: Documents, objects: ObjectStore) -> None:
    good = train(store, objects, model="blend")
    _add_later_interactions(store)
    document = run(store, objects, model="popularity", now=NOW + 20 * DAY)
    assert document.decision == REFUSED
    assert "worse than the model in service, all: -0." in document.reason
    assert document.comparisons["served all"]["high"] < 0
    assert _current(objects) == good.version
    assert _stored(objects, document.run_id) == document


def _add_later_interactions(store: Documents) -> None:
    """Interactions after the first training: all users book more events of their kind."""
    later = laws.moved(laws.city(), 45 * DAY)
    store.events.put([replace(event, event_id=f"later_{event.event_id}") for event in later.events], now=NOW + DAY)
    more = [
        an_interaction(
            interaction.user_id,
            f"later_{interaction.event_id}",
            interaction.type,
            occurred_at=NOW + (interaction.occurred_at - NOW) / 9,
        )
        for interaction in later.interactions
        if interaction.occurred_at > NOW
    ]
    store.interactions.append(more, now=NOW + 15 * DAY)


def test_the_incumbent_itself_is_judged_with_enough_users_since_its_training(
    store: Documents, objects: ObjectStore
) -> None:
    train(store, objects, model="popularity")
    _add_later_interactions(store)
    document = run(store, objects, model="blend", now=NOW + 20 * DAY)
    assert document.decision == PUBLISHED
    assert "stands in" not in document.reason
    assert document.metrics["served"]["users"] >= 20
    assert document.comparisons["served all"]["low"] > 0


def test_a_refitted_model_stands_in_for_the_incumbent_with_too_few_users(
    store: Documents, objects: ObjectStore
) -> None:
    train(store, objects, model="svd")
    document = run(store, objects, model="svd", now=NOW + SECOND)
    assert document.decision == PUBLISHED
    assert "trained too lately to be judged itself; svd stands in" in document.reason
    assert document.comparisons["served all"] == {"users": document.metrics["svd"]["users"]} | dict.fromkeys(
        ("mean", "low", "high"), 0.0
    )


@pytest.mark.skipif(is_installed(), reason="PyTorch is installed")
def test_an_incumbent_whose_kind_cannot_be_trained_here_is_not_compared(store: Documents, objects: ObjectStore) -> None:
    _, manifest = load_version(objects, train(store, objects, model="popularity").version)
    data = known(objects.read(f"models/{manifest.version}/model.npz")).data
    none: dict[str, NDArray[Any]] = {
        "bias": np.empty(0, np.float16),
        "columns": np.empty(0, np.int32),
        "features": np.empty(0, "S1"),
    }
    for name in ("embeddings", "text", "layer", "history", "declared"):
        none[name] = np.empty((0, 0), np.float16)
    arrays = unpack(data, manifest) | {f"towers.{name}": array for name, array in none.items()}
    data = pack(arrays)
    towers = replace(
        manifest, version=f"{manifest.version}z", model="towers", sha256=digest(data), arrays=describe(arrays)
    )
    assert registry.publish(objects, towers, data, began=NOW, uploaded=lambda: None) == ""
    document = run(store, objects, model="svd", now=NOW + SECOND)
    assert document.decision == PUBLISHED
    assert "trained too lately to be judged, and towers cannot be trained here" in document.reason
    assert "served" not in document.metrics


def test_a_challenger_that_is_better_beyond_the_interval_is_published(store: Documents, objects: ObjectStore) -> None:
    document = run(store, objects, model="popularity", challengers_s=600)
    assert document.decision == PUBLISHED
    manifest = Manifest.from_json(known(objects.read(f"models/{document.version}/manifest.json")).data)
    assert manifest.model != "popularity"
    assert f"the challenger {manifest.model} is better than popularity" in document.reason


def test_challengers_without_time_left_are_skipped_with_a_note(store: Documents, objects: ObjectStore) -> None:
    document = run(store, objects, model="svd")
    assert document.metrics.keys() == {"svd", "popularity"}
    assert "no time left to try blend" in document.reason


def test_a_first_model_that_does_not_beat_popularity_publishes_popularity(objects: ObjectStore) -> None:
    store = documents()
    store.events.put([an_event(f"e{n}", starts_at=NOW + (n + 1) * DAY) for n in range(9)], now=NOW)
    # All users book the event of the day: there are no personal preferences to learn.
    given = [
        an_interaction(f"u{n}", event_id, occurred_at=NOW - n % 30 * DAY / 7)
        for n in range(300)
        for event_id in (f"e{n % 2}", f"e{2 + n % 7}")
    ]
    store.interactions.append(given, now=NOW - DAY)
    document = run(store, objects, model="svd")
    assert document.decision == PUBLISHED
    if "popularity is to serve first" in document.reason:
        assert load(objects).recommend(k=1, now=NOW)[0].source == "popularity"
    else:
        assert document.comparisons["popularity all"]["mean"] > 0


def _of_nan(self: TruncatedSVD, *_: object, n_events: int, **__: object) -> TruncatedSVD:
    self.vectors_ = np.full((n_events, 2), np.nan, np.float32)
    return self


def test_a_model_of_nan_is_refused(store: Documents, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    good = train(store, objects)
    monkeypatch.setattr(TruncatedSVD, "fit", _of_nan)
    document = run(store, objects, model="svd", now=NOW + SECOND)
    assert document.decision == REFUSED
    assert _current(objects) == good.version
    monkeypatch.setattr(ChampionChallenger, "run", _approves)
    document = run(store, objects, model="svd", now=NOW + 2 * SECOND)
    assert (document.decision, document.reason) == (REFUSED, "array svd.vectors holds values that are not finite")
    assert _current(objects) == good.version


def _approves(self: object, *_: object) -> Selection:
    return Selection("svd", {}, Verdict(publish=True, reason="whatever"))


def test_a_model_that_a_fresh_process_cannot_use_is_refused(store: Documents, objects: ObjectStore) -> None:
    good = train(store, objects)

    def fails(_: bytes) -> bytes:
        raise ArtifactError("it crashed")

    trainer = replace(a_trainer(store, objects, now=NOW + SECOND), run_smoke_test=fails)
    plan = Plan(model="svd", half_life_days=90, challengers_s=0)
    document = service.retrain(trainer, plan, scheduled_at=NOW + SECOND)
    assert (document.decision, document.reason) == (REFUSED, "a fresh process could not use it: it crashed")
    lies = replace(a_trainer(store, objects, now=NOW + 2 * SECOND), run_smoke_test=lambda _: b"[]")
    document = service.retrain(lies, plan, scheduled_at=NOW + 2 * SECOND)
    assert document.reason.startswith("a fresh process answers differently")
    assert _current(objects) == good.version


@pytest.mark.parametrize("model", trainable())
def test_a_fresh_process_gives_the_same_recommendations(store: Documents, objects: ObjectStore, model: str) -> None:
    trainer = replace(a_trainer(store, objects), run_smoke_test=run_smoke_test)
    plan = Plan(model=model, half_life_days=90, challengers_s=0)
    assert service.retrain(trainer, plan, scheduled_at=NOW).decision == PUBLISHED


def test_a_failed_smoke_test_process_reports_its_error() -> None:
    with pytest.raises(ArtifactError, match=r"(?s)shared\.services\.training\.smoke_test: ended with status 1: .*JSON"):
        run_smoke_test(b"nonsense")


def test_a_run_yields_to_a_held_lease_and_trains_after_it_expires(store: Documents, objects: ObjectStore) -> None:
    Lease.take(objects, "crashed", lambda: NOW)
    document = run(store, objects, now=NOW + SECOND)
    assert document.decision == YIELDED
    assert "run crashed is training and holds the lease until 2026-05-01T12:10:00Z" in document.reason
    assert objects.names("runs/") == [LEASE]
    assert objects.names("ledger/") == []
    assert run(store, objects, now=NOW + DURATION).decision == PUBLISHED


def test_a_run_that_lost_its_lease_stops(store: Documents, objects: ObjectStore) -> None:
    def overtaken(step: Step) -> None:
        if step.name == "ledger loaded":
            current = known(objects.read(LEASE))
            taken = json.dumps({"owner": "other", "until": (NOW + DAY).isoformat()}).encode()
            objects.write(LEASE, taken, generation=current.generation)
            clock["now"] = NOW + DURATION / 2

    clock = {"now": NOW}
    trainer = replace(a_trainer(store, objects, report=overtaken), clock=lambda: clock["now"])
    with pytest.raises(Conflict, match=LEASE):
        service.retrain(trainer, Plan(model="popularity", half_life_days=90), scheduled_at=NOW)
    assert objects.read(POINTER) is None
    assert _stored(objects).decision == FAILED
    assert json.loads(known(objects.read(LEASE)).data)["owner"] == "other"


def test_a_run_past_its_deadline_stops_and_may_be_repeated(store: Documents, objects: ObjectStore) -> None:
    clock = {"now": NOW}

    def slow(step: Step) -> None:
        clock["now"] += timedelta(minutes=5)

    trainer = replace(a_trainer(store, objects, report=slow), clock=lambda: clock["now"])
    plan = Plan(model="popularity", half_life_days=90)
    with pytest.raises(DeadlineExceeded, match="stopped itself"):
        service.retrain(trainer, plan, scheduled_at=NOW)
    assert "stopped itself" in _stored(objects).reason
    assert run(store, objects).decision == PUBLISHED


def test_drift_is_measured_against_the_training_data_of_the_incumbent(store: Documents, objects: ObjectStore) -> None:
    regulars = [
        an_interaction(
            f"regular_{n % 60}", f"{'jazz' if n % 2 else 'yoga'}_{n % 7}", InteractionType.VIEW, interaction_id=f"r{n}"
        )
        for n in range(900)
    ]
    store.interactions.append(regulars, now=NOW - DAY)
    assert run(store, objects, model="svd").drift == {}
    document = run(store, objects, model="svd", now=NOW + SECOND)
    assert document.drift["verdict"] == "stable"
    quantities = {finding["quantity"] for finding in document.drift["findings"]}
    assert quantities >= {"type", "slot", "price", "unknown_events"}
    crowd = [
        an_interaction(f"tourist_{n}", f"unheard_{n % 3}", InteractionType.CLICK, occurred_at=NOW) for n in range(900)
    ]
    store.interactions.append(crowd, now=NOW + SECOND)
    # The accounts of the crowd are established when they are a day old.
    document = run(store, objects, model="svd", now=NOW + DAY + SECOND)
    assert document.drift["verdict"] == "drifted"
    findings = document.drift["findings"]
    verdicts = {(finding["quantity"], finding["detector"]): finding["verdict"] for finding in findings}
    assert verdicts["type", "psi"] == verdicts["unknown_events", "share"] == "drifted"


def test_a_reread_starts_a_new_ledger(store: Documents, objects: ObjectStore) -> None:
    train(store, objects)
    before = Ledger.from_json(known(objects.read(LEDGER)).data)
    plan = Plan(model="popularity", half_life_days=90, reread=True)
    document = service.retrain(a_trainer(store, objects, now=NOW + DAY), plan, scheduled_at=NOW + DAY)
    after = Ledger.from_json(known(objects.read(LEDGER)).data)
    assert document.rows["new_interactions"] == len(laws.city().interactions)
    assert not before.names() & after.names()
    assert set(objects.names("ledger/")) == {*after.names(), LEDGER}


@pytest.mark.parametrize("reread", [False, True])
def test_nothing_older_than_the_limit_is_learned(store: Documents, tmp_path: Path, reread: bool) -> None:  # noqa: FBT001  # a parameter
    def trained(folder: str, keep_days: int | None) -> Manifest:
        (tmp_path / folder).mkdir(exist_ok=True)
        objects = FolderObjects(tmp_path / folder)
        plan = Plan(model="svd", half_life_days=90, challengers_s=0, reread=reread, keep_days=keep_days)
        at = NOW + DAY if keep_days else NOW
        document = service.retrain(a_trainer(store, objects, now=at), plan, scheduled_at=at)
        return registry.read_manifest(objects, document.version)

    expected = trained("young", 61)
    old = [an_interaction(f"old_{n}", f"gone_{n}", occurred_at=NOW - 61 * DAY) for n in range(9)]
    store.interactions.append(old, now=NOW - 2 * SECOND)
    assert trained("old", None).counts["interactions"] == expected.counts["interactions"] + 9
    found = trained("old", 61)
    assert (found.counts, found.sha256) == (expected.counts, expected.sha256)


def test_forgotten_users_are_in_no_file_after_the_next_run(
    store: Documents, objects: ObjectStore, tmp_path: Path
) -> None:
    train(store, objects)
    store.personal.erase("jazz_fan_3", now=NOW)
    store.personal.mark("jazz_fan_3", at=NOW)
    document = run(store, objects, now=NOW + DAY)
    assert document.rows["interactions"] < len(laws.city().interactions)
    assert document.rows["users"] == len(laws.city().users) - 1
    assert all(b"jazz_fan_3" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_run_killed_after_moving_the_pointer_is_not_repeated(store: Documents, objects: ObjectStore) -> None:
    first = run(store, objects)
    objects.delete(f"runs/{first.run_id}.json")
    again = run(store, objects)
    assert (again.decision, again.version, again.metrics) == (PUBLISHED, first.version, first.metrics)
    assert again.reason == "published by an attempt that was cut short after it"
    assert len([name for name in objects.names("models/") if name.endswith("manifest.json")]) == 1


def test_the_decision_of_another_attempt_is_not_replaced(store: Documents, objects: ObjectStore) -> None:
    def overtaken(step: Step) -> None:
        if step.name == "model fitted":
            objects.delete(LEASE)
            made.append(run(store, objects))
            clock["now"] = NOW + DURATION / 2

    clock, made = {"now": NOW}, list[RunDocument]()
    trainer = replace(a_trainer(store, objects, report=overtaken), clock=lambda: clock["now"])
    with pytest.raises(Conflict):
        service.retrain(trainer, Plan(model="popularity", half_life_days=90), scheduled_at=NOW)
    assert made[0].decision == PUBLISHED
    assert _stored(objects) == made[0]


def test_a_run_that_ends_at_its_deadline_has_ended(store: Documents, objects: ObjectStore) -> None:
    clock = {"now": NOW}

    def slow_at_the_end(step: Step) -> None:
        if step.name == "run finished":
            clock["now"] += DAY

    trainer = replace(a_trainer(store, objects, report=slow_at_the_end), clock=lambda: clock["now"])
    document = service.retrain(trainer, Plan(model="popularity", half_life_days=90), scheduled_at=NOW)
    assert document.decision == _stored(objects).decision == PUBLISHED
    assert json.loads(known(objects.read(LEASE)).data)["owner"] == ""


def test_the_lease_is_released_when_a_run_document_cannot_be_stored(store: Documents, objects: ObjectStore) -> None:
    trainer = a_trainer(store, ContestedObjects(objects, "runs/20260501T120000Z.json", [b"{"]))
    with pytest.raises(Conflict):
        service.retrain(trainer, Plan(model="popularity", half_life_days=90), scheduled_at=NOW)
    assert json.loads(known(objects.read(LEASE)).data)["owner"] == ""
    assert run(store, objects, now=NOW + SECOND).decision != YIELDED
