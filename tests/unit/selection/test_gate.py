"""Publication gate: differences, verdicts by segment, and the evaluation behind them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import Interaction, InteractionType
from shared.evaluation.holdout import Holdout
from shared.feedback.interactions import InteractionTable
from shared.models.registry import trainable
from shared.ranking.recommender import Recommender
from shared.selection.gate import MIN_USERS, decide, difference
from shared.selection.judging import KINDS, REPORTED, SEGMENTS, Scores, judge, judge_served
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction

RNG = np.random.default_rng(5)
GOOD = RNG.uniform(0.3, 0.9, 200)


def _scores(ndcg: NDArray[np.float64], **segments: NDArray[np.float64]) -> Scores:
    return Scores({**dict.fromkeys(REPORTED, ndcg), **segments}, 0.5, 0.5, np.empty(0))


def test_equal_models_have_difference_zero() -> None:
    same = difference(GOOD, GOOD)
    assert (same.users, same.mean, same.low, same.high) == (200, 0, 0, 0)
    assert difference(GOOD[:0], GOOD[:0]).users == 0


def test_the_interval_covers_the_true_difference_at_about_its_nominal_rate() -> None:
    rng, covered = np.random.default_rng(1), 0
    for seed in range(200):
        base = rng.uniform(0, 1, 120)
        found = difference(base + rng.normal(0.05, 0.2, 120), base, seed=seed)
        covered += found.low <= 0.05 <= found.high
    assert 180 <= covered <= 199


def test_a_better_challenger_passes() -> None:
    verdict = decide(_scores(GOOD + 0.05), served=_scores(GOOD), popular=_scores(GOOD - 0.2))
    assert verdict.publish
    assert verdict.reason.startswith("passed; served all: +0.0500")
    assert set(verdict.comparisons()) == {
        f"{name} {segment}" for name in ("served", "popularity") for segment in REPORTED
    }


def test_a_significantly_worse_challenger_is_refused_and_an_insignificantly_worse_one_is_not() -> None:
    noise = np.random.default_rng(2).normal(-0.005, 0.3, 200)
    assert decide(_scores(GOOD + noise), served=_scores(GOOD), popular=None).publish
    verdict = decide(_scores(GOOD - 0.02), served=_scores(GOOD), popular=None)
    assert not verdict.publish
    assert "worse than the model in service, all: -0.0200" in verdict.reason


@pytest.mark.parametrize("segment", SEGMENTS[1:])
def test_a_challenger_worse_in_one_segment_is_refused_with_its_name(segment: str) -> None:
    served = _scores(GOOD, **{segment: GOOD[:50]})
    verdict = decide(_scores(GOOD + 0.1, **{segment: GOOD[:50] - 0.1}), served=served, popular=None)
    assert not verdict.publish
    assert segment.replace("_", " ") in verdict.reason
    few = MIN_USERS - 1
    served = _scores(GOOD, **{segment: GOOD[:few]})
    assert decide(_scores(GOOD, **{segment: GOOD[:few] - 0.1}), served=served, popular=None).publish


@pytest.mark.parametrize("kind", KINDS)
def test_known_and_new_candidates_are_reported_and_refuse_nothing(kind: str) -> None:
    verdict = decide(_scores(GOOD, **{kind: GOOD - 0.1}), served=_scores(GOOD), popular=None)
    assert verdict.publish
    assert verdict.comparisons()[f"served {kind}"]["mean"] == pytest.approx(-0.1)


def test_a_challenger_that_does_not_beat_popularity_is_refused() -> None:
    verdict = decide(_scores(GOOD), served=None, popular=_scores(GOOD))
    assert (verdict.publish, verdict.reason.split(":")[0]) == (False, "does not beat popularity")
    assert decide(_scores(GOOD), served=None, popular=None).publish


def test_with_too_few_users_nothing_is_refused() -> None:
    few = GOOD[: MIN_USERS - 1]
    verdict = decide(_scores(few - 0.3), served=_scores(few), popular=_scores(few))
    assert verdict.publish
    assert f"only {MIN_USERS - 1} users" in verdict.reason


EVENTS = [an_event(name, starts_at=NOW + 9 * DAY) for name in "abc"] + [an_event("d", starts_at=NOW - DAY)]
CATALOG = Catalog.of(EVENTS)
BEFORE = [
    *(an_interaction(f"crowd_{n}", "a", occurred_at=NOW - DAY) for n in range(3)),
    *(an_interaction(f"crowd_{n}", "b", occurred_at=NOW - DAY) for n in range(2)),
]


def _evaluated(after: list[Interaction], model: str = "popularity") -> tuple[Holdout, Scores]:
    table = InteractionTable.of([*BEFORE, *after], CATALOG)
    fitted = Recommender.fit(model, table.before(NOW), CATALOG, {}, now=NOW, half_life_days=90)
    holdout = Holdout.of(table, CATALOG, NOW)
    return holdout, judge(fitted, holdout, table, CATALOG, {})


def test_ndcg_and_recall_agree_with_known_answers() -> None:
    _, scores = _evaluated([an_interaction("u", "a", occurred_at=NOW)])
    assert scores.ndcg["all"].tolist() == [1.0]
    _, scores = _evaluated([an_interaction("u", "c", occurred_at=NOW)])
    assert scores.ndcg["all"].tolist() == [pytest.approx(1 / np.log2(4))]
    assert scores.ndcg["new_events"].tolist() == scores.ndcg["all"].tolist()
    _, scores = _evaluated([an_interaction("u", name, occurred_at=NOW) for name in "ac"])
    assert scores.ndcg["all"].tolist() == [pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))]
    assert scores.ndcg["new_events"].tolist() == [pytest.approx(1 / np.log2(4))]
    assert scores.metrics()["recall@10"] == 1
    # Popularity lists a, b, c: a and b are known, and c alone is new.
    assert {kind: scores.ndcg[kind].tolist() for kind in KINDS} == {"known_candidates": [1.0], "new_candidates": [1.0]}
    _, scores = _evaluated([an_interaction("u", "b", occurred_at=NOW), an_interaction("v", "c", occurred_at=NOW)])
    assert scores.metrics()["ndcg@10 known_candidates"] == pytest.approx(1 / np.log2(3))
    assert scores.metrics()["ndcg@10 new_candidates"] == 1


def test_segments_separate_warm_from_cold_users() -> None:
    after = [an_interaction("crowd_2", "b", occurred_at=NOW), an_interaction("new", "b", occurred_at=NOW)]
    holdout, scores = _evaluated(after)
    assert (len(holdout), holdout.warm.sum()) == (2, 1)
    # The event that the warm user booked is left out of their list, so their hit is first.
    assert scores.ndcg["warm"].tolist() == [1.0]
    assert scores.ndcg["cold"].tolist() == [pytest.approx(1 / np.log2(3))]
    of_segments = {f"ndcg@10 {name}" for name in ("warm", "cold", "known_candidates")}
    metrics = scores.metrics()
    assert set(metrics) == {"users", "ndcg@10", "ndcg@10 error", "recall@10", "coverage", *of_segments}
    assert metrics["ndcg@10 error"] == pytest.approx(scores.ndcg["all"].std(ddof=1) / np.sqrt(2))


def test_ended_events_earlier_hits_and_views_are_not_in_the_holdout() -> None:
    over = an_interaction("u", "d", occurred_at=NOW)
    again = an_interaction("crowd_0", "a", InteractionType.ATTEND, occurred_at=NOW)
    looked = an_interaction("u", "a", InteractionType.VIEW, occurred_at=NOW)
    holdout, scores = _evaluated([over, again, looked])
    assert len(holdout) == 0
    assert scores.metrics() == {"users": 0, "ndcg@10": 0, "recall@10": 0, "coverage": 0}


def test_many_users_are_sampled_reproducibly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.evaluation.holdout.MAX_JUDGED", 7)
    after = [an_interaction(f"u{n}", "ab"[n % 2], occurred_at=NOW) for n in range(40)]
    (holdout, scores), (holdout_again, scores_again) = _evaluated(after), _evaluated(after)
    assert len(holdout) == 7
    assert holdout.user_rows.tolist() == holdout_again.user_rows.tolist()
    assert scores.ndcg["all"].tolist() == scores_again.ndcg["all"].tolist()


@pytest.mark.parametrize("model", trainable())
def test_judge_served_agrees_with_judge_after_the_catalog_changed(
    model: str,
) -> None:
    data = laws.city()
    catalog = Catalog.of(data.events)
    table = InteractionTable.of(data.interactions, catalog)
    cutoff = NOW - 40 * DAY
    fitted = Recommender.fit(model, table.before(cutoff), catalog, data.users, now=cutoff, half_life_days=90)
    holdout = Holdout.of(table, catalog, cutoff)
    expected = judge(fitted, holdout, table, catalog, data.users)
    served = fitted.with_events([an_event("0 sorts before all", starts_at=NOW - 90 * DAY)])
    found = judge_served(served, holdout, table, catalog, data.users)
    for segment in REPORTED:
        assert found.ndcg[segment].tolist() == pytest.approx(expected.ndcg[segment].tolist())
    assert len(holdout) > MIN_USERS
