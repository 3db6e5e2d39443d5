"""What the blend learns from: the past, split into before and after."""

from datetime import timedelta

import numpy as np

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback.interactions import InteractionTable
from shared.learning.windows import FEWEST, WINDOWS, random_split, split, windows_of
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event(f"e{number}") for number in range(10)])
NOW_S = NOW.timestamp()


def _table(count: int, gap: timedelta, *, views: bool = False) -> InteractionTable:
    kinds = (InteractionType.BOOKING, InteractionType.VIEW) if views else (InteractionType.BOOKING,)
    return InteractionTable.of(
        [
            an_interaction(f"u{number // 10}", f"e{number % 10}", kind, occurred_at=NOW - 50 * DAY + number * gap)
            for number in range(count)
            for kind in kinds
        ],
        CATALOG,
    )


def _pairs(table: InteractionTable) -> set[tuple[int, int]]:
    return set(zip(table.user_rows.tolist(), table.event_rows.tolist(), strict=True))


def test_windows_follow_each_other_and_know_only_what_came_before() -> None:
    table = _table(1_000, timedelta(hours=1))
    windows = windows_of(table, NOW_S)
    assert len(windows) == WINDOWS
    assert [window.until_s for window in windows] == [window.start_s for window in windows[1:]] + [NOW_S]
    for window in windows:
        found = split(table, window)
        assert found.past.occurred_at.max() < window.start_s
        assert len(found.past) == (table.occurred_at < window.start_s).sum()
        times = found.later.occurred_at
        assert ((times >= window.start_s) & (times < window.until_s)).all()
        assert len(found.later) == 60


def test_the_more_there_is_the_fewer_the_windows() -> None:
    table = _table(1_000, timedelta(hours=1))
    for most, windows in ((3_000, 3), (500, FEWEST)):
        assert len(windows_of(table, NOW_S, max_interactions=most)) == windows


def test_without_a_before_and_after_what_is_held_out_leaves_no_trace() -> None:
    table = _table(1_000, timedelta(0), views=True)
    assert not windows_of(table, NOW_S)
    found = random_split(table, NOW_S, np.random.default_rng(0))
    assert found
    assert (found.window.start_s, found.window.until_s) == (NOW_S, np.inf)
    assert 60 < len(found.later) < 140
    assert _pairs(found.past) | _pairs(found.later) == _pairs(table)
    assert not _pairs(found.past) & _pairs(found.later)
    assert found.later.positive().all()


def test_without_hits_there_is_nothing_to_split() -> None:
    table = _table(1_000, timedelta(hours=1), views=True)
    without = table.where(~table.positive())
    assert not windows_of(without, NOW_S)
    assert random_split(without, NOW_S, np.random.default_rng(0)) is None
