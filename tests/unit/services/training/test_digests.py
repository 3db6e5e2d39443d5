"""Digests: what a training learns from one, which are refused, and what a killed job leaves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from shared.adapters.digesters.arrays import ArrayDigester
from shared.adapters.objects.folder import FolderObjects
from shared.entities import Interaction, User
from shared.errors import ArtifactError, Conflict, NotFound
from shared.feedback.drawing import buckets
from shared.feedback.eventsums import QUANTISATION
from shared.ledger.digest import FOLDER, POINTER, Digest
from shared.ledger.index import Ledger
from shared.monitoring.bookings import BookedWeeks
from shared.ports import Documents, ObjectStore, Reduction
from shared.services import registry
from shared.services.training import digests, ledger_update
from shared.services.training.dataset import TrainingSet
from shared.services.training.lease import Lease
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.ledger_update import TOO_LARGE
from shared.services.training.make_digest import make_digest
from shared.services.training.retrain import Plan, retrain
from shared.services.training.run import PUBLISHED, RunDocument, Step
from tests import laws
from tests.engines import ledgers
from tests.examples import DAY, NOW
from tests.known import known
from tests.stores import documents
from tests.training import a_trainer, train

LATER = NOW + DAY / 24


@pytest.fixture
def store() -> Documents:
    empty, data = documents(), laws.city()
    empty.events.put(data.events, now=NOW - 2 * DAY)
    empty.users.put([*data.users.values()], now=NOW - 2 * DAY)
    empty.interactions.append(data.interactions, now=NOW - 2 * DAY)
    return empty


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return FolderObjects(tmp_path)


def _make(store: Documents, objects: ObjectStore, now: datetime = NOW, **given: Any) -> Digest:
    return make_digest(a_trainer(store, objects, now=now), ArrayDigester(objects), now=now, **given)


def _train(store: Documents, objects: ObjectStore, now: datetime = NOW, model: str = "blend") -> RunDocument:
    plan = Plan(model=model, half_life_days=90.0, challengers_s=0, from_digest=True)
    scheduled_at = digests.described(objects).now
    return retrain(a_trainer(store, objects, now=now), plan, scheduled_at=scheduled_at)


def _of_digest(objects: ObjectStore, store: Documents, now: datetime = NOW) -> TrainingSet:
    files = LedgerFiles(objects)
    digest = digests.current(objects, files.ledger, now=now)
    return digests.training_set(files, digest, store.personal.forgotten())


def _same_table(one: TrainingSet, other: TrainingSet) -> bool:
    columns = [field.name for field in fields(one.table) if not field.name.startswith("user")]
    pairs = [(getattr(one.table, name), getattr(other.table, name)) for name in columns]
    # Whoever taught nothing may be missing among the users.
    actors = [each.table.users.ids(each.table.user_rows) for each in (one, other)]
    return actors[0] == actors[1] and all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def test_a_digest_of_everybody_gives_the_training_set_of_the_ledger(store: Documents, objects: ObjectStore) -> None:
    made = _make(store, objects)
    direct = TrainingSet.of_ledger(LedgerFiles(objects), now=NOW)
    digested = _of_digest(objects, store)
    assert _same_table(digested, direct)
    assert digested.counts() == direct.counts()
    assert (digested.cutoff, digested.odd, dict(digested.users)) == (direct.cutoff, direct.odd, dict(direct.users))
    cutoff = known(direct.cutoff)
    for moment in (NOW, cutoff):
        found, expected = digested.totals.popularity(moment), direct.totals.popularity(moment)
        np.testing.assert_allclose(found.sums, expected.sums, rtol=QUANTISATION)
        np.testing.assert_allclose(found.before, expected.before, rtol=QUANTISATION)
        assert np.array_equal(digested.totals.is_known(moment), direct.totals.is_known(moment))
    assert np.array_equal(digested.totals.recent(), direct.totals.recent())
    assert made.interactions == len(direct.table)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ledgers.interactions, ledgers.users)
def test_sums_are_those_of_the_direct_training(done: list[Interaction], users: list[User]) -> None:
    with TemporaryDirectory() as folder:
        objects, _ = ledgers.write(Path(folder), done, users)
        store = documents()
        digest = _make(store, objects, ledgers.NOW)
        direct = TrainingSet.of_ledger(LedgerFiles(objects), now=ledgers.NOW)
        digested = _of_digest(objects, store, ledgers.NOW)
        assert _same_table(digested, direct)
        assert digested.counts() == direct.counts()
        assert digested.odd == direct.odd
        for moment in digest.moments:
            found, expected = digested.totals.popularity(moment), direct.totals.popularity(moment)
            np.testing.assert_allclose(found.sums, expected.sums, rtol=QUANTISATION)
            np.testing.assert_allclose(found.before, expected.before, rtol=QUANTISATION)
            assert np.array_equal(digested.totals.is_known(moment), direct.totals.is_known(moment))
        assert np.array_equal(digested.totals.recent(), direct.totals.recent())
        assert _cells(digested.totals.bookings(digest.week)) == _cells(direct.totals.bookings(digest.week))


def test_a_training_from_a_digest_publishes_what_the_sample_taught(store: Documents, objects: ObjectStore) -> None:
    made = _make(store, objects, max_learned=60)
    drawn = _of_digest(objects, store).table
    assert 0 < len(drawn) <= 60 < made.interactions
    assert set(buckets(drawn.users.keys)) <= set(range(made.last_bucket + 1))
    document = _train(store, objects, LATER)
    assert document.decision == PUBLISHED, document.reason
    assert document.rows["interactions"] == made.interactions
    manifest = registry.read_manifest(objects, document.version)
    assert manifest.trained_at == NOW
    assert objects.names("forecasts/")
    assert _train(store, objects, LATER) == document


def test_the_sample_of_a_digest_is_that_of_a_direct_training(store: Documents, objects: ObjectStore) -> None:
    _make(store, objects, max_learned=60)
    direct = TrainingSet.of_ledger(LedgerFiles(objects), now=NOW)
    assert _of_digest(objects, store).table.users.ids() == direct.table.of_some_users(60).users.ids()


def test_the_model_in_service_is_judged_as_of_its_training(store: Documents, objects: ObjectStore) -> None:
    train(store, objects, model="blend", now=NOW - DAY)
    made = _make(store, objects)
    assert NOW - DAY in made.moments
    document = _train(store, objects)
    assert document.decision == PUBLISHED or "served" in document.metrics, document.reason
    assert document.drift["verdict"]


def test_without_a_digest_a_training_says_how_to_make_one(store: Documents, objects: ObjectStore) -> None:
    with pytest.raises(NotFound, match="marquee digest"):
        _of_digest(objects, store)


def test_a_digest_of_an_earlier_ledger_is_refused(store: Documents, objects: ObjectStore) -> None:
    _make(store, objects)
    files = LedgerFiles(objects)
    files.commit(replace(files.ledger, forgotten_until=NOW))
    with pytest.raises(ArtifactError, match="which has changed since; make one with `marquee digest`"):
        _of_digest(objects, store)


def test_a_digest_that_is_too_old_is_refused(store: Documents, objects: ObjectStore) -> None:
    _make(store, objects)
    with pytest.raises(ArtifactError, match="of the latest 2 days"):
        _of_digest(objects, store, NOW + digests.MAX_AGE + DAY)


def test_a_training_from_the_ledger_deletes_the_digest_before_it(store: Documents, objects: ObjectStore) -> None:
    _make(store, objects)
    train(store, objects, now=LATER)
    assert objects.names(FOLDER) == []


def test_who_was_forgotten_since_is_in_no_sample(store: Documents, objects: ObjectStore) -> None:
    _make(store, objects)
    store.personal.mark("jazz_fan_3", at=LATER)
    store.personal.erase("jazz_fan_3", now=LATER)
    learned = _of_digest(objects, store, LATER)
    assert "jazz_fan_3" not in learned.table.users.ids()
    assert "jazz_fan_3" not in set(learned.users)


def test_sums_as_of_another_time_are_refused(store: Documents, objects: ObjectStore) -> None:
    _make(store, objects)
    with pytest.raises(ArtifactError, match="the model in service has changed since"):
        _of_digest(objects, store).totals.popularity(NOW - DAY)
    with pytest.raises(ArtifactError, match="make another"):
        _of_digest(objects, store).totals.bookings(date(2026, 1, 5))


class _Killed(BaseException):
    """End of a process."""


class _KilledDigester(ArrayDigester):
    """Digester that is killed before one of its steps."""

    def __init__(self, objects: ObjectStore, step: str) -> None:
        super().__init__(objects)
        self._step = step

    @contextmanager
    def reduce(self, ledger: Ledger, now: datetime) -> Iterator[Reduction]:
        with super().reduce(ledger, now) as reduction:

            def end(*_: object) -> None:
                raise _Killed

            setattr(reduction, self._step, end)
            yield reduction


@pytest.mark.parametrize("step", ["counts", "interactions", "users", "sums", "bookings"])
def test_a_killed_digest_leaves_none_and_the_next_one_cleans_up(
    step: str, store: Documents, objects: ObjectStore
) -> None:
    with pytest.raises(_Killed):
        make_digest(a_trainer(store, objects), _KilledDigester(objects, step), now=NOW)
    with pytest.raises(NotFound):
        digests.described(objects)
    made = _make(store, objects, LATER)
    assert set(objects.names(FOLDER)) == {POINTER, *(chunk.name for chunk in made.files.values())}


class _FrugalDigester(ArrayDigester):
    """Digester that does not hold all interactions in memory."""

    holds_all = False  # type: ignore[misc]


def test_who_holds_a_large_ledger_in_memory_is_warned_before(
    store: Documents, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Step] = []
    trainer = replace(a_trainer(store, objects), report=steps.append)

    def warnings() -> list[str]:
        found = [step.message for step in steps if step.name == TOO_LARGE]
        names = [step.name for step in steps]
        assert not found or names.index(TOO_LARGE) < names.index(before)
        steps.clear()
        return found

    before = "users counted"
    make_digest(trainer, ArrayDigester(objects), now=NOW)
    assert not warnings()
    monkeypatch.setattr(ledger_update, "MAX_IN_MEMORY", 100)
    make_digest(trainer, ArrayDigester(objects), now=NOW)
    assert ["--engine duckdb" in message for message in warnings()] == [True]
    make_digest(trainer, _FrugalDigester(objects), now=NOW)
    assert not warnings()
    before = "ledger loaded"
    retrain(trainer, Plan(model="popularity", half_life_days=90.0, challengers_s=0), scheduled_at=NOW)
    assert ["from a digest" in message for message in warnings()] == [True]


class _ChangingDigester(ArrayDigester):
    """Digester during whose work the ledger changes."""

    @contextmanager
    def reduce(self, ledger: Ledger, now: datetime) -> Iterator[Reduction]:
        with super().reduce(ledger, now) as reduction:
            yield reduction
        files = LedgerFiles(self._objects)
        files.commit(replace(files.ledger, forgotten_until=now))


def test_a_ledger_that_changes_meanwhile_gets_no_digest(store: Documents, objects: ObjectStore) -> None:
    with pytest.raises(Conflict, match="make it again"):
        make_digest(a_trainer(store, objects), _ChangingDigester(objects), now=NOW)
    assert POINTER not in objects.names(FOLDER)


def test_no_digest_is_made_beside_a_training(store: Documents, objects: ObjectStore) -> None:
    Lease.take(objects, "other", lambda: NOW)
    with pytest.raises(Conflict, match="other"):
        _make(store, objects)


@pytest.mark.parametrize(
    ("field", "value"),
    [("format", 2), ("moments", "now"), ("files", {}), ("week", "soon"), ("interactions", None), ("mended", [1])],
)
def test_a_damaged_description_is_refused(field: str, value: object, store: Documents, objects: ObjectStore) -> None:
    _make(store, objects)
    blob = known(objects.read(POINTER))
    changed = json.dumps({**json.loads(blob.data), field: value}).encode()
    objects.write(POINTER, changed, generation=blob.generation)
    with pytest.raises(ArtifactError, match=POINTER):
        digests.described(objects)


@pytest.mark.parametrize("name", ["sums", "bookings", "interactions", "users"])
def test_a_damaged_file_is_refused_by_name(name: str, store: Documents, objects: ObjectStore) -> None:
    made = _make(store, objects)
    blob = known(objects.read(made.files[name].name))
    objects.write(made.files[name].name, b"damaged", generation=blob.generation)
    with pytest.raises(ArtifactError, match=f"{name}.parquet"):
        _of_digest(objects, store)


def _cells(booked: BookedWeeks) -> set[tuple[int, int, int]]:
    return set(zip(booked.event_rows.tolist(), booked.back.tolist(), booked.counts.tolist(), strict=True))
