"""Users as models see them."""

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, Interaction, InteractionType, Profile, User
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
    mine = sorted((one for one in given if one.user_id == user.user_id), key=lambda one: one.occurred_at, reverse=True)
    return Profile(user, tuple(HistoryEntry.of(one) for one in mine))


def _entries(histories: Histories, user: int) -> set[tuple[object, ...]]:
    mine = slice(histories.starts[user], histories.starts[user + 1])
    columns = (histories.event_rows, histories.organizer_rows, histories.codes, histories.values, histories.age_days)
    return set(zip(*(np.nan_to_num(column[mine], nan=-1).tolist() for column in columns), strict=True))


def test_a_table_and_a_profile_say_the_same_of_a_user() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=10)
    assert np.diff(batch.starts).tolist() == [2, 0, 3]
    for place, user in enumerate(USERS):
        single = Histories.of_profile(_profile(user, GIVEN), CATALOG, NOW)
        assert _entries(batch, place) == _entries(single, 0)


@pytest.mark.parametrize("newest", [1, 2, 3])
def test_only_the_newest_entries_count(newest: int) -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=newest)
    mine = slice(batch.starts[2], batch.starts[3])
    assert sorted(batch.age_days[mine].tolist()) == [1.0, 2.0, 3.0][:newest]


def test_entries_have_owners() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=10)
    assert len(batch) == 3
    assert batch.user_of_entry().tolist() == [0, 0, 2, 2, 2]


def test_excluded_is_what_was_booked_attended_or_dismissed() -> None:
    taken = {InteractionType.BOOKING, InteractionType.ATTEND, InteractionType.DISMISS}
    for kind in InteractionType:
        history = (HistoryEntry(kind, NOW, "b"), HistoryEntry(kind, NOW, "unknown"), HistoryEntry(kind, NOW, ""))
        excluded = Histories.of_profile(Profile(USERS[0], history), CATALOG, NOW).excluded(len(CATALOG))
        assert excluded.tolist() == [[False, kind in taken, False, False]]


def test_each_user_has_their_own_exclusions() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of(GIVEN, CATALOG), NOW, newest=10)
    assert [np.flatnonzero(row).tolist() for row in batch.excluded(4)] == [[3], [], [0]]


def test_users_of_an_empty_table_have_no_entries() -> None:
    batch = Histories.of_table(USERS, InteractionTable.of([], CATALOG), NOW, newest=10)
    assert batch.starts.tolist() == [0, 0, 0, 0]
    assert not batch.excluded(4).any()


def test_telling_is_what_speaks_for_something_known_newest_first() -> None:
    history = (
        HistoryEntry(InteractionType.VIEW, NOW, "a"),
        HistoryEntry(InteractionType.DISMISS, NOW - DAY, "b"),
        HistoryEntry(InteractionType.BOOKING, NOW - 2 * DAY, "unknown"),
        HistoryEntry(InteractionType.FOLLOW, NOW - 3 * DAY, "", "o"),
        HistoryEntry(InteractionType.FOLLOW, NOW - 3 * DAY, "", "unknown"),
        HistoryEntry(InteractionType.RATING, NOW - 4 * DAY, "c", value=5.0),
        HistoryEntry(InteractionType.RATING, NOW - 4 * DAY, "c", value=1.0),
        # Age does not silence an entry.
        HistoryEntry(InteractionType.BOOKING, NOW - 9_999 * DAY, "d"),
    )
    told = Histories.of_profile(Profile(USERS[0], history), CATALOG, NOW).explainable()
    assert told.tolist() == [0, 3, 5, 7]


def test_only_the_newest_thirty_entries_tell() -> None:
    history = tuple(HistoryEntry(InteractionType.CLICK, NOW - n * DAY, "abcd"[n % 4]) for n in range(40))
    told = Histories.of_profile(Profile(USERS[0], history), CATALOG, NOW).explainable()
    assert told.tolist() == list(range(30))


def test_variants_lack_one_entry_each_or_are_somebody_else() -> None:
    one = Histories.of_profile(_profile(USERS[2], GIVEN), CATALOG, NOW)
    variants = one.without_each(np.array([2, 0]), [User(user_id="other")])
    assert [user.user_id for user in variants.users] == ["u1", "u1", "u1", "other"]
    whole = CATALOG.events.rows(["c", "b", "a"]).tolist()
    rows = np.split(variants.event_rows, variants.starts[1:-1])
    assert [row.tolist() for row in rows] == [whole, whole[:2], whole[1:], whole]
    for place, entries in enumerate(([0, 1, 2], [0, 1], [1, 2], [0, 1, 2])):
        mine = slice(variants.starts[place], variants.starts[place + 1])
        for name in ("organizer_rows", "codes", "values", "age_days"):
            expected = getattr(one, name)[entries]
            assert np.array_equal(getattr(variants, name)[mine], expected, equal_nan=expected.dtype.kind == "f")


def test_a_user_without_entries_has_variants_too() -> None:
    nobody = Histories.of_profile(Profile(USERS[0], ()), CATALOG, NOW)
    variants = nobody.without_each(nobody.explainable(), USERS[1:])
    assert variants.starts.tolist() == [0, 0, 0, 0]
    assert len(variants) == 3
