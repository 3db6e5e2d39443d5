"""Audience: which interactions it considers where a deployment has more than one answer may read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from operator import itemgetter
from typing import cast

import pytest

from shared.entities import Interaction
from shared.ports import InteractionLog
from shared.services.serving.audience import MAX_DOCUMENTS, MAX_READ, _recent
from tests.examples import DAY, NOW, an_interaction
from tests.known import known
from tests.stores import documents


class Log:
    """Interaction log in memory that counts its reads: of an account at some ages, of visitors at others."""

    def __init__(self, ages: Sequence[timedelta], visitors: Sequence[timedelta] = ()) -> None:
        account = an_interaction()
        of_visitors = (an_interaction("~0b8c8f9f5f5c4f0e"), replace(account, anonymous=True))
        given = [(age, account) for age in ages]
        given += [(age, of_visitors[number % 2]) for number, age in enumerate(visitors)]
        self._stored = [
            replace(entry, interaction_id=f"{number:06}", recorded_at=NOW - age)
            for number, (age, entry) in enumerate(sorted(given, key=itemgetter(0), reverse=True))
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
        return [entry for entry in self._stored if not entry.is_of_visitor()][-count:]


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


MINUTES = timedelta(minutes=1)
# When visitors come: before the accounts, after them, with them, or before and after.
_BURSTS = [
    _spread(8_000, 20 * MINUTES, since=10 * MINUTES),
    _spread(8_000, 5 * MINUTES),
    _spread(8_000, DAY),
    [*_spread(4_000, 20 * MINUTES, since=10 * MINUTES), *_spread(4_000, 5 * MINUTES)],
    [DAY / 2] * 8_000,
]


@pytest.mark.parametrize("visitors", _BURSTS)
def test_visitors_displace_no_account(visitors: Sequence[timedelta]) -> None:
    log = Log(_spread(50, 9 * MINUTES, since=6 * MINUTES), visitors)
    assert _considered(log) == log.newest(50)
    assert log.reads <= MAX_DOCUMENTS


@pytest.mark.parametrize("n_visitors", [20_000, 60_000])
def test_a_burst_of_more_visitors_than_are_read_leaves_who_came_after_it(n_visitors: int) -> None:
    log = Log(_spread(50, 4 * MINUTES), _spread(n_visitors, 20 * MINUTES, since=10 * MINUTES))
    found = _considered(log)
    assert found
    assert found[-1] == log.newest(1)[0]
    assert log.reads <= MAX_DOCUMENTS


@pytest.mark.parametrize("per_account", [1, 3, 10])
def test_accounts_are_sampled_up_to_now_where_most_are_visitors(per_account: int) -> None:
    log = Log(_spread(6_000, DAY), _spread(6_000 * per_account, DAY))
    found = _considered(log)
    assert not [entry for entry in found if entry.is_of_visitor()]
    assert MAX_DOCUMENTS / 4 / (per_account + 1) <= len(found) <= MAX_READ
    assert found[-1] == log.newest(1)[0]
    assert log.reads <= MAX_DOCUMENTS


def test_interactions_come_oldest_first_from_a_store() -> None:
    store = documents()
    for number in range(4):
        store.interactions.append([an_interaction(f"user_{number}")], now=NOW - timedelta(hours=4 - number))
    assert [interaction.user_id for interaction in _recent(store.interactions, NOW)] == [
        f"user_{number}" for number in range(4)
    ]
    store.close()
