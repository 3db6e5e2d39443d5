"""Experiments in every store."""

from datetime import timedelta

import pytest

from shared.entities import Experiment, Variant
from shared.errors import InvalidField
from tests.contract.conftest import Stores
from tests.examples import DAY, NOW

FULL = Experiment(
    experiment_id="full",
    variants=(
        Variant(name="control", share=0.4),
        Variant(name="other", share=0.4, model="version", weights="hand", diversity=0.5, exploration=0.05),
    ),
    starts_at=NOW,
    ends_at=NOW + 7 * DAY,
    audience=("warm",),
    metric="stars",
    effect=0.1,
    guardrails=("ctr", "latency"),
    holdout=0.05,
)


def test_an_experiment_is_read_as_it_was_written(stores: Stores) -> None:
    store = stores.documents.experiments
    assert store.get("full") is None
    store.put(FULL)
    assert store.get("full") == FULL


def test_those_that_are_over_are_left_out_and_the_rest_comes_by_end(stores: Stores) -> None:
    store = stores.documents.experiments
    for number in (3, 1, 2):
        document = {**FULL.to_document(), "ends_at": NOW + number * DAY}
        store.put(Experiment.from_document(f"e{number}", document))
    assert [each.experiment_id for each in store.ending_after(None)] == ["e1", "e2", "e3"]
    assert [each.experiment_id for each in store.ending_after(NOW + DAY)] == ["e2", "e3"]
    assert list(store.ending_after(NOW + timedelta(days=9))) == []


def test_an_unreadable_experiment_is_refused_by_field_and_left_out_of_lists(stores: Stores) -> None:
    store = stores.documents.experiments
    store.put(FULL)
    store.put(Experiment.from_document("good", FULL.to_document()))
    stores.spoil("experiments", "full", {"metric": "luck"})
    with pytest.raises(InvalidField, match="metric"):
        store.get("full")
    assert [each.experiment_id for each in store.ending_after(NOW)] == ["good"]
