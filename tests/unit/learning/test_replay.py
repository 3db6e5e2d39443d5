"""Replay: model selection and training share training groups, and model selection sees nothing of its holdout."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import InteractionTable
from shared.learning import samples
from shared.learning.listwise import TrainingGroups
from shared.learning.replay import DRAWS, Replay
from tests import laws
from tests.examples import NOW

DATA = laws.city()
CATALOG = Catalog.of(DATA.events)
TABLE = InteractionTable.of(DATA.interactions, CATALOG).before(NOW)


def _replay(table: InteractionTable = TABLE) -> Replay:
    return Replay.of(table, CATALOG, DATA.users, now=NOW)


def _assert_same(actual: Sequence[TrainingGroups], expected: Sequence[TrainingGroups]) -> None:
    assert len(actual) == len(expected) == DRAWS
    for groups, same in zip(actual, expected, strict=True):
        for name in TrainingGroups.__slots__:
            np.testing.assert_array_equal(getattr(groups, name), getattr(same, name))


def test_groups_and_parameters_do_not_depend_on_what_was_replayed_before() -> None:
    reused, fresh = _replay(), _replay()
    cutoff = reused.cutoff()
    assert cutoff
    before_cutoff = reused.draws(cutoff)
    every = reused.draws(NOW)
    _assert_same(every, fresh.draws(NOW))
    latest = before_cutoff[0].windows.max()
    _assert_same(before_cutoff, [groups.where(groups.windows <= latest) for groups in every])
    for name in ("likes", "shared_people_organizer"):
        params, expected = reused.params(name, NOW), fresh.params(name, NOW)
        assert all((params[key] == expected[key]).all() for key in params)


def test_groups_until_the_cutoff_do_not_depend_on_interactions_after_it() -> None:
    original = _replay()
    cutoff = original.cutoff()
    assert cutoff
    late = TABLE.occurred_at >= cutoff.timestamp()
    assert 0.1 < TABLE.is_hit()[late].sum() / TABLE.is_hit().sum() < 0.3
    # Only events are permuted: the times and so the windows stay the same.
    rows = TABLE.event_rows.copy()
    rows[late] = np.random.default_rng(1).permutation(rows[late])
    fields = {name: getattr(TABLE, name) for name in InteractionTable.__slots__}
    permuted = _replay(InteractionTable(**{**fields, "event_rows": rows}))
    assert permuted.cutoff() == cutoff
    _assert_same(original.draws(cutoff), permuted.draws(cutoff))
    with pytest.raises(AssertionError):
        _assert_same(original.draws(NOW), permuted.draws(NOW))


def test_interactions_at_a_single_time_are_split_at_random() -> None:
    first = float(TABLE.occurred_at[0])
    simultaneous = InteractionTable(
        **{name: getattr(TABLE, name) for name in InteractionTable.__slots__ if name != "occurred_at"},
        occurred_at=np.full(len(TABLE), first),
    )
    assert _replay(simultaneous).cutoff() is None
    found = _replay(simultaneous).draws(NOW)
    assert len(found) == DRAWS
    assert set(found[0].windows.tolist()) == {0}
    assert not _replay(simultaneous.between(first + 1, np.inf)).draws(NOW - timedelta(days=1))


def test_draws_hold_different_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "N_NEGATIVES", 8)
    first, second, *_ = _replay().draws(NOW)
    assert len(first) == len(second)
    assert first.values.shape != second.values.shape or (first.values != second.values).any()
