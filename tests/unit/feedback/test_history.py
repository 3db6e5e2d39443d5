"""Histories of users as the rows of a CSR matrix."""

from dataclasses import replace

import numpy as np
import pytest

from shared.adapters.history import key_of, text_of
from shared.adapters.history import newest as newest_entries
from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, Interaction, InteractionType, Profile, User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event(name, organizer_id="o") for name in "abcd"])
USERS = [User(user_id=name) for name in ("u2", "nobody", "u1")]
GIVEN = [
    an_interaction("u1", "a", InteractionType.BOOKING, occurred_at=NOW - 3 * DAY),
    an_interaction("u1", "b", InteractionType.VIEW, occurred_at=NOW - 2 * DAY),
    an_interaction("u1", "c", InteractionType.RATING, occurred_at=NOW - DAY, value=5.0),
    an_interaction("u2", "d", InteractionType.DISMISS, occurred_at=NOW - DAY),
    an_interaction("u2", "", InteractionType.FOLLOW, organizer_id="o", occurred_at=NOW - 2 * DAY),
    an_interaction("u3", "a", InteractionType.SAVE, occurred_at=NOW - 2 * DAY),
]


def _profile(user: User, given: list[Interaction]) -> Profile:
    own = (interaction for interaction in given if interaction.user_id == user.user_id)
    newest_first = sorted(own, key=lambda interaction: interaction.occurred_at, reverse=True)
    return Profile(user, tuple(HistoryEntry.of(interaction) for interaction in newest_first))


def _entries(histories: Histories, user: int) -> set[tuple[object, ...]]:
    own_entries = slice(histories.starts[user], histories.starts[user + 1])
    columns = (histories.event_rows, histories.organizer_rows, histories.codes, histories.values, histories.age_days)
    return set(zip(*(np.nan_to_num(column[own_entries], nan=-1).tolist() for column in columns), strict=True))


def test_a_table_and_a_profile_give_equal_histories() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=10)
    assert np.diff(batch.starts).tolist() == [2, 0, 3]
    for index, user in enumerate(USERS):
        single = Histories.of_profile(_profile(user, GIVEN), CATALOG, NOW)
        assert _entries(batch, index) == _entries(single, 0)


@pytest.mark.parametrize("newest", [1, 2, 3])
def test_histories_keep_the_newest_entries_and_what_was_booked(newest: int) -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=newest)
    own_entries = slice(batch.starts[2], batch.starts[3])
    assert sorted(batch.age_days[own_entries].tolist()) == sorted({*[1.0, 2.0, 3.0][:newest], 3.0})


def test_long_histories_of_a_table_and_of_a_profile_are_equal() -> None:
    # States first, which views and clicks later push out of the newest entries.
    kinds = sorted(
        (kind for kind in InteractionType if kind.meaning.target == "event_id"),
        key=lambda kind: not kind.meaning.repeats,
    )
    n_repeating = sum(kind.meaning.repeats for kind in kinds)
    rng = np.random.default_rng(3)
    given = [
        an_interaction(
            f"u{rng.integers(1, 3)}",
            "abcd"[rng.integers(4)],
            kinds[rng.integers(n_repeating) if n < 3_000 else rng.integers(len(kinds))],
            interaction_id=f"{n}",
            occurred_at=NOW - (n + 1) * DAY / 100,
            value=3.0,
        )
        for n in range(4_000)
    ]
    batch = Histories.of_table(USERS, InteractionTable.of(given, CATALOG).before(NOW), NOW, newest=MAX_HISTORY)
    for index, user in enumerate(USERS):
        texts = {
            key_of(entry): text_of(entry)
            for entry in reversed(given)
            if entry.user_id == user.user_id and entry.is_remembered()
        }
        single = Histories.of_profile(Profile(user, newest_entries(user.user_id, texts)), CATALOG, NOW)
        assert _entries(batch, index) == _entries(single, 0)
        assert len(texts) == 0 or MAX_HISTORY < int(single.starts[-1]) < len(texts)


@pytest.mark.parametrize("going", [(), (("a", 2),), (("c", 1), ("d", 3))])
def test_joined_histories_are_those_of_each_user_in_order(going: tuple[tuple[str, int], ...]) -> None:
    profiles = [replace(_profile(user, GIVEN), friends_going=going if user.user_id == "u2" else ()) for user in USERS]
    singles = [Histories.of_profile(profile, CATALOG, NOW) for profile in profiles]
    joined = Histories.joined([Histories.joined(singles[:2]), singles[2]])
    assert joined.users == tuple(USERS)
    assert joined.starts.tolist() == [0, 2, 2, 5]
    for index, single in enumerate(singles):
        assert _entries(joined, index) == _entries(single, 0)
    known = singles[0].going
    assert (joined.going is None) == (known is None) == (not going)
    if joined.going is not None and known is not None:
        assert joined.going.lengths().tolist() == [len(going), 0, 0]
        assert [column.tolist() for column in joined.going.values] == [column.tolist() for column in known.values]


@pytest.mark.parametrize("going", [(), (("a", 2),)])
@pytest.mark.parametrize(("begin", "end"), [(0, 1), (0, 3), (1, 3), (2, 9), (3, 5)])
def test_a_part_is_the_histories_of_its_users(begin: int, end: int, going: tuple[tuple[str, int], ...]) -> None:
    profiles = [replace(_profile(user, GIVEN), friends_going=going if user.user_id == "u3" else ()) for user in USERS]
    singles = [Histories.of_profile(profile, CATALOG, NOW) for profile in profiles]
    part = Histories.joined(singles).part(begin, end)
    assert part.users == tuple(USERS[begin:end])
    assert part.starts[0] == 0
    for index, single in enumerate(singles[begin:end]):
        assert _entries(part, index) == _entries(single, 0)
    if part.going is not None:
        assert part.going.lengths().tolist() == [len(profile.friends_going) for profile in profiles[begin:end]]


def test_each_entry_has_the_index_of_its_user() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=10)
    assert len(batch) == 3
    assert batch.user_of_entry().tolist() == [0, 0, 2, 2, 2]


def test_booked_attended_and_dismissed_events_are_excluded() -> None:
    consumed = {InteractionType.BOOKING, InteractionType.ATTEND, InteractionType.DISMISS}
    for kind in InteractionType:
        history = (HistoryEntry(kind, NOW, "b"), HistoryEntry(kind, NOW, "unknown"), HistoryEntry(kind, NOW, ""))
        excluded = Histories.of_profile(Profile(USERS[0], history), CATALOG, NOW).consumed(len(CATALOG))
        assert excluded.tolist() == [[False, kind in consumed, False, False]]


def test_exclusions_are_separate_for_each_user() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=10)
    assert [np.flatnonzero(row).tolist() for row in batch.consumed(4)] == [[3], [], [0]]


def test_users_of_an_empty_table_have_no_entries() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of([], CATALOG), NOW, newest=10)
    assert batch.starts.tolist() == [0, 0, 0, 0]
    assert not batch.consumed(4).any()


def test_explainable_entries_are_positives_of_known_targets_newest_first() -> None:
    history = (
        HistoryEntry(InteractionType.VIEW, NOW, "a"),
        HistoryEntry(InteractionType.DISMISS, NOW - DAY, "b"),
        HistoryEntry(InteractionType.BOOKING, NOW - 2 * DAY, "unknown"),
        HistoryEntry(InteractionType.FOLLOW, NOW - 3 * DAY, "", "o"),
        HistoryEntry(InteractionType.FOLLOW, NOW - 3 * DAY, "", "unknown"),
        HistoryEntry(InteractionType.RATING, NOW - 4 * DAY, "c", value=5.0),
        HistoryEntry(InteractionType.RATING, NOW - 4 * DAY, "c", value=1.0),
        # Age does not make an entry unexplainable.
        HistoryEntry(InteractionType.BOOKING, NOW - 9_999 * DAY, "d"),
    )
    entries = Histories.of_profile(Profile(USERS[0], history), CATALOG, NOW).explainable()
    assert entries.tolist() == [0, 3, 5, 7]


def test_only_the_newest_thirty_entries_are_explainable() -> None:
    history = tuple(HistoryEntry(InteractionType.CLICK, NOW - n * DAY, "abcd"[n % 4]) for n in range(40))
    entries = Histories.of_profile(Profile(USERS[0], history), CATALOG, NOW).explainable()
    assert entries.tolist() == list(range(30))


def test_variants_leave_out_an_entry_each_or_have_another_profile() -> None:
    whole_history = Histories.of_profile(_profile(USERS[2], GIVEN), CATALOG, NOW)
    variants = whole_history.without_each(np.array([2, 0]), [User(user_id="other")])
    assert [user.user_id for user in variants.users] == ["u1", "u1", "u1", "other"]
    whole = CATALOG.events.rows(["c", "b", "a"]).tolist()
    rows = np.split(variants.event_rows, variants.starts[1:-1])
    assert [row.tolist() for row in rows] == [whole, whole[:2], whole[1:], whole]
    for variant, entries in enumerate(([0, 1, 2], [0, 1], [1, 2], [0, 1, 2])):
        own_entries = slice(variants.starts[variant], variants.starts[variant + 1])
        for name in ("organizer_rows", "codes", "values", "age_days"):
            expected = getattr(whole_history, name)[entries]
            assert np.array_equal(getattr(variants, name)[own_entries], expected, equal_nan=expected.dtype.kind == "f")


def test_a_user_without_entries_has_variants_of_the_profile() -> None:
    empty = Histories.of_profile(Profile(USERS[0], ()), CATALOG, NOW)
    variants = empty.without_each(empty.explainable(), USERS[1:])
    assert variants.starts.tolist() == [0, 0, 0, 0]
    assert len(variants) == 3


@pytest.mark.parametrize("kind", ["booking", "attend", "dismiss"])
def test_what_is_taken_outlasts_any_number_of_later_actions(kind: str) -> None:
    first = an_interaction("u1", "a", InteractionType(kind), occurred_at=NOW - DAY)
    catalog = Catalog.of([an_event("a"), *(an_event(f"e{n}") for n in range(3_000))])
    later = [
        an_interaction("u1", f"e{n}", what, occurred_at=NOW - DAY / (n + 2))
        for n in range(3_000)
        for what in (InteractionType.BOOKING, InteractionType.DISMISS, InteractionType.VIEW)
    ]
    table = InteractionTable.of([first, *later], catalog)
    histories = Histories.of_table(USERS, table, NOW, newest=MAX_HISTORY)
    assert histories.consumed(len(catalog))[2].all()
