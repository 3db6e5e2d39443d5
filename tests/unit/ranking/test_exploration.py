"""Exploration: the stated share of slots, the stated chance of each event, and never one that may not be listed."""

from collections import Counter
from datetime import timedelta

import numpy as np

from shared.ranking.exploration import MAX_POOL, Exploration, Explored, least_known, with_explored
from shared.ranking.rerank import Cap
from tests.examples import NOW

RANKED = np.arange(100, 110)
POOL = np.arange(20)


def test_the_share_of_explored_slots_and_the_chance_of_each_event_are_as_stated() -> None:
    slots, events, weights = Counter[int](), Counter[int](), []
    for seed in range(20_000):
        columns, explored = with_explored(RANKED, POOL, Exploration(0.05, seed))
        assert len(columns) == len(set(columns.tolist())) == 10
        slots.update(each.position for each in explored)
        events.update(int(columns[each.position]) for each in explored)
        weights += [1 / each.probability for each in explored]
    assert all(abs(slots[place] / 20_000 - 0.05) < 0.007 for place in range(10))
    drawn = sum(events.values())
    assert set(events) == set(POOL.tolist())
    # Each event comes as often as its chance says: importance weights of one event average its share.
    assert all(abs(events[event] / drawn - 1 / 20) < 0.008 for event in POOL.tolist())
    assert 19 < np.mean(weights) <= 20


def test_ranked_events_keep_their_order_and_the_last_ones_make_way() -> None:
    for seed in range(300):
        columns, explored = with_explored(RANKED, POOL, Exploration(0.3, seed), pinned=2)
        places = {each.position for each in explored}
        ranked = [column for place, column in enumerate(columns.tolist()) if place not in places]
        assert ranked == RANKED[: len(ranked)].tolist()
        assert all(columns[place] in POOL for place in places)
        assert not places & {0, 1}


def test_equal_seeds_give_equal_lists_and_no_share_none() -> None:
    one, two = (with_explored(RANKED, POOL, Exploration(0.5, 7)) for _ in range(2))
    assert one[0].tolist() == two[0].tolist()
    assert one[1] == two[1] != ()
    assert with_explored(RANKED, POOL, Exploration(0.0, 7))[1] == ()
    assert with_explored(RANKED, RANKED, Exploration(1.0, 7))[1] == ()


def test_events_of_the_list_and_beyond_a_cap_are_not_drawn() -> None:
    groups = np.full(200, -1)
    groups[[0, 1, 2, 100]] = 5
    columns, explored = with_explored(RANKED, np.array([0, 1, 2, 3, 101]), Exploration(1.0, 1), caps=[Cap(groups, 1)])
    assert (columns[0], explored) == (3, (Explored(0, 1.0),))


def test_the_least_known_are_at_most_fifty_and_half_of_those_allowed() -> None:
    rng = np.random.default_rng(1)
    popularity, hashes = rng.random(400), rng.integers(0, 2**48, 400).astype(np.uint64)
    allowed = np.ones(400, np.bool_)
    allowed[np.argsort(popularity)[:10]] = False
    pool = least_known(popularity, hashes, allowed, NOW)
    assert sorted(pool.tolist()) == sorted(np.argsort(popularity)[10 : 10 + MAX_POOL].tolist())
    few = np.zeros(400, np.bool_)
    few[:7] = True
    assert len(least_known(popularity, hashes, few, NOW)) == 3
    assert len(least_known(popularity, hashes, np.zeros(400, np.bool_), NOW)) == 0


def test_events_without_any_feedback_take_turns_by_day() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**48, 400).astype(np.uint64)
    seen = set[int]()
    for day in range(60):
        pool = least_known(np.zeros(400), hashes, np.ones(400, np.bool_), NOW + timedelta(days=day))
        again = least_known(np.zeros(400), hashes, np.ones(400, np.bool_), NOW + timedelta(days=day, hours=3))
        assert pool.tolist() == again.tolist()
        seen |= set(pool.tolist())
    assert len(seen) > 390
