"""Experiments: what is accepted, and what may change while one runs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.entities import Experiment, Variant
from shared.entities.experiment import label_names
from shared.errors import Conflict, InvalidField
from tests.examples import DAY, NOW

TWO = (Variant(name="a", share=0.4), Variant(name="b", share=0.4))
EXPERIMENT = Experiment(experiment_id="e", variants=TWO, starts_at=NOW, ends_at=NOW + 28 * DAY)
DOCUMENT: dict[str, Any] = EXPERIMENT.to_document()


def test_a_document_gives_the_same_experiment() -> None:
    assert Experiment.from_document("e", DOCUMENT) == EXPERIMENT
    full = replace(
        EXPERIMENT, variants=(replace(TWO[0], model="popularity"), replace(TWO[1], weights="hand", diversity=0.0))
    )
    assert Experiment.from_document("e", full.to_document()) == full


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"variants": []}, "variants"),
        ({"variants": "ab"}, "variants"),
        ({"variants": ["a", "b"]}, "variants"),
        ({"variants": [{"name": "a", "share": 1}]}, "variants"),
        ({"variants": [{"name": f"v{n}", "share": 0.1} for n in range(9)]}, "variants"),
        ({"variants": [{"name": "a", "share": 0.6}, {"name": "b", "share": 0.6}]}, "variants"),
        ({"variants": [{"name": "a", "share": 0.5}, {"name": "a", "share": 0.5}]}, "variants"),
        ({"variants": [{"name": "a", "share": 0.5}, {"name": "holdout", "share": 0.5}]}, "variants"),
        ({"variants": [{"name": "a/b", "share": 0.5}, {"name": "b", "share": 0.5}]}, "name"),
        ({"variants": [{"name": "a", "share": 0}, {"name": "b", "share": 0.5}]}, "share"),
        ({"variants": [{"name": "a", "share": 0.5, "weights": "mine"}, {"name": "b", "share": 0.5}]}, "weights"),
        ({"variants": [{"name": "a", "share": 0.5, "diversity": 2}, {"name": "b", "share": 0.5}]}, "diversity"),
        ({"variants": [{"name": "a", "share": 0.5, "exploration": 0.6}, {"name": "b", "share": 0.5}]}, "exploration"),
        ({"starts_at": None}, "starts_at"),
        ({"ends_at": NOW}, "ends_at"),
        ({"ends_at": NOW + 93 * DAY}, "ends_at"),
        ({"audience": ["unprofiled"]}, "audience"),
        ({"metric": "luck"}, "metric"),
        ({"effect": 0}, "effect"),
        ({"guardrails": ["luck"]}, "guardrails"),
        ({"holdout": 0.6}, "holdout"),
    ],
)
def test_what_cannot_be_accepted_is_refused_by_field(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as raised:
        Experiment.from_document("e", {**DOCUMENT, **changed})
    assert raised.value.field == field


def test_one_variant_and_a_holdout_are_two_arms() -> None:
    document = {**DOCUMENT, "variants": [{"name": "all", "share": 1}], "holdout": 0.1}
    experiment = Experiment.from_document("e", document)
    assert experiment.arms() == ("all", "holdout")
    assert label_names([experiment, EXPERIMENT]) == ["e/all", "holdout", "e/a", "e/b"]


def test_an_experiment_is_on_from_its_start_to_before_its_end() -> None:
    ends_at = EXPERIMENT.ends_at
    assert [EXPERIMENT.is_on(at) for at in (NOW - DAY, NOW, ends_at - timedelta(seconds=1), ends_at)] == [
        False,
        True,
        True,
        False,
    ]


def _shares(*shares: float) -> Experiment:
    return replace(EXPERIMENT, variants=tuple(replace(v, share=s) for v, s in zip(TWO, shares, strict=True)))


@pytest.mark.parametrize(
    ("after", "is_fine"),
    [
        (EXPERIMENT, True),
        (replace(EXPERIMENT, ends_at=NOW + 60 * DAY), True),
        (_shares(0.5, 0.5), True),
        (_shares(0.1, 0.1), True),
        (_shares(0.5, 0.4), False),
        (replace(EXPERIMENT, variants=TWO[::-1]), False),
        (replace(EXPERIMENT, variants=(*TWO, Variant(name="c", share=0.1))), False),
        (replace(EXPERIMENT, variants=(TWO[0], replace(TWO[1], diversity=0.5))), False),
        (replace(EXPERIMENT, metric="stars"), False),
        (replace(EXPERIMENT, starts_at=NOW - DAY), False),
    ],
)
def test_while_it_runs_only_the_end_changes_and_shares_in_proportion(after: Experiment, *, is_fine: bool) -> None:
    after.check_change(EXPERIMENT, NOW - DAY)
    if is_fine:
        after.check_change(EXPERIMENT, NOW + DAY)
    else:
        with pytest.raises(Conflict, match="it has begun"):
            after.check_change(EXPERIMENT, NOW + DAY)
    with pytest.raises(Conflict, match="it is over"):
        after.check_change(EXPERIMENT, NOW + 28 * DAY)
