"""Seen in vain: weak negatives of training groups, and nothing where nothing is known of lists."""

from collections.abc import Sequence

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback.exposures import Exposures
from shared.feedback.interactions import InteractionTable
from shared.learning import propensity, seen
from shared.learning.listwise import TrainingGroups
from shared.learning.replay import Replay
from shared.learning.seen import SEEN_AS, seen_in_vain
from shared.learning.windows import Window
from tests import laws
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event(f"e{number}") for number in range(60)])
START, UNTIL = (NOW - 2 * DAY).timestamp(), (NOW - DAY).timestamp()
WINDOW = Window(START, UNTIL)


def exposures(*shown: tuple[int, int, int, float]) -> Exposures:
    """Exposures of (user row, event row, position, time)."""
    user_rows, event_rows, positions, at = (np.array(column) for column in zip(*shown, strict=True))
    order = np.argsort(at, kind="stable")
    return Exposures(
        user_rows[order].astype(np.int32),
        event_rows[order].astype(np.int32),
        positions[order].astype(np.int32),
        at[order].astype(np.float64),
    )


@pytest.fixture
def is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every position is examined half as likely as the one before it."""
    monkeypatch.setattr(seen, "examination", lambda *_: 0.5 ** np.arange(propensity.POSITIONS))


@pytest.mark.usefixtures("is_certain")
def test_weights_add_up_what_was_looked_at_in_the_window_and_not_liked() -> None:
    interactions = [
        an_interaction("u0", "e1", InteractionType.CLICK, occurred_at=NOW - 1.5 * DAY),
        an_interaction("u0", "e2", InteractionType.DISMISS, occurred_at=NOW - 1.5 * DAY),
        an_interaction("u0", "e3", InteractionType.CLICK, occurred_at=NOW - 5 * DAY),
        an_interaction("u1", "e0", InteractionType.SAVE, occurred_at=NOW - 1.5 * DAY),
    ]
    table = InteractionTable.of(interactions, CATALOG)
    row = CATALOG.events.row
    inside = START + 100
    shown = exposures(
        (0, row("e0"), 0, inside),
        (0, row("e0"), 2, inside),
        (0, row("e1"), 0, inside),
        (0, row("e2"), 1, inside),
        (0, row("e3"), 3, inside),
        (0, row("e4"), 0, START - 1),
        (0, row("e5"), 0, UNTIL),
        (1, row("e0"), 0, inside),
        (1, row("e1"), 1, UNTIL - 1),
    )
    found = seen_in_vain(shown, table, WINDOW, len(CATALOG))
    assert found is not None
    rows, weights = found.of_user(0)
    assert dict(zip(CATALOG.events.ids(rows), (weights / SEEN_AS).tolist(), strict=True)) == {
        "e0": 1.25,
        "e2": 0.5,
        "e3": 0.125,
    }
    assert CATALOG.events.ids(found.of_user(1)[0]) == ["e1"]
    assert not len(found.of_user(2)[0])


@pytest.mark.usefixtures("is_certain")
def test_of_a_user_who_saw_much_the_likeliest_to_be_looked_at_count() -> None:
    table = InteractionTable.of([an_interaction("u0", "e0", occurred_at=NOW - 9 * DAY)], CATALOG)
    shown = exposures(*((0, event, 59 - event, START + event) for event in range(60)))
    found = seen_in_vain(shown, table, WINDOW, len(CATALOG))
    assert found is not None
    # Far positions are one, so which of the events there counts is open.
    assert found.of_user(0)[0].tolist()[-49:] == list(range(11, 60))
    assert len(found.of_user(0)[0]) == 50


DATA = laws.city()
CITY = Catalog.of(DATA.events)
TABLE = InteractionTable.of(DATA.interactions, CITY).before(NOW)


def draws(shown: Exposures | None) -> Sequence[TrainingGroups]:
    return Replay(TABLE, CITY, DATA.users, now=NOW, exposures=shown).draws(NOW)


def some_exposures() -> Exposures:
    """Exposures of the city's users to its events in the latest half of the hits."""
    rng = np.random.default_rng(1)
    times = TABLE.occurred_at[TABLE.is_hit()]
    n = 6_000
    at = np.sort(rng.uniform(times[len(times) // 2], NOW.timestamp() - 1, n))
    users = TABLE.user_rows[rng.integers(len(TABLE), size=n)]
    return Exposures(
        users.astype(np.int32),
        rng.integers(len(CITY), size=n).astype(np.int32),
        rng.integers(10, size=n).astype(np.int32),
        at,
    )


def test_groups_are_the_same_bytes_where_nothing_is_known_of_lists() -> None:
    shown = some_exposures()
    few = Exposures(*(getattr(shown, name)[:50] for name in Exposures.__slots__))
    without = draws(None)
    for known in (few, few.between(0, 0)):
        for groups, same in zip(draws(known), without, strict=True):
            for name in TrainingGroups.__slots__:
                assert getattr(groups, name).tobytes() == getattr(same, name).tobytes(), name


@pytest.mark.usefixtures("is_certain")
def test_what_was_seen_in_vain_is_a_heavier_negative_of_its_group() -> None:
    shown = some_exposures()
    without, learned = draws(None)[0], draws(shown)[0]
    # All events of so small a city are sampled, so the rows are the same.
    np.testing.assert_array_equal(learned.values, without.values)
    np.testing.assert_array_equal(learned.labels, without.labels)
    stands_for, stood_for = np.exp(learned.log_weights), np.exp(without.log_weights)
    heavier = stands_for > stood_for * 1.001
    assert 0.02 < heavier.mean() < 0.5
    assert (learned.labels[heavier] == 0).all()
    added = (stands_for - stood_for)[heavier] / SEEN_AS
    # Users see an event at one position or at several; the likelihood of looking at each is a power of two.
    np.testing.assert_allclose(added * 2**9, np.rint(added * 2**9), atol=0.01)
    np.testing.assert_array_equal(learned.log_weights[~heavier], without.log_weights[~heavier])


@pytest.mark.usefixtures("is_certain")
def test_groups_do_not_depend_on_what_was_shown_after_their_window() -> None:
    shown = some_exposures()
    replay = Replay(TABLE, CITY, DATA.users, now=NOW, exposures=shown)
    cutoff = replay.cutoff()
    assert cutoff is not None
    early = shown.between(-np.inf, cutoff.timestamp())
    again = Replay(TABLE, CITY, DATA.users, now=NOW, exposures=early)
    for groups, same in zip(replay.draws(cutoff), again.draws(cutoff), strict=True):
        for name in TrainingGroups.__slots__:
            np.testing.assert_array_equal(getattr(groups, name), getattr(same, name))
    assert len(early) < len(shown)
