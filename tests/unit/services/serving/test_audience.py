"""Audience: which interactions it considers where a deployment has more than one answer may read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import cast

from shared.entities import Interaction
from shared.ports import InteractionLog
from shared.services.serving.audience import MAX_READ, _recent
from tests.examples import DAY, NOW, an_interaction
from tests.known import known
from tests.stores import documents


class Log:
    """Interaction log in memory that counts its reads."""

    def __init__(self, ages: Sequence[timedelta]) -> None:
        some = an_interaction()
        self._stored = [
            replace(some, interaction_id=f"{number:06}", recorded_at=NOW - age)
            for number, age in enumerate(sorted(ages, reverse=True))
        ]
        self.reads = 0

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        assert moment
        assert not after
        for interaction in self._stored:
            if known(interaction.recorded_at) >= moment:
                self.reads += 1
                yield interaction

    def newest(self, count: int) -> list[Interaction]:
        return self._stored[-count:]


def _spread(count: int, over: timedelta, *, since: timedelta = timedelta(0)) -> list[timedelta]:
    return [since + (over - since) * number / count for number in range(count)]


def _considered(log: Log) -> list[Interaction]:
    # `_recent` calls nothing of the log but `since`.
    return _recent(cast("InteractionLog", log), NOW)


def _newest_run(log: Log, found: Sequence[Interaction]) -> int:
    """Number of newest interactions up to the first that is missing."""
    ids = {interaction.interaction_id for interaction in found}
    everything = reversed(log.newest(1_000_000))
    return sum(1 for _ in takewhile(lambda interaction: interaction.interaction_id in ids, everything))


def test_a_quiet_deployment_considers_everything_of_a_month() -> None:
    log = Log([*_spread(40, DAY), *_spread(300, 30 * DAY, since=2 * DAY), 31 * DAY])
    assert _considered(log) == log.newest(340)


def test_a_busy_day_is_considered_up_to_now() -> None:
    for count in (MAX_READ, 3 * MAX_READ, 6 * MAX_READ):
        log = Log(_spread(count, DAY))
        found = _considered(log)
        assert len(found) == MAX_READ
        assert _newest_run(log, found) >= MAX_READ / 3
        assert log.reads <= 3 * MAX_READ


def test_a_busy_week_is_considered_up_to_now() -> None:
    log = Log([*_spread(600, DAY), *_spread(2 * MAX_READ, 7 * DAY, since=DAY)])
    found = _considered(log)
    assert len(found) == MAX_READ
    assert _newest_run(log, found) >= 600
    assert log.reads <= 3 * MAX_READ


def test_a_bulk_load_leaves_what_came_after_it_and_fills_the_rest() -> None:
    log = Log([*[DAY / 2] * (2 * MAX_READ), *_spread(10, DAY / 4)])
    found = _considered(log)
    assert len(found) == MAX_READ
    assert found[-10:] == log.newest(10)


def test_interactions_come_oldest_first_from_a_store() -> None:
    store = documents()
    for number in range(4):
        store.interactions.append([an_interaction(f"user_{number}")], now=NOW - timedelta(hours=4 - number))
    assert [interaction.user_id for interaction in _recent(store.interactions, NOW)] == [
        f"user_{number}" for number in range(4)
    ]
    store.close()
