"""The gate: what may replace the model in service, and how sure it must be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.evaluation.holdout import Holdout
from shared.feedback.interactions import InteractionTable
from shared.ranking.recommender import Recommender
from shared.selection.gate import MIN_USERS, decide, difference
from shared.selection.judging import SEGMENTS, Scores, judge, judge_served
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction

RNG = np.random.default_rng(5)
GOOD = RNG.uniform(0.3, 0.9, 200)


def _scores(ndcg: NDArray[np.float64], **segments: NDArray[np.float64]) -> Scores:
    return Scores({**dict.fromkeys(SEGMENTS, ndcg), **segments}, 0.5, 0.5, np.empty(0))


def test_equal_models_differ_by_nothing() -> None:
    same = difference(GOOD, GOOD)
    assert (same.users, same.mean, same.low, same.high) == (200, 0, 0, 0)
    assert difference(GOOD[:0], GOOD[:0]).users == 0


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    rng, hits = np.random.default_rng(1), 0
    for seed in range(200):
        base = rng.uniform(0, 1, 120)
        one = difference(base + rng.normal(0.05, 0.2, 120), base, seed=seed)
        hits += one.low <= 0.05 <= one.high
    assert 180 <= hits <= 199


def test_a_better_model_passes() -> None:
    verdict = decide(_scores(GOOD + 0.05), served=_scores(GOOD), popular=_scores(GOOD - 0.2))
    assert verdict.publish
    assert verdict.reason.startswith("passed; served all: +0.0500")
    assert set(verdict.comparisons()) == {f"{name} {one}" for name in ("served", "popularity") for one in SEGMENTS}


def test_a_worse_model_is_refused_and_one_that_may_be_as_good_is_not() -> None:
    noise = np.random.default_rng(2).normal(-0.005, 0.3, 200)
    assert decide(_scores(GOOD + noise), served=_scores(GOOD), popular=None).publish
    verdict = decide(_scores(GOOD - 0.02), served=_scores(GOOD), popular=None)
    assert not verdict.publish
    assert "worse than the model in service, all: -0.0200" in verdict.reason


@pytest.mark.parametrize("segment", SEGMENTS[1:])
def test_a_model_that_is_worse_for_some_is_refused_by_their_name(segment: str) -> None:
    served = _scores(GOOD, **{segment: GOOD[:50]})
    verdict = decide(_scores(GOOD + 0.1, **{segment: GOOD[:50] - 0.1}), served=served, popular=None)
    assert not verdict.publish
    assert segment.replace("_", " ") in verdict.reason
    few = MIN_USERS - 1
    served = _scores(GOOD, **{segment: GOOD[:few]})
    assert decide(_scores(GOOD, **{segment: GOOD[:few] - 0.1}), served=served, popular=None).publish


def test_what_does_not_beat_popularity_is_refused() -> None:
    verdict = decide(_scores(GOOD), served=None, popular=_scores(GOOD))
    assert (verdict.publish, verdict.reason.split(":")[0]) == (False, "does not beat popularity")
    assert decide(_scores(GOOD), served=None, popular=None).publish


def test_too_few_users_refuse_nothing() -> None:
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


def _judged(after: list[object], model: str = "popularity") -> tuple[Holdout, Scores]:
    table = InteractionTable.of([*BEFORE, *after], CATALOG)
    fitted = Recommender.fit(model, table.before(NOW), CATALOG, {}, now=NOW, half_life_days=90)
    window = Holdout.of(table, CATALOG, NOW)
    return window, judge(fitted, window, table, CATALOG, {})


def test_lists_are_judged_as_known_answers_say() -> None:
    _, scores = _judged([an_interaction("u", "a", occurred_at=NOW)])
    assert scores.ndcg["all"].tolist() == [1.0]
    _, scores = _judged([an_interaction("u", "c", occurred_at=NOW)])
    assert scores.ndcg["all"].tolist() == [pytest.approx(1 / np.log2(4))]
    assert scores.ndcg["new_events"].tolist() == scores.ndcg["all"].tolist()
    _, scores = _judged([an_interaction("u", name, occurred_at=NOW) for name in "ac"])
    assert scores.ndcg["all"].tolist() == [pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))]
    assert scores.ndcg["new_events"].tolist() == [pytest.approx(1 / np.log2(4))]
    assert scores.metrics()["recall@10"] == 1


def test_segments_tell_warm_users_from_cold_ones() -> None:
    after = [an_interaction("crowd_2", "b", occurred_at=NOW), an_interaction("new", "b", occurred_at=NOW)]
    window, scores = _judged(after)
    assert (len(window), window.warm.sum()) == (2, 1)
    # For the one, the event that they booked is left out, so theirs is first.
    assert scores.ndcg["warm"].tolist() == [1.0]
    assert scores.ndcg["cold"].tolist() == [pytest.approx(1 / np.log2(3))]
    assert set(scores.metrics()) == {"users", "ndcg@10", "recall@10", "coverage", "ndcg@10 warm", "ndcg@10 cold"}


def test_what_cannot_be_recommended_or_was_a_hit_before_judges_nobody() -> None:
    over = an_interaction("u", "d", occurred_at=NOW)
    again = an_interaction("crowd_0", "a", InteractionType.ATTEND, occurred_at=NOW)
    looked = an_interaction("u", "a", InteractionType.VIEW, occurred_at=NOW)
    window, scores = _judged([over, again, looked])
    assert len(window) == 0
    assert scores.metrics() == {"users": 0, "ndcg@10": 0, "recall@10": 0, "coverage": 0}


def test_many_users_are_judged_by_a_sample_that_a_seed_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.evaluation.holdout.MAX_JUDGED", 7)
    after = [an_interaction(f"u{n}", "ab"[n % 2], occurred_at=NOW) for n in range(40)]
    one, other = _judged(after), _judged(after)
    assert len(one[0]) == 7
    assert one[0].user_rows.tolist() == other[0].user_rows.tolist()
    assert one[1].ndcg["all"].tolist() == other[1].ndcg["all"].tolist()


@pytest.mark.parametrize("model", laws.MODELS)
def test_a_model_of_an_earlier_catalog_is_judged_as_if_it_were_made_for_this_one(model: str) -> None:
    data = laws.city()
    catalog = Catalog.of(data.events)
    table = InteractionTable.of(data.interactions, catalog)
    cutoff = NOW - 40 * DAY
    fitted = Recommender.fit(model, table.before(cutoff), catalog, data.users, now=cutoff, half_life_days=90)
    window = Holdout.of(table, catalog, cutoff)
    expected = judge(fitted, window, table, catalog, data.users)
    served = fitted.with_events([an_event("0 sorts before all", starts_at=NOW - 90 * DAY)])
    found = judge_served(served, window, table, catalog, data.users)
    for segment in SEGMENTS:
        assert found.ndcg[segment].tolist() == pytest.approx(expected.ndcg[segment].tolist())
    assert len(window) > MIN_USERS
