"""Outcome of a training in words and numbers that people can read."""

import pytest

from jobs import outcome
from shared.services.training.run import FAILED, PUBLISHED, REFUSED, YIELDED, RunDocument
from tests.examples import NOW


def document(decision: str, reason: str, *, low: float = 0.1, high: float = 0.3, users: int = 1_450) -> RunDocument:
    blend = {"users": float(users), "ndcg@10": 0.5, "ndcg@10 error": 0.01, "recall@10": 0.7, "coverage": 0.8}
    popular = {"users": float(users), "ndcg@10": 0.3, "recall@10": 0.4, "coverage": 0.05}
    difference = {"users": users, "mean": (low + high) / 2, "low": low, "high": high}
    return RunDocument(
        run_id="r",
        scheduled_at=NOW,
        started_at=NOW,
        decision=decision,
        reason=reason,
        version="v7" if decision == PUBLISHED else "",
        metrics={"popularity": popular, "blend": blend, "ratings": {"ratings": 3.0}} if users else {},
        comparisons={"popularity all": difference, "popularity warm": difference},
    )


def test_the_models_are_a_table_with_intervals_best_first() -> None:
    table, words = outcome.models(document(PUBLISHED, "passed; popularity all: +0.2"))
    assert table.splitlines() == [
        "model       NDCG@10   95 % interval  users  recall@10  coverage",
        "blend         0.500  0.480 to 0.520  1,450      0.700      0.80",
        "popularity    0.300               –  1,450      0.400      0.05",
    ]
    assert words.splitlines() == [
        "The new model v7 is in service.",
        "It is better than popularity: the NDCG@10 differs by +0.200, with a 95 % interval of +0.100 to +0.300 over "
        "1,450 users.",
    ]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "is better than"),
        (-0.3, -0.1, "is worse than"),
        (-0.1, 0.1, "cannot be told from"),
        (0.0, 0.1, "cannot be told from"),
    ],
)
def test_the_interval_decides_the_words(low: float, high: float, words: str) -> None:
    *_, said = outcome.models(document(REFUSED, "does not beat popularity", low=low, high=high))
    assert f"It {words} popularity: " in said
    assert said.endswith("\nReason: does not beat popularity")


@pytest.mark.parametrize("decision", [PUBLISHED, REFUSED, YIELDED, FAILED])
def test_every_decision_has_words_also_where_nobody_could_be_judged(decision: str) -> None:
    [said] = outcome.models(document(decision, "there is no history yet", users=0))
    assert said.endswith(".\nReason: there is no history yet")
    assert list(outcome.groups(document(decision, "", users=0))) == []


def test_notes_on_the_selection_are_told_beside_the_words() -> None:
    *_, said = outcome.models(document(PUBLISHED, "no time left to try svd; passed; popularity all: +0.2"))
    assert said.endswith("\nReason: no time left to try svd")
