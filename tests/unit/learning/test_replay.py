"""What a trial and the training after it share, and that a trial sees nothing of what it is judged on."""

from datetime import timedelta

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import InteractionTable
from shared.learning.listwise import TrainingGroups
from shared.learning.replay import Replay
from tests import laws
from tests.examples import NOW

DATA = laws.city()
CATALOG = Catalog.of(DATA.events)
TABLE = InteractionTable.of(DATA.interactions, CATALOG).before(NOW)


def _replay(table: InteractionTable = TABLE) -> Replay:
    return Replay.of(table, CATALOG, DATA.users, now=NOW)


def _assert_same(one: TrainingGroups | None, other: TrainingGroups | None) -> None:
    assert one
    assert other
    for name in TrainingGroups.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_a_trial_has_replayed_is_what_a_training_would_replay() -> None:
    shared, alone = _replay(), _replay()
    cutoff = shared.cutoff()
    assert cutoff
    trial = shared.groups(cutoff)
    whole = shared.groups(NOW)
    _assert_same(whole, alone.groups(NOW))
    assert trial
    assert whole
    _assert_same(trial, whole.where(whole.windows <= trial.windows.max()))
    for name in ("likes", "ease_organizer"):
        ours, theirs = shared.params(name, NOW), alone.params(name, NOW)
        assert all((ours[key] == theirs[key]).all() for key in ours)


def test_a_trial_knows_nothing_of_what_follows_its_cutoff() -> None:
    whole = _replay()
    cutoff = whole.cutoff()
    assert cutoff
    late = TABLE.occurred_at >= cutoff.timestamp()
    assert 0.1 < TABLE.positive()[late].sum() / TABLE.positive().sum() < 0.3
    # The same number of other events at the same times, so that the windows stay where they are.
    rows = TABLE.event_rows.copy()
    rows[late] = np.random.default_rng(1).permutation(rows[late])
    fields = {name: getattr(TABLE, name) for name in InteractionTable.__slots__}
    other = _replay(InteractionTable(**{**fields, "event_rows": rows}))
    assert other.cutoff() == cutoff
    _assert_same(whole.groups(cutoff), other.groups(cutoff))
    with pytest.raises(AssertionError):
        _assert_same(whole.groups(NOW), other.groups(NOW))


def test_where_nothing_came_before_a_part_is_held_out_at_random() -> None:
    first = float(TABLE.occurred_at[0])
    at_once = InteractionTable(
        **{name: getattr(TABLE, name) for name in InteractionTable.__slots__ if name != "occurred_at"},
        occurred_at=np.full(len(TABLE), first),
    )
    assert _replay(at_once).cutoff() is None
    found = _replay(at_once).groups(NOW)
    assert found
    assert set(found.windows.tolist()) == {0}
    assert _replay(at_once.between(first + 1, np.inf)).groups(NOW - timedelta(days=1)) is None
