"""Time windows and splits that the blend learns from."""

from datetime import timedelta

import numpy as np

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback.interactions import InteractionTable
from shared.learning.windows import MAX_WINDOWS, MIN_WINDOWS, random_split, split, windows_of
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


def test_windows_are_consecutive_and_their_pasts_end_before_them() -> None:
    table = _table(1_000, timedelta(hours=1))
    windows = windows_of(table, NOW_S)
    assert len(windows) == MAX_WINDOWS
    assert [window.until_s for window in windows] == [window.start_s for window in windows[1:]] + [NOW_S]
    for window in windows:
        found = split(table, window)
        assert found.past.occurred_at.max() < window.start_s
        assert len(found.past) == (table.occurred_at < window.start_s).sum()
        times = found.positives.occurred_at
        assert ((times >= window.start_s) & (times < window.until_s)).all()
        assert len(found.positives) == 60


def test_more_interactions_give_fewer_windows() -> None:
    table = _table(1_000, timedelta(hours=1))
    for max_interactions, windows in ((3_000, 3), (500, MIN_WINDOWS)):
        assert len(windows_of(table, NOW_S, max_interactions=max_interactions)) == windows


def test_a_random_split_leaks_no_interaction_of_its_positives() -> None:
    table = _table(1_000, timedelta(0), views=True)
    assert not windows_of(table, NOW_S)
    found = random_split(table, NOW_S, np.random.default_rng(0))
    assert found
    assert (found.window.start_s, found.window.until_s) == (NOW_S, np.inf)
    assert 60 < len(found.positives) < 140
    assert _pairs(found.past) | _pairs(found.positives) == _pairs(table)
    assert not _pairs(found.past) & _pairs(found.positives)
    assert found.positives.is_hit().all()


def test_without_hits_there_are_no_windows_and_no_split() -> None:
    table = _table(1_000, timedelta(hours=1), views=True)
    without = table.where(~table.is_hit())
    assert not windows_of(without, NOW_S)
    assert random_split(without, NOW_S, np.random.default_rng(0)) is None
