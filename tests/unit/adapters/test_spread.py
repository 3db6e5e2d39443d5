"""Sharded counters of hot events."""

from collections import Counter

import pytest

from shared.adapters.firestore.spread import LEVELS, Spread, name_of, shards_of


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_event_with_a_low_write_rate_uses_shard_0() -> None:
    clock = Seconds()
    spread = Spread(clock)
    for _ in range(20):
        assert spread.choose("e") == 0
        clock.now += 1.0


def test_a_hot_event_uses_all_shards_and_leaves_others_unsharded() -> None:
    clock = Seconds()
    spread = Spread(clock)
    chosen = set()
    for _ in range(300):
        chosen.add(spread.choose("hot"))
        clock.now += 0.5
    assert chosen == set(range(8))
    assert spread.choose("calm") == 0
    clock.now += 1.0
    assert spread.choose("hot") == 0


def test_an_event_that_is_hotter_than_eight_shards_take_uses_more() -> None:
    clock = Seconds()
    spread = Spread(clock)
    chosen = Counter[int]()
    for _ in range(20 * 60):
        chosen[spread.choose("hot")] += 1
        clock.now += 0.05
    assert set(chosen) == set(range(64))
    assert max(chosen.values()) < 60, "twenty counts a second for a minute are less than one a second and shard"
    clock.now += 20.0
    quiet = {spread.choose("hot")}
    clock.now += 0.9
    quiet.add(spread.choose("hot"))
    assert quiet <= set(range(8)), "what was hot is not for ever"


def test_a_burst_of_bookings_needs_no_more_than_eight_shards() -> None:
    spread = Spread(Seconds())
    assert {spread.choose("e") for _ in range(30)} <= set(range(8))


def test_readers_are_told_of_a_level_until_its_flag_was_written() -> None:
    spread = Spread(Seconds())
    assert spread.missing_level("e", 0) == 0
    assert spread.missing_level("e", 3) == 1
    assert spread.missing_level("e", 63) == 2
    spread.mark_flagged("e", 1)
    assert spread.missing_level("e", 5) == 0
    assert spread.missing_level("e", 8) == 2
    spread.mark_flagged("e", 2)
    spread.mark_flagged("e", 1)
    assert spread.missing_level("e", 8) == 0
    assert spread.missing_level("other", 5) == 1


@pytest.mark.parametrize(
    ("first", "shards"),
    [({}, 1), ({"spread": True}, 8), ({"wide": True}, 64), ({"spread": True, "wide": True}, 64), ({"wide": None}, 1)],
)
def test_readers_read_the_shards_that_the_first_one_tells_of(first: dict[str, object], shards: int) -> None:
    assert [0, *shards_of(first)] == list(range(shards))


def test_shard_document_ids_are_unique() -> None:
    events = ["e", "e~1", "~", f"{'0' * 32}~1"]
    names = {name_of(event_id, shard) for event_id in events for shard in range(LEVELS[-1])}
    assert len(names) == len(events) * LEVELS[-1]
    assert name_of("e", 0) == "e"
