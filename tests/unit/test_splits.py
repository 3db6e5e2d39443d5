"""What the blend learns from: the past, split into before and after."""

from datetime import timedelta

import numpy as np

from shared.entities import InteractionType
from shared.models.catalog import Catalog
from shared.models.interactions import InteractionTable
from shared.models.splits import WINDOWS, splits
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
    found = list(splits(table, NOW_S, np.random.default_rng(0)))
    assert len(found) == WINDOWS
    assert [split.until_s for split in found] == [split.now_s for split in found[1:]] + [NOW_S]
    for split in found:
        assert split.past.occurred_at.max() < split.now_s
        assert len(split.past) == (table.occurred_at < split.now_s).sum()
        assert ((split.later.occurred_at >= split.now_s) & (split.later.occurred_at < split.until_s)).all()
        assert len(split.later) == 60


def test_the_more_there_is_the_fewer_the_windows() -> None:
    table = _table(1_000, timedelta(hours=1))
    for most, windows in ((3_000, 3), (500, 1)):
        assert len(list(splits(table, NOW_S, np.random.default_rng(0), max_interactions=most))) == windows


def test_without_a_before_and_after_what_is_held_out_leaves_no_trace() -> None:
    table = _table(1_000, timedelta(0), views=True)
    (split,) = splits(table, NOW_S, np.random.default_rng(0))
    assert (split.now_s, split.until_s) == (NOW_S, np.inf)
    assert 60 < len(split.later) < 140
    assert _pairs(split.past) | _pairs(split.later) == _pairs(table)
    assert not _pairs(split.past) & _pairs(split.later)
    assert split.later.positive().all()


def test_without_hits_there_is_nothing_to_split() -> None:
    table = _table(1_000, timedelta(hours=1), views=True)
    assert not list(splits(table.where(~table.positive()), NOW_S, np.random.default_rng(0)))
