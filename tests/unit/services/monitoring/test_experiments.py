"""Users of experiments in the bucket: each day once, erased users never, and nothing after the experiment."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.entities import Erasures, Experiment, Variant
from shared.entities.erasures import pseudonym
from shared.entities.interaction_type import InteractionType
from shared.entities.provenance import ListKind, Provenance, Segment, named
from shared.feedback.weights import CODES
from shared.monitoring.attribution import ROW, Rows, Salted
from shared.monitoring.operations import HourFigures
from shared.services.monitoring.experiments import (
    FOLDER,
    add_day,
    analysis_of,
    drop_erased,
    noted,
    prune,
    salts,
)
from tests.examples import DAY, NOW
from tests.stores import documents, keys

TODAY = NOW.date()
EXPERIMENT = Experiment(
    experiment_id="ä b",
    variants=(Variant(name="now", share=0.5), Variant(name="b", share=0.5)),
    starts_at=NOW - DAY,
    ends_at=NOW + 7 * DAY,
    holdout=0.1,
)
USERS = {"ann": "ä b/now", "bob": "ä b/now", "cas": "ä b/b", "dan": "holdout"}


@pytest.fixture
def objects(tmp_path: Path) -> FolderObjects:
    return FolderObjects(tmp_path)


def rows_of(of_variants: Mapping[int, bytes]) -> Rows:
    """Three impressions of each user, and a click on the first."""
    salted = Salted(bytes(32), keys(), of_variants)
    shown = [(InteractionType.IMPRESSION, event) for event in range(3)]
    acts = [*shown, (InteractionType.CLICK, 0)]
    rows = [(user_id, label, event, kind) for user_id, label in USERS.items() for kind, event in acts]
    found = np.zeros(len(rows), ROW)
    for number, (row, (user_id, label, event, kind)) in enumerate(zip(found, rows, strict=True)):
        row["at"], row["key"], row["user"], row["event"] = number, number, salted.user(user_id), event + 1
        row["subject"], row["variant"] = salted.subject(user_id, named(label)), named(label)
        row["list"], row["type"], row["kind"] = salted.user(user_id), CODES[kind], ListKind.RECOMMENDATIONS
        row["flags"] = Segment.WARM
    return found


def figures() -> HourFigures:
    hour = HourFigures(hour=NOW)
    made = Provenance(kind=ListKind.RECOMMENDATIONS, issued_at=0, seed=0, variant=named("ä b/now"))
    hour.add("getRecommendations", 200, 0.01, made)
    hour.add("getRecommendations", 200, 0.01, replace(made, variant=0))
    return hour


def added(objects: FolderObjects, days: int = 0) -> dict[str, Any]:
    rows = rows_of(salts(objects, [EXPERIMENT]))
    found = add_day(objects, [EXPERIMENT], TODAY + timedelta(days=days), rows, figures())
    assert found.keys() == {"ä b"}
    return dict(found["ä b"])


def users(analysis: Mapping[str, Any]) -> list[tuple[int, ...]]:
    return [(arm["users"], arm["impressions"], arm["clicks"], arm["lists"]) for arm in analysis["arms"]]


def test_days_add_up_and_the_same_day_counts_once(objects: FolderObjects) -> None:
    assert analysis_of(objects, "ä b") is None
    assert users(added(objects)) == users(added(objects)) == [(2, 6, 2, 1), (1, 3, 1, 0), (1, 3, 1, 0)]
    assert users(added(objects, 1)) == [(2, 12, 4, 2), (1, 6, 2, 0), (1, 6, 2, 0)]
    found = analysis_of(objects, "ä b")
    assert found is not None
    assert [look["day"] for look in found["history"]] == [(TODAY + timedelta(days=n)).isoformat() for n in (0, 0, 1, 1)]


def test_a_day_before_or_after_the_experiment_is_not_of_it(objects: FolderObjects) -> None:
    for day in (TODAY - timedelta(days=2), TODAY + timedelta(days=8)):
        assert add_day(objects, [EXPERIMENT], day, rows_of(salts(objects, [EXPERIMENT])), figures()) == {}


def test_a_run_that_was_killed_between_two_arms_is_made_good(objects: FolderObjects) -> None:
    before = set(objects.names(FOLDER))
    added(objects)
    made = [name for name in objects.names(FOLDER) if name not in before and name.endswith(".npz")]
    objects.delete(made[0])
    assert users(added(objects)) == [(2, 6, 2, 1), (1, 3, 1, 0), (1, 3, 1, 0)]


def test_erased_users_are_dropped_from_every_arm(objects: FolderObjects) -> None:
    added(objects)
    forgotten = Erasures({pseudonym(keys(), user_id): NOW for user_id in ("ann", "dan", "nobody")}, keys)
    assert drop_erased(objects, [EXPERIMENT], forgotten, keys()) == 2
    assert drop_erased(objects, [EXPERIMENT], forgotten, keys()) == 0
    salted = {label: Salted(salt, keys()) for label, salt in salts(objects, [EXPERIMENT]).items()}
    assert len(salted) == 3


def test_users_of_different_arms_and_experiments_cannot_be_joined(objects: FolderObjects) -> None:
    other = replace(EXPERIMENT, experiment_id="other")
    found = salts(objects, [EXPERIMENT, other])
    assert len(set(found.values())) == len(found) == 5
    salted = Salted(bytes(32), keys(), found)
    subjects = {salted.subject("ann", variant) for variant in found}
    assert len(subjects | {salted.user("ann")}) == 6
    assert salted.subject("ann", 1) == 0
    assert salts(objects, [EXPERIMENT, other]) == found


def test_after_the_experiment_its_analysis_alone_is_kept(objects: FolderObjects) -> None:
    added(objects)
    prune(objects, [EXPERIMENT])
    assert len(list(objects.names(FOLDER))) == 7
    prune(objects, [])
    [left] = objects.names(FOLDER)
    assert left.endswith("analysis.json")
    store = documents()
    store.experiments.put(EXPERIMENT)
    assert noted(store.experiments, EXPERIMENT.ends_at + 29 * DAY) == [EXPERIMENT]
    assert noted(store.experiments, EXPERIMENT.ends_at + 30 * DAY) == []
    store.close()


def test_a_damaged_state_or_analysis_begins_anew(objects: FolderObjects) -> None:
    added(objects)
    for name in list(objects.names(FOLDER)):
        if not name.startswith(f"{FOLDER}salts/"):
            blob = objects.read(name)
            assert blob is not None
            objects.write(name, b"damaged", generation=blob.generation)
    assert drop_erased(objects, [EXPERIMENT], Erasures({"x": NOW}, keys), keys()) == 0
    assert users(added(objects, 1)) == [(2, 6, 2, 1), (1, 3, 1, 0), (1, 3, 1, 0)]
