import logging
from dataclasses import replace
from itertools import permutations

import pytest

from shared.entities import EventCounts, HistoryEntry, InteractionType, Profile, Touchpoint, User
from shared.entities.provenance import ListKind, Provenance, issue
from shared.ports import Written
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, FULL_USER, NOW, SECOND, did, event


def test_every_field_of_a_user_survives(stores: Stores) -> None:
    stores.documents.users.put([FULL_USER], now=NOW)
    assert stores.documents.users.profile(FULL_USER.user_id, timeout_s=10) == Profile(FULL_USER)


def test_an_unknown_user_has_an_empty_profile(stores: Stores) -> None:
    assert stores.documents.users.profile("nobody", timeout_s=10) == Profile(User(user_id="nobody"))


@pytest.mark.parametrize("is_triggered", [False, True])
def test_touchpoints_are_the_newest_first_of_the_wanted_users_and_events(
    stores: Stores,
    is_triggered: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    token = issue(Provenance(kind=ListKind.RANK, issued_at=0, seed=0), None, user_id="")
    kinds = (InteractionType.VIEW, InteractionType.CLICK, InteractionType.BOOKING, InteractionType.SAVE)
    done = [
        did(
            "",
            user_id=user_id,
            event_id=event_id,
            kind=kind,
            at=NOW - number * SECOND,
            recommendation_id=token,
            position=number,
            recorded_at=NOW,
        )
        for user_id in ("a", "b", "c")
        for event_id in ("x", "y")
        for number, kind in enumerate(kinds)
    ]
    done = [replace(entry, interaction_id=entry.expected_id()) for entry in done]
    counters, users = stores.documents.counters, stores.documents.users
    if is_triggered:
        for entry in done:
            repeats = entry.type.meaning.repeats
            counters.remember(entry, now=NOW) if repeats else counters.put(entry, EventCounts(), now=NOW)
    else:
        users.remember(done)
    expected = [Touchpoint(kind, NOW - number * SECOND, "x", token, number) for number, kind in enumerate(kinds[:3])]
    found = users.touchpoints({"a": ["x"], "b": ["x", "nowhere"], "c": ["nowhere"], "nobody": ["x"]})
    assert {user_id: list(points) for user_id, points in found.items() if points} == {"a": expected, "b": expected}
    assert not users.touchpoints({})


def test_put_reports_written_and_unchanged_profiles(stores: Stores) -> None:
    users = stores.documents.users
    assert users.put([User(user_id="b"), User(user_id="a"), FULL_USER], now=NOW) == Written(loaded=3)
    again = [User(user_id="b"), User(user_id="a", city="Bern"), FULL_USER]
    assert users.put(again, now=NOW + DAY) == Written(loaded=1, unchanged=2)
    assert list(users.changed_since(None)) == [User(user_id="a", city="Bern"), User(user_id="b"), FULL_USER]


def test_changed_since_includes_the_moment_and_is_ordered_by_time_then_id(stores: Stores) -> None:
    users = stores.documents.users
    users.put([User(user_id="d"), User(user_id="b")], now=NOW + SECOND)
    users.put([User(user_id="c")], now=NOW)
    users.put([User(user_id="old")], now=NOW - SECOND)
    assert [(user.user_id, user.updated_at) for user in users.changed_since(NOW)] == [
        ("c", NOW),
        ("b", NOW + SECOND),
        ("d", NOW + SECOND),
    ]
    assert list(users.changed_since(NOW + 2 * SECOND)) == []


def test_full_lists_continue_after_an_id(stores: Stores) -> None:
    store = stores.documents
    store.users.put([User(user_id=key) for key in "cab"], now=NOW)
    store.events.put([event(key) for key in "cab"], now=NOW)
    store.interactions.append([did(key) for key in "cab"], now=NOW)
    for after, expected in (("", ["a", "b", "c"]), ("a", ["b", "c"]), ("bb", ["c"]), ("c", [])):
        assert [user.user_id for user in store.users.changed_since(None, after=after)] == expected
        assert [event.event_id for event in store.events.changed_since(None, after=after)] == expected
        assert [interaction.interaction_id for interaction in store.interactions.since(None, after=after)] == expected


def test_profiles_are_those_of_all_who_declared_or_did_anything_by_id(stores: Stores) -> None:
    store = stores.documents
    store.users.put([FULL_USER, User(user_id="b"), User(user_id="é"), User(user_id="z", profiling=False)], now=NOW)
    did_something = [did(f"i{place}", user_id=key) for place, key in enumerate(("a", "b", "b_2", "~visitor", "😀"))]
    store.users.remember(did_something)
    found = list(store.users.profiles())
    ids = sorted([FULL_USER.user_id, "a", "b", "b_2", "z", "é", "~visitor", "😀"])
    assert [profile.user.user_id for profile in found] == ids
    assert found == [store.users.profile(key, timeout_s=10) for key in ids]
    assert [profile.user.user_id for profile in store.users.profiles(after="b")] == ids[ids.index("b") + 1 :]
    assert list(store.users.profiles(after="😀")) == []


def test_listed_counts_the_documents_that_lists_read(stores: Stores) -> None:
    store = stores.documents
    store.users.put([User(user_id=f"user_{number:04}") for number in range(1_010)], now=NOW)
    before = store.listed()
    assert len(list(store.users.changed_since(None))) == 1_010
    first = store.listed() - before
    assert first in {1_010, 1_011}
    assert list(store.users.changed_since(NOW + SECOND)) == []
    assert store.listed() - before - first == 1


def test_putting_a_profile_leaves_the_history(stores: Stores) -> None:
    users = stores.documents.users
    users.remember([did("1")])
    users.put([User(user_id="user_1", city="Bern")], now=NOW)
    assert users.profile("user_1", timeout_s=10) == Profile(
        User(user_id="user_1", city="Bern"), (HistoryEntry.of(did("1")),)
    )


def test_a_history_alone_creates_no_profile(stores: Stores) -> None:
    stores.documents.users.remember([did("1")])
    assert list(stores.documents.users.changed_since(None)) == []


def test_an_odd_field_is_dropped_and_the_rest_of_the_profile_used(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    users = stores.documents.users
    users.put([User(user_id="user_1", city="Bern"), User(user_id="user_2")], now=NOW)
    users.remember([did("1")])
    stores.spoil("users", "user_1", {"friends": "all of them", "birth_year": "1990"})
    with caplog.at_level(logging.INFO):
        profile = users.profile("user_1", timeout_s=10)
        listed, _ = users.changed_since(None)
    assert caplog.records == []
    assert profile == Profile(User(user_id="user_1", city="Bern", birth_year=1990), (HistoryEntry.of(did("1")),))
    for user in (profile.user, listed):
        assert (user.mended, user.dropped) == (("birth_year",), ("friends",))


def test_remember_is_idempotent_and_independent_of_order(stores: Stores) -> None:
    rating = did("4", kind=InteractionType.RATING, value=4.0, at=NOW + DAY)
    done = [did("1", at=NOW), did("2", at=NOW + SECOND), did("3", at=NOW - DAY, event_id="event_2"), rating]
    expected = tuple(HistoryEntry.of(done[place]) for place in (3, 1, 0, 2))
    for order in permutations(done):
        stores.documents.users.remember(order[:2])
        stores.documents.users.remember(order)
        assert stores.documents.users.profile("user_1", timeout_s=10).history == expected


def test_users_have_separate_histories(stores: Stores) -> None:
    stores.documents.users.remember([did("1"), did("2", user_id="user_2")])
    for user_id, interaction_id in (("user_1", "1"), ("user_2", "2")):
        history = stores.documents.users.profile(user_id, timeout_s=10).history
        assert history == (HistoryEntry.of(did(interaction_id, user_id=user_id)),)


def test_follows_are_remembered_and_searches_are_not(stores: Stores) -> None:
    follow = did("1", kind=InteractionType.FOLLOW, event_id="", organizer_id="org_1")
    search = did("2", kind=InteractionType.SEARCH, event_id="", query="jazz")
    stores.documents.users.remember([follow, search])
    assert stores.documents.users.profile("user_1", timeout_s=10).history == (HistoryEntry.of(follow),)
    stores.documents.users.remember([])


def test_a_history_has_the_newest_500_entries(stores: Stores) -> None:
    done = [did(f"{number}", event_id=f"event_{number}", at=NOW + number * SECOND) for number in range(620)]
    for start in (310, 0):
        stores.documents.users.remember(done[start : start + 310])
    history = stores.documents.users.profile("user_1", timeout_s=10).history
    assert history == tuple(HistoryEntry.of(interaction) for interaction in reversed(done[120:]))


def test_pagination_lists_each_user_once_by_id(stores: Stores) -> None:
    ids = [f"user_{number:04}" for number in range(1_010)]
    stores.documents.users.put([User(user_id=user_id) for user_id in reversed(ids)], now=NOW)
    assert [user.user_id for user in stores.documents.users.changed_since(None)] == ids


def test_the_wish_not_to_be_profiled_changes_one_field(stores: Stores) -> None:
    users = stores.documents.users
    given = replace(FULL_USER, profiling=True)
    users.put([given], now=NOW)
    users.allow_profiling(given.user_id, allowed=False, now=NOW + SECOND)
    users.allow_profiling("new", allowed=False, now=NOW + SECOND)
    assert list(users.changed_since(NOW + SECOND)) == [User(user_id="new", profiling=False), FULL_USER]
    assert users.profile(given.user_id, timeout_s=10).user == FULL_USER
    assert users.put([FULL_USER], now=NOW + DAY) == Written(unchanged=1)
    for user_id in (given.user_id, "new", "unknown"):
        users.allow_profiling(user_id, allowed=True, now=NOW + DAY)
    expected = [User(user_id="new"), User(user_id="unknown"), given]
    assert list(users.changed_since(NOW + DAY)) == expected
    assert users.put(expected, now=NOW + 2 * DAY) == Written(unchanged=3)


def test_put_keeps_the_wish_not_to_be_profiled(stores: Stores) -> None:
    users = stores.documents.users
    users.allow_profiling("user_1", allowed=False, now=NOW)
    assert users.put([User(user_id="user_1", city="Bern")], now=NOW + DAY) == Written(loaded=1)
    assert users.profile("user_1", timeout_s=10).user == User(user_id="user_1", city="Bern", profiling=False)
    assert users.put([User(user_id="user_1", city="Bern")], now=NOW + DAY) == Written(unchanged=1)


def test_unprofiled_finds_the_users_with_the_wish(stores: Stores) -> None:
    users = stores.documents.users
    ids = [f"user_{number:04}" for number in range(1_010)]
    users.put([User(user_id=user_id, profiling=user_id > "user_0002") for user_id in ids[:6]], now=NOW)
    for user_id, wish in zip(ids[3:6], (True, None, "no"), strict=True):
        stores.spoil("users", user_id, {"profiling": wish})
    assert users.unprofiled(ids) == {*ids[:3], ids[5]}
    stores.spoil("users", ids[5], {"profiling": ""})
    assert users.unprofiled(ids) == {*ids[:3]}
    assert users.unprofiled(ids[2:4]) == {ids[2]}
    assert users.unprofiled([]) == set()


def test_the_wish_holds_in_an_odd_profile(stores: Stores) -> None:
    users = stores.documents.users
    users.put([User(user_id="user_1", city="Bern", profiling=False), User(user_id="user_2", city="Bern")], now=NOW)
    users.remember([did("1")])
    stores.spoil("users", "user_1", {"friends": "all of them"})
    stores.spoil("users", "user_2", {"profiling": "never"})
    assert users.profile("user_1", timeout_s=10) == Profile(
        User(user_id="user_1", city="Bern", profiling=False), (HistoryEntry.of(did("1")),)
    )
    found = list(users.changed_since(None))
    assert found == [User(user_id=key, city="Bern", profiling=False) for key in ("user_1", "user_2")]
    assert [user.updated_at for user in found] == [NOW, NOW]
