"""Training set: users who do not wish to be profiled teach models nothing."""

from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.entities import InteractionType, User
from shared.feedback.weights import CODES
from shared.models.artifact import pack
from shared.models.registry import trainable
from shared.services.training.dataset import Dataset, TrainingSet
from shared.services.training.ledger_sync import LedgerFiles, catch_up
from tests import laws
from tests.examples import DAY, NOW, an_interaction
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


@pytest.mark.parametrize("model", trainable())
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


GOOD, BAD = ("sin duda lo mejor", "es war schön", "非常精彩"), ("qué aburrido", "es war schrecklich", "太无聊了")


def _reviewed(*, starred: int) -> Dataset:
    """City with `starred` reviews of 1 or 5 stars, and one good and one bad review without stars of each user."""
    city = laws.city()
    users = [f"critic_{number}" for number in range(60)]
    events = [event.event_id for event in city.events[:14]]
    reviews = []
    for number, (event_id, user_id) in enumerate(product(events, users)):
        place, is_good = divmod(number, 2)[0], number % 2 == 0
        text = (GOOD if is_good else BAD)[place % 3]
        is_starred = number < starred
        if is_starred or number >= 60 * 12:
            stars = (5.0 if is_good else 1.0) if is_starred else None
            review = an_interaction(user_id, event_id, InteractionType.REVIEW, value=stars, text=text)
            reviews.append(replace(review, occurred_at=NOW - 20 * DAY))
    profiles = city.users | {"critic_0": User(user_id="critic_0", profiling=False)}
    return replace(city, users=profiles, interactions=(*city.interactions, *reviews))


def _stars(training_set: TrainingSet) -> dict[str, float]:
    table = training_set.table
    rows = np.flatnonzero(table.codes == CODES[InteractionType.REVIEW])
    keys = zip(table.users.ids(table.user_rows[rows]), table.event_rows[rows].tolist(), strict=True)
    return dict(zip([f"{user} {event}" for user, event in keys], table.values[rows].tolist(), strict=True))


def test_stars_of_reviews_are_estimated_alike_from_entities_and_from_a_ledger(tmp_path: Path) -> None:
    data = _reviewed(starred=600)
    of_ledger, of_entities = _of_ledger(data, tmp_path / "ledger"), TrainingSet.of(data, now=NOW)
    assert of_ledger.reviews == pytest.approx(of_entities.reviews, rel=0.01)
    # Twelve of the reviews, ten of them with stars, are by somebody who does not wish to be profiled.
    assert (of_ledger.reviews["fitted"], of_ledger.reviews["estimated"]) == (590, 118)
    assert of_ledger.reviews["correlation"] > 0.9
    stars = _stars(of_ledger)
    assert len(stars) == 708
    assert stars == pytest.approx(_stars(of_entities), abs=0.05)
    assert sum(star > 4 for star in stars.values()) == 290 + 58
    assert all(star > 4 or star < 2 for star in stars.values())


def test_reviews_without_stars_stay_neutral_where_too_few_have_some() -> None:
    training_set = TrainingSet.of(_reviewed(starred=300), now=NOW)
    assert training_set.reviews == {"fitted": 0, "estimated": 0}
    assert sum(np.isnan(star) for star in _stars(training_set).values()) == 118


def test_training_without_words_reports_nothing_of_reviews() -> None:
    assert TrainingSet.of(laws.city(), now=NOW).reviews == {}
