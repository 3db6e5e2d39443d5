"""Analysis of an experiment: figures, guardrails, and the verdict in words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from shared.entities import Experiment, Variant
from shared.entities.provenance import ListKind, Provenance, Segment
from shared.errors import ArtifactError
from shared.experiments.analysis import analyse
from shared.experiments.arms import USERS, ArmState
from shared.monitoring.acts import SUMS
from shared.monitoring.operations import OperationFigures
from tests.examples import DAY, NOW

DAY_0 = NOW.date()
EXPERIMENT = Experiment(
    experiment_id="e",
    variants=(Variant(name="control", share=0.5), Variant(name="b", share=0.5)),
    starts_at=NOW - DAY / 2,
    ends_at=NOW + 28 * DAY,
    guardrails=("stars", "latency", "fallback"),
)
LIST = Provenance(kind=ListKind.RECOMMENDATIONS, issued_at=0, seed=0, segment=Segment.WARM)


def lists(count: int = 2_000, *, seconds: float = 0.01, fallbacks: int = 0) -> OperationFigures:
    figures = OperationFigures()
    for number in range(count):
        figures.add(200, seconds, replace(LIST, is_fallback=number < fallbacks))
    return figures


def arm(
    users: int = 1_000, *, rate: float = 0.1, stars: float = 4.0, seed: int = 1, made: OperationFigures | None = None
) -> ArmState:
    rng = np.random.default_rng(seed)
    state = np.zeros(users, USERS)
    state["subject"], state["first"] = np.arange(1, users + 1), DAY_0.toordinal()
    state["impressions"] = 50
    state["clicks"] = rng.binomial(50, rate, users)
    state["bookings"] = rng.binomial(2, 0.2, users)
    state["ratings"] = 1
    state["stars"] = np.clip(rng.normal(stars, 0.5, users), 1, 5)
    return ArmState(DAY_0, state, made or lists())


def verdict(
    control: ArmState, treated: ArmState, experiment: Experiment = EXPERIMENT, **about: Any
) -> Mapping[str, Any]:
    arms = {"control": control, "b": treated}
    found: Mapping[str, Any] = analyse(experiment, arms, about.pop("day", DAY_0), **about)["verdict"]
    return found


def test_a_better_variant_is_named_with_its_interval() -> None:
    found = verdict(arm(), arm(rate=0.12, seed=2))
    assert (found["kind"], found["arm"]) == ("better", "b")
    assert found["text"].startswith("b is better than control: ctr +")


def test_a_worse_variant_leaves_the_control() -> None:
    found = verdict(arm(), arm(rate=0.08, seed=2))
    assert (found["kind"], found["arm"]) == ("worse", "control")


def test_without_a_difference_it_is_said_what_could_be_found_and_when() -> None:
    experiment = replace(EXPERIMENT, effect=0.01)
    found = analyse(experiment, {"control": arm(), "b": arm(seed=2)}, DAY_0)
    assert found["verdict"]["kind"] == "undecided"
    assert "is found by the end" in found["verdict"]["text"]
    assert 0 < found["reach"]["effect_at_end"] < 0.02
    assert date.fromisoformat(found["reach"]["day"]) > DAY_0
    ended = verdict(arm(), arm(seed=2), experiment, day=DAY_0 + timedelta(days=28))
    assert ended["text"].startswith("Ended undecided")


def test_a_few_users_are_no_reason_for_a_verdict() -> None:
    found = verdict(arm(users=99), arm(users=99, rate=0.3, seed=2))
    assert found["kind"] == "undecided"
    assert "Each arm needs 100 users" in found["text"]
    assert verdict(ArmState(), ArmState())["kind"] == "undecided"


def test_users_who_get_lost_void_the_experiment() -> None:
    found = verdict(arm(users=3_000), arm(users=2_500, rate=0.2))
    assert found["kind"] == "mismatch"
    assert "control 3,000, b 2,500" in found["text"]


@pytest.mark.parametrize(
    ("treated", "said"),
    [
        (arm(rate=0.12, stars=3.0, seed=2), "stars"),
        (arm(rate=0.12, seed=2, made=lists(seconds=0.02)), "p95"),
        (arm(rate=0.12, seed=2, made=lists(fallbacks=40)), "fallbacks 2.00%"),
    ],
)
def test_a_variant_that_breaks_a_guardrail_is_not_recommended(treated: ArmState, said: str) -> None:
    found = verdict(arm(), treated)
    assert (found["kind"], found["arm"]) == ("guardrail", "b")
    assert said in found["text"]


def test_too_few_lists_break_no_guardrail() -> None:
    found = verdict(arm(made=lists(10)), arm(rate=0.12, seed=2, made=lists(10, seconds=9.0)))
    assert found["kind"] == "better"


def test_a_holdout_says_what_the_recommendations_are_worth() -> None:
    experiment = replace(EXPERIMENT, variants=(Variant(name="all", share=1.0),), holdout=0.1)
    found = analyse(experiment, {"all": arm(), "holdout": arm(rate=0.05, seed=2)}, DAY_0)
    assert found["verdict"]["kind"] == "holdout"
    assert found["verdict"]["text"].startswith("holdout beside all: ctr -")
    assert [each["label"] for each in found["arms"]] == ["e/all", "holdout"]


def test_figures_are_the_sums_of_the_users_and_looks_are_kept() -> None:
    control = arm()
    first = analyse(EXPERIMENT, {"control": control, "b": arm(seed=2)}, DAY_0)
    figures = first["arms"][0]
    assert figures["users"] == 1_000
    assert figures["ctr"] == control.users["clicks"].sum() / control.users["impressions"].sum()
    assert figures["bookings_per_user"] == control.users["bookings"].mean()
    assert figures["stars"] == pytest.approx(control.users["stars"].mean())
    second = analyse(
        EXPERIMENT, {"control": control, "b": arm(seed=2)}, DAY_0 + timedelta(days=1), history=first["history"]
    )
    assert [each["day"] for each in second["history"]] == [(DAY_0 + timedelta(days=n)).isoformat() for n in (0, 1)]


def test_the_pace_at_which_errors_fall_is_learned_from_the_days_so_far() -> None:
    """Users who come back every day tell less news than users who come once."""
    states = {"control": arm(), "b": arm(seed=2)}
    error = analyse(EXPERIMENT, states, DAY_0)["history"][0]["error"]
    day = DAY_0 + timedelta(days=4)

    def effect(rate: float) -> float:
        history = [
            {"day": (DAY_0 + timedelta(days=n)).isoformat(), "arm": "b", "error": error * (5 / (n + 1)) ** rate}
            for n in range(4)
        ]
        found: float = analyse(EXPERIMENT, states, day, history=history)["reach"]["effect_at_end"]
        return found

    assert effect(0.2) > effect(0.5)


def sums(**by_subject: tuple[int, int]) -> Any:
    rows = np.zeros(len(by_subject), SUMS)
    for row, (name, (impressions, clicks)) in zip(rows, sorted(by_subject.items()), strict=True):
        row["subject"], row["impressions"], row["clicks"] = int(name[1:]), impressions, clicks
    return rows


def test_days_add_up_by_user_and_none_counts_twice() -> None:
    first = ArmState().with_day(DAY_0, sums(u1=(10, 1), u2=(5, 0)), lists(3))
    second = first.with_day(DAY_0 + timedelta(days=1), sums(u2=(5, 2), u3=(7, 0)), lists(2))
    assert second.with_day(DAY_0 + timedelta(days=1), sums(u2=(5, 2)), lists(2)) is second
    assert second.users[["subject", "impressions", "clicks", "first"]].tolist() == [
        (1, 10, 1, DAY_0.toordinal()),
        (2, 10, 2, DAY_0.toordinal()),
        (3, 7, 0, DAY_0.toordinal() + 1),
    ]
    assert (second.lists.requests, first.lists.requests) == (5, 3)
    again = ArmState.from_bytes(second.to_bytes(), "name")
    assert (again.until, again.users.tolist(), again.lists.requests) == (second.until, second.users.tolist(), 5)
    assert second.without(np.array([2], np.uint64)).users["subject"].tolist() == [1, 3]


@pytest.mark.parametrize("data", [b"", b"x" * 100, arm().to_bytes()[:-50]])
def test_a_damaged_state_is_told_by_its_name(data: bytes) -> None:
    with pytest.raises(ArtifactError, match="state: expected the users of an arm"):
        ArmState.from_bytes(data, "state")
