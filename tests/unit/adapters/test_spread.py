"""Spreading the counts of hot events over several documents."""

from shared.adapters.firestore.spread import SHARDS, Spread, name_of


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_calm_event_keeps_one_document() -> None:
    clock = Seconds()
    spread = Spread(clock)
    for _ in range(20):
        assert spread.choose("e") == 0
        clock.now += 1.0


def test_a_hot_event_spreads_and_a_calm_one_beside_it_does_not() -> None:
    clock = Seconds()
    spread = Spread(clock)
    chosen = {spread.choose("hot") for _ in range(200)}
    assert chosen == set(range(SHARDS))
    assert spread.choose("calm") == 0
    clock.now += 1.0
    assert spread.choose("hot") == 0


def test_readers_are_told_once_and_only_of_what_was_written() -> None:
    spread = Spread(Seconds())
    assert not spread.is_untold("e", 0)
    assert spread.is_untold("e", 3)
    assert spread.is_untold("e", 3)
    spread.told("e")
    assert not spread.is_untold("e", 5)
    assert spread.is_untold("other", 5)


def test_no_two_documents_share_a_name() -> None:
    events = ["e", "e~1", "~", f"{'0' * 32}~1"]
    names = {name_of(event_id, shard) for event_id in events for shard in range(SHARDS)}
    assert len(names) == len(events) * SHARDS
    assert name_of("e", 0) == "e"
