"""Plans that mutual friends share, in every store: who is told, what is taken back, and what erasure leaves."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.entities import Interaction, InteractionType, User
from shared.feedback.friends import MAX_PLANS
from shared.ports import Documents
from shared.services.ingest.friends import share_profiles
from tests.contract.conftest import Stores
from tests.contract.examples import DAY, NOW, SECOND
from tests.examples import an_interaction

ANN, BOB, EVE = "ann", "bob", "eve"
FRIENDS = [User(user_id=ANN, friends=(BOB, EVE)), User(user_id=BOB, friends=(ANN,)), User(user_id=EVE)]


@pytest.fixture
def store(stores: Stores) -> Documents:
    """Store in which Ann and Bob are friends, and Ann has declared Eve, who has not."""
    store = stores.documents
    store.users.put(FRIENDS, now=NOW)
    return store


def did(user_id: str, event_id: str, kind: InteractionType = InteractionType.BOOKING, age: int = 10) -> Interaction:
    return an_interaction(user_id, event_id, kind, occurred_at=NOW - timedelta(minutes=age), recorded_at=NOW)


def act(store: Documents, *done: Interaction) -> None:
    store.interactions.append(done, now=NOW)
    store.users.remember(done)
    store.users.share_plans(sorted({interaction.user_id for interaction in done}))


def going(store: Documents, user_id: str) -> dict[str, int]:
    return dict(store.users.profile(user_id, timeout_s=10).friends_going)


def test_friends_are_told_of_bookings_saves_and_attendances_and_of_nothing_else(store: Documents) -> None:
    kinds = (InteractionType.BOOKING, InteractionType.SAVE, InteractionType.ATTEND)
    act(store, *(did(BOB, f"e_{kind}", kind) for kind in InteractionType if kind is not InteractionType.CANCEL))
    assert going(store, ANN) == {f"e_{kind}": 1 for kind in kinds}
    assert going(store, BOB) == going(store, EVE) == {}


def test_a_friendship_that_only_one_has_declared_tells_nobody_anything(store: Documents) -> None:
    act(store, did(ANN, "party"), did(EVE, "party"))
    assert going(store, ANN) == going(store, EVE) == {}
    assert going(store, BOB) == {"party": 1}
    # Nobody else's profile makes a friend either.
    store.users.put([User(user_id="stalker", friends=(ANN, BOB, EVE))], now=NOW + SECOND)
    share_profiles(store, now=NOW + DAY)
    assert going(store, "stalker") == {}


def test_a_friend_counts_once_an_event_and_friends_are_counted(store: Documents) -> None:
    store.users.put([replace(FRIENDS[2], friends=(ANN,))], now=NOW + SECOND)
    act(store, did(BOB, "party"), did(BOB, "party", InteractionType.SAVE), did(EVE, "party"), did(EVE, "walk"))
    assert going(store, ANN) == {"party": 2, "walk": 1}


def test_a_cancelled_booking_is_taken_back(store: Documents) -> None:
    act(store, did(BOB, "party"), did(BOB, "walk"))
    act(store, did(BOB, "party", InteractionType.CANCEL, age=5))
    assert going(store, ANN) == {"walk": 1}
    act(store, did(BOB, "walk", InteractionType.CANCEL, age=5))
    assert going(store, ANN) == {}
    assert store.users.telling(ANN) == []


def test_the_newest_plans_are_told(store: Documents) -> None:
    act(store, *(did(BOB, f"e{number:02}", age=number) for number in range(1, MAX_PLANS + 6)))
    assert sorted(going(store, ANN)) == [f"e{number:02}" for number in range(1, MAX_PLANS + 1)]


@pytest.mark.parametrize(
    "changed",
    [
        User(user_id=ANN, friends=(EVE,)),
        User(user_id=BOB),
        User(user_id=BOB, friends=(EVE,)),
        User(user_id=BOB, friends=(ANN,), profiling=False),
        User(user_id=ANN, friends=(BOB,), profiling=False),
    ],
    ids=["viewer", "friend", "other friends", "friend without profiling", "viewer without profiling"],
)
def test_a_friendship_that_one_ends_is_taken_back_on_both_sides(store: Documents, changed: User) -> None:
    act(store, did(ANN, "walk"), did(BOB, "party"))
    assert (going(store, ANN), going(store, BOB)) == ({"party": 1}, {"walk": 1})
    store.users.put([changed], now=NOW + SECOND)
    assert share_profiles(store, now=NOW + DAY) >= 1
    assert going(store, ANN) == going(store, BOB) == {}
    assert store.users.telling(ANN) == store.users.telling(BOB) == []


def test_a_new_friendship_tells_of_the_plans_there_are(store: Documents) -> None:
    act(store, did(ANN, "walk"), did(EVE, "party"))
    share_profiles(store, now=NOW + DAY)
    assert going(store, EVE) == {}
    store.users.put([User(user_id=EVE, friends=(ANN,))], now=NOW + DAY)
    share_profiles(store, now=NOW + 2 * DAY)
    assert going(store, ANN) == {"party": 1}
    assert going(store, EVE) == {"walk": 1}
    assert share_profiles(store, now=NOW + 3 * DAY) == 0


def test_erasure_takes_back_what_friends_were_told_and_what_the_user_was_told(store: Documents) -> None:
    act(store, did(ANN, "walk"), did(BOB, "party"))
    store.personal.erase(BOB, now=NOW + SECOND)
    assert going(store, ANN) == {}
    assert BOB not in everything(store, [ANN, BOB, EVE])
    # A run that was under way finds no profile, and an account that starts again is no friend.
    store.users.share_plans([ANN, BOB])
    store.users.put([User(user_id=BOB, friends=(ANN,))], now=NOW + 2 * SECOND)
    store.users.share_plans([ANN, BOB])
    assert going(store, ANN) == going(store, BOB) == {}
    assert store.personal.erase(BOB, now=NOW + DAY) == 1


def everything(store: Documents, user_ids: Sequence[str]) -> str:
    """Documents about some users, as they are exported."""
    held = [document for user_id in user_ids for document in store.personal.of(user_id)]
    return json.dumps([(document.collection, dict(document.fields)) for document in held], default=str)


def test_an_export_is_without_the_plans_of_friends(store: Documents) -> None:
    act(store, did(BOB, "party"), did(ANN, "walk"))
    assert "party" not in everything(store, [ANN])
    assert "party" in everything(store, [BOB])


def test_plans_expire_with_the_interactions(store: Documents) -> None:
    old = an_interaction(BOB, "in_a_year", occurred_at=NOW - 60 * DAY, recorded_at=NOW)
    act(store, old, did(BOB, "party"))
    assert going(store, ANN) == {"in_a_year": 1, "party": 1}
    store.personal.expire(NOW - 30 * DAY, limit=100, now=NOW)
    assert going(store, ANN) == {"party": 1}
    store.personal.expire(NOW, limit=100, now=NOW)
    assert going(store, ANN) == {}


def test_users_with_friends_are_those_who_declare_some(store: Documents) -> None:
    assert store.users.with_friends([EVE, BOB, "nobody", ANN]) == [BOB, ANN]


def test_sharing_beside_an_erasure_leaves_nothing_with_friends(store: Documents) -> None:
    for _ in range(2):
        store.users.put(FRIENDS, now=NOW)
        act(store, did(BOB, "party"), did(ANN, "walk"))
        with ThreadPoolExecutor(4) as pool:
            runs = [pool.submit(store.users.share_plans, [BOB, ANN]) for _ in range(6)]
            store.personal.erase(BOB, now=NOW + SECOND)
            for run in runs:
                run.result()
        assert list(store.personal.of(BOB)) == []
        assert BOB not in everything(store, [ANN])
        # Whoever still declares the friend would see what is left.
        store.users.put(FRIENDS[:1], now=NOW + 2 * SECOND)
        assert going(store, ANN) == {}


def test_the_last_of_several_runs_at_once_does_not_share_what_is_over(store: Documents) -> None:
    for number in range(2):
        with ThreadPoolExecutor(4) as pool:
            act(store, did(BOB, f"party_{number}", age=10))
            runs = [pool.submit(store.users.share_plans, [BOB, ANN]) for _ in range(6)]
            act(store, did(BOB, f"party_{number}", InteractionType.CANCEL, age=5))
            for run in runs:
                run.result()
        assert going(store, ANN) == {}


def test_many_friends_of_a_user_are_brought_up_to_date_at_once(store: Documents) -> None:
    names = [f"friend_{number}" for number in range(20)]
    store.users.put([User(user_id=ANN, friends=tuple(names))], now=NOW)
    store.users.put([User(user_id=name, friends=(ANN, *names)) for name in names], now=NOW)
    act(store, did(ANN, "walk"), *(did(name, "party") for name in names))
    assert going(store, ANN) == {"party": 20}
    assert going(store, names[0]) == {"party": 19, "walk": 1}
    store.users.put([User(user_id=ANN)], now=NOW + SECOND)
    share_profiles(store, now=NOW + DAY)
    store.users.put([User(user_id=ANN, friends=tuple(names[:3]))], now=NOW + 2 * DAY)
    share_profiles(store, now=NOW + 3 * DAY)
    assert going(store, ANN) == {"party": 3}
    assert {name for name in names if "walk" in going(store, name)} == set(names[:3])
