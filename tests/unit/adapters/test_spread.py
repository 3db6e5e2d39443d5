"""Sharded counters of hot events."""

from shared.adapters.firestore.spread import SHARDS, Spread, name_of


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
    chosen = {spread.choose("hot") for _ in range(200)}
    assert chosen == set(range(SHARDS))
    assert spread.choose("calm") == 0
    clock.now += 1.0
    assert spread.choose("hot") == 0


def test_the_spread_flag_is_needed_until_it_was_written() -> None:
    spread = Spread(Seconds())
    assert not spread.needs_flag("e", 0)
    assert spread.needs_flag("e", 3)
    assert spread.needs_flag("e", 3)
    spread.mark_flagged("e")
    assert not spread.needs_flag("e", 5)
    assert spread.needs_flag("other", 5)


def test_shard_document_ids_are_unique() -> None:
    events = ["e", "e~1", "~", f"{'0' * 32}~1"]
    names = {name_of(event_id, shard) for event_id in events for shard in range(SHARDS)}
    assert len(names) == len(events) * SHARDS
    assert name_of("e", 0) == "e"
