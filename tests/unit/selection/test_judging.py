"""Offline evaluation on the holdout after a cutoff."""

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import Interaction, InteractionType
from shared.evaluation.holdout import Holdout
from shared.feedback.interactions import InteractionTable
from shared.models.registry import trainable
from shared.ranking.batch import recommend_batch
from shared.ranking.recommender import Recommender
from shared.selection.judging import judge
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction

CUTOFF = NOW
BOOKING, VIEW, SAVE = InteractionType.BOOKING, InteractionType.VIEW, InteractionType.SAVE
# In order of popularity before the cutoff: a, b, c; d ended before it.
EVENTS = [an_event(name, starts_at=NOW + 9 * DAY) for name in "abc"] + [an_event("d", starts_at=NOW - DAY)]
CATALOG = Catalog.of(EVENTS)
BEFORE = [
    *(an_interaction(f"crowd_{n}", "a", occurred_at=NOW - DAY) for n in range(3)),
    *(an_interaction(f"crowd_{n}", "b", occurred_at=NOW - DAY) for n in range(2)),
]


def _metrics(after: list[Interaction], *, k: int = 2) -> dict[str, float]:
    table = InteractionTable.of([*BEFORE, *after], CATALOG)
    model = Recommender.fit("popularity", table.before(CUTOFF), CATALOG, {}, now=CUTOFF, half_life_days=90)
    scores = judge(model, Holdout.of(table, CATALOG, CUTOFF), table, CATALOG, {}, k=k)
    ndcg = float(scores.ndcg["all"].mean()) if len(scores.ndcg["all"]) else 0.0
    return {"users": len(scores.ndcg["all"]), "ndcg": ndcg, "recall": scores.recall, "coverage": scores.coverage}


def test_a_hit_at_the_first_position_scores_1() -> None:
    assert _metrics([an_interaction("u", "a", occurred_at=CUTOFF)]) == {
        "users": 1,
        "ndcg": 1,
        "recall": 1,
        "coverage": pytest.approx(2 / 3),
    }


def test_a_hit_at_the_second_position_is_discounted_and_a_miss_scores_0() -> None:
    hit, miss = an_interaction("u", "b", SAVE, occurred_at=NOW + DAY), an_interaction("v", "c", occurred_at=NOW + DAY)
    metrics = _metrics([hit, miss])
    assert metrics["users"] == 2
    assert metrics["ndcg"] == pytest.approx((1 / np.log2(3) + 0) / 2)
    assert metrics["recall"] == pytest.approx(0.5)


def test_views_ended_events_and_unknown_events_are_no_hits() -> None:
    after = [
        an_interaction("u", "a", VIEW, occurred_at=NOW + DAY),
        an_interaction("u", "d", occurred_at=NOW + DAY),
        an_interaction("u", "unknown", occurred_at=NOW + DAY),
    ]
    assert _metrics(after)["users"] == 0


def test_a_hit_before_the_cutoff_is_not_counted_again_after_it() -> None:
    again = an_interaction("crowd_0", "a", InteractionType.ATTEND, occurred_at=NOW + DAY)
    assert _metrics([again])["users"] == 0
    metrics = _metrics([again, an_interaction("crowd_0", "c", occurred_at=NOW + DAY)])
    # Events a and b, which crowd_0 booked, are left out of the list, so c is first.
    assert (metrics["users"], metrics["ndcg"], metrics["recall"]) == (1, 1, 1)


def test_users_without_hits_after_the_cutoff_are_not_evaluated() -> None:
    assert _metrics([]) == {"users": 0, "ndcg": 0, "recall": 0, "coverage": 0}


def test_k_may_exceed_the_number_of_candidates() -> None:
    assert _metrics([an_interaction("u", "c", occurred_at=NOW)], k=50)["ndcg"] == pytest.approx(0.5)


@pytest.mark.parametrize("model", trainable())
def test_scrambling_interactions_after_the_cutoff_does_not_change_the_lists(model: str) -> None:
    data, cutoff = laws.city(), NOW - 40 * DAY
    scrambled = laws.scrambled_after(data, cutoff, seed=5)
    catalog = Catalog.of(data.events, mentioned=["ghost"])
    users = list(data.users.values())
    candidates = np.flatnonzero(catalog.live(cutoff))
    ranked = []
    for source in (data, scrambled):
        past = InteractionTable.of(source.interactions, catalog).before(cutoff)
        fitted = Recommender.fit(model, past, catalog, data.users, now=cutoff, half_life_days=90)
        ranked.append(
            np.vstack([rows for _, rows, _ in recommend_batch(fitted, users, past, candidates, now=cutoff, k=9)])
        )
    assert np.array_equal(ranked[0], ranked[1])
