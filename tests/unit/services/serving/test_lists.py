"""Recommendations for one user: known, cold-start, without a history, and after a click."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.entities import HistoryEntry, InteractionType, Profile, User
from shared.entities.provenance import Segment
from shared.ports import Documents, UserStore
from shared.ranking.query import ListQuery
from shared.services.serving.context import ListRequest, ServingContext
from shared.services.serving.lists import Answer, recommend
from shared.services.serving.snapshot import Serving
from tests import laws
from tests.examples import DAY, NOW, an_interaction
from tests.stores import FragileUsers, Outage, documents
from tests.training import train

DATA = laws.city()


@pytest.fixture(scope="module")
def store() -> Iterator[Documents]:
    filled = documents()
    filled.events.put(DATA.events, now=NOW - DAY)
    filled.interactions.append(DATA.interactions, now=NOW - DAY)
    filled.users.remember(DATA.interactions)
    yield filled
    filled.close()


@pytest.fixture(scope="module")
def serving(store: Documents, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    folder: Path = tmp_path_factory.mktemp("bucket")
    objects = FolderObjects(folder)
    train(store, objects, model="svd", suffix="x")
    return Serving(store, objects, refresh_s=30)


def _answer(
    serving: Serving, users: UserStore, user_id: str, *, limit: int = 100, recent: Sequence[str] = ()
) -> Answer:
    context = ServingContext(serving, replace(documents(), users=users), lambda: NOW, deadline_s=1.5)
    query = ListQuery(k=limit)
    return recommend(context, ListRequest(user_id=user_id, query=query, seed=1, recent=recent))


def test_a_warm_user_gets_events_like_their_history_first(store: Documents, serving: Serving) -> None:
    answer = _answer(serving, store.users, "yoga_fan_0", limit=4)
    assert {item.event_id.partition("_")[0] for item in answer.items} == {"yoga"}
    assert {item.source for item in answer.items} == {"collaborative"}
    assert (answer.model_version, answer.degraded) == ("20260501T120000Z-x", ())
    assert not {item.event_id for item in answer.items} & laws.seen(DATA, "yoga_fan_0")


def test_history_entries_that_expired_are_not_served(serving: Serving) -> None:
    store = documents()
    done = {days: an_interaction("u", f"yoga_{days % 10}", occurred_at=NOW - days * DAY) for days in (5, 60, 61)}
    store.users.remember([*done.values()])
    context = ServingContext(serving, store, lambda: NOW, deadline_s=1.5, keep_days=60)
    view = context.view(ListRequest(user_id="u"))
    assert [entry.event_id for entry in view.viewer.profile.history] == [done[5].event_id, done[60].event_id]
    everything = replace(context, keep_days=None).view(ListRequest(user_id="u"))
    assert len(everything.viewer.profile.history) == 3


def test_an_unknown_user_gets_the_list_of_a_cold_start_user(store: Documents, serving: Serving) -> None:
    cold_start = _answer(serving, store.users, "")
    assert {item.source for item in cold_start.items} <= laws.FALLBACKS
    unknown = _answer(serving, store.users, "nobody_knows")
    assert (cold_start.provenance.segment, unknown.provenance.segment) == (Segment.NOBODY, Segment.COLD)
    as_cold_start = replace(unknown, recommendation_id=cold_start.recommendation_id, provenance=cold_start.provenance)
    assert as_cold_start == cold_start


def test_an_unavailable_history_gives_the_cold_start_list_and_degraded_says_so(
    store: Documents, serving: Serving
) -> None:
    users = FragileUsers(store.users, Outage(is_on=True))
    answer = _answer(serving, users, "yoga_fan_0")
    assert answer.degraded == ("history",)
    assert answer.items == _answer(serving, store.users, "").items
    assert answer.model_version == "20260501T120000Z-x"


def test_what_a_user_looked_at_is_not_used_while_their_wish_is_unknown(store: Documents, serving: Serving) -> None:
    users = FragileUsers(store.users, Outage(is_on=True))
    cold_start = _answer(serving, users, "")
    assert _answer(serving, users, "yoga_fan_0", recent=["yoga_3"]).items == cold_start.items
    assert _answer(serving, users, "", recent=["yoga_3"]).items != cold_start.items
    assert _answer(serving, store.users, "nobody_knows", recent=["yoga_3"]).items != cold_start.items


def test_a_cold_start_user_costs_no_read(store: Documents, serving: Serving) -> None:
    assert _answer(serving, FragileUsers(store.users, Outage(is_on=True)), "").degraded == ()


@pytest.mark.parametrize("limit", [1, 7])
def test_the_list_has_the_requested_length(store: Documents, serving: Serving, limit: int) -> None:
    assert len(_answer(serving, store.users, "yoga_fan_0", limit=limit).items) == limit


def test_the_profile_is_read_once_with_the_deadline(store: Documents, serving: Serving) -> None:
    class CountingUsers(FragileUsers):
        calls: list[tuple[str, float]] = []  # noqa: RUF012  # one test's own class

        def profile(self, user_id: str, *, timeout_s: float) -> Profile:
            self.calls.append((user_id, timeout_s))
            return Profile(User(user_id=user_id))

    users = CountingUsers(store.users, Outage())
    _answer(serving, users, "yoga_fan_0")
    assert users.calls == [("yoga_fan_0", 1.5)]


def test_a_click_changes_the_next_request(store: Documents, serving: Serving) -> None:
    assert _answer(serving, store.users, "curious").items[0].source != "collaborative"
    store.users.remember([an_interaction("curious", "yoga_0", InteractionType.CLICK)])
    items = _answer(serving, store.users, "curious").items
    assert items[0].event_id == "yoga_0"
    # An event is no reason for itself.
    first = items[1]
    assert (first.source, first.event_id.partition("_")[0]) == ("collaborative", "yoga")
    assert first.reasons[0].text == "because you looked at Yoga 0"


def test_pairs_of_event_and_type_are_accepted_as_a_history(serving: Serving) -> None:
    recommender = serving.current(NOW).recommender
    entry = HistoryEntry(InteractionType.BOOKING, NOW, "jazz_3")
    expected = recommender.recommend(Profile(User(user_id="x"), (entry,)), k=5, now=NOW)
    assert recommender.recommend([("jazz_3", "booking")], k=5, now=NOW) == expected
