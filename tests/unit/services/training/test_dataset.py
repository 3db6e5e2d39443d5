"""Training set: users who do not wish to be profiled teach models nothing."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.models.artifact import pack
from shared.models.registry import MODELS
from shared.services.training.dataset import Dataset, TrainingSet
from shared.services.training.ledger_sync import LedgerFiles, catch_up
from tests import laws
from tests.examples import DAY, NOW
from tests.runs import a_run, new_id
from tests.stores import documents

UNPROFILED = {"yoga_fan_0", "jazz_fan_1"}


def _city(*, profiling: bool) -> Dataset:
    """City whose users all declare the city they live in, and two users whether they may be profiled."""
    city = laws.city()
    users = {
        user_id: replace(user, city="Chicago", profiling=profiling or user_id not in UNPROFILED)
        for user_id, user in city.users.items()
    }
    return replace(city, users=users)


def _without_them(city: Dataset) -> Dataset:
    users = {user_id: user for user_id, user in city.users.items() if user_id not in UNPROFILED}
    return Dataset(city.events, users, tuple(done for done in city.interactions if done.user_id in users))


def _model(training_set: TrainingSet, model: str) -> bytes:
    return pack(training_set.fit(model, NOW, half_life_days=90.0).to_arrays())


def _of_ledger(city: Dataset, folder: Path) -> TrainingSet:
    folder.mkdir()
    files = LedgerFiles(FolderObjects(folder))
    with closing(documents()) as store:
        store.events.put(city.events, now=NOW - DAY)
        store.users.put([*city.users.values()], now=NOW - DAY)
        store.interactions.append(city.interactions, now=NOW - DAY)
        catch_up(store, files, a_run(FolderObjects(folder), now=NOW), new_id=new_id)
    return TrainingSet.of_ledger(files, now=NOW)


@pytest.mark.parametrize("model", MODELS)
def test_models_learn_nothing_from_users_who_do_not_wish_to_be_profiled(model: str) -> None:
    learned = _model(TrainingSet.of(_city(profiling=False), now=NOW), model)
    assert learned == _model(TrainingSet.of(_without_them(_city(profiling=False)), now=NOW), model)
    assert learned != _model(TrainingSet.of(_city(profiling=True), now=NOW), model)


def test_the_training_set_of_a_ledger_is_without_them_as_well(tmp_path: Path) -> None:
    with_wish = _of_ledger(_city(profiling=False), tmp_path / "wish")
    without = _of_ledger(_without_them(_city(profiling=False)), tmp_path / "without")
    assert with_wish.counts() == without.counts()
    assert dict(with_wish.users) == dict(without.users)
    assert _model(with_wish, "blend") == _model(without, "blend")
    assert with_wish.counts() != _of_ledger(_city(profiling=True), tmp_path / "allowed").counts()
