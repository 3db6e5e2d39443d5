"""Values that requests share: within a minute, across minutes, and by profile."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.entities import HistoryEntry, InteractionType, Profile, User
from shared.ranking import reasons
from shared.ranking.query import Viewer
from shared.services.serving import cache
from shared.services.serving.cache import CachedRecommender
from shared.signals.candidates import Candidates
from shared.signals.static_candidates import StaticCandidates
from tests import laws
from tests.examples import DAY, NOW, an_event
from tests.known import known

DATA = laws.city()
LIVE = sorted(event.event_id for event in DATA.events if known(event.over_by()) > NOW)
MINUTE = timedelta(minutes=1)


def _trained(model: str = "popularity") -> CachedRecommender:
    return CachedRecommender(laws.trained(model, DATA))


def _viewer(model: CachedRecommender, user_id: str, now: datetime = NOW) -> Viewer:
    return Viewer.of(laws.profile(DATA, user_id), model.recommender.catalog, now)


def test_values_that_depend_on_the_live_events_alone_are_cached() -> None:
    made: list[int] = []

    def make(candidates: StaticCandidates) -> NDArray[np.int64]:
        made.append(len(candidates))
        return np.full(len(candidates), len(made))

    model = _trained()
    assert set(model.live(NOW).candidates.static.derived(make)) == {1}
    later = model.live(NOW + MINUTE).candidates
    assert later.now_s == (NOW + MINUTE).timestamp()
    popular = model.with_popularity({LIVE[0]: 9e12}).with_popularity({})
    assert popular.live(NOW + MINUTE).candidates.popularity.max() == 9e12
    for at in (NOW + MINUTE, NOW + 2 * MINUTE):
        assert set(popular.live(at).candidates.static.derived(make)) == {1}
    assert set(later.static.derived(make)) == {1}
    assert made == [len(later)]
    grown = popular.with_events([an_event("zz", starts_at=NOW + DAY)]).live(NOW).candidates
    assert grown.static.derived(make).tolist() == [1] * len(later) + [2]
    fewer = popular.live(NOW + 9 * DAY).candidates
    assert 0 < len(fewer) < len(later)
    assert set(fewer.static.derived(make)) == {1}
    assert made == [len(later), 1]


def test_requests_within_a_minute_share_live_events_and_scores() -> None:
    model = _trained("svd")
    live = model.live(NOW)
    assert model.live(NOW + MINUTE - timedelta(seconds=1)) is live
    scores = live.scores(_viewer(model, "jazz_fan_1"))
    assert live.scores(_viewer(model, "jazz_fan_1")) is scores
    assert live.scores(_viewer(model, "yoga_fan_1")) is not scores
    assert live.causes(laws.profile(DATA, "jazz_fan_1")) is live.causes(laws.profile(DATA, "jazz_fan_1"))
    later = model.live(NOW + MINUTE)
    assert later is not live
    assert later.scores(_viewer(model, "jazz_fan_1")) is not scores
    popular = model.with_popularity({LIVE[0]: 1.0}).live(NOW)
    assert popular.scores(_viewer(model, "jazz_fan_1")) is not scores


def test_cached_scores_are_those_of_the_model() -> None:
    model = _trained("svd")
    live, viewer = model.live(NOW), _viewer(model, "jazz_fan_1")
    expected = model.recommender.score(viewer, model.recommender.live(NOW))
    assert np.array_equal(live.scores(viewer), expected)
    assert np.array_equal(live.scores(viewer), expected)


def test_causes_are_found_once_for_a_user_and_an_event() -> None:
    model = _trained("svd")
    viewer = _viewer(model, "yoga_fan_1")
    rows = model.live(NOW).candidates.rows[:3].astype(np.int64)
    first = model.explain(viewer, rows, NOW)
    causes = model.live(NOW).causes(viewer.profile)
    assert sorted(causes) == rows.tolist()
    causes.update({int(row): ("cached", reasons.plain("near")) for row in rows})
    assert {source for source, _ in first} != {"cached"}
    assert {source for source, _ in model.explain(viewer, rows, NOW)} == {"cached"}


def test_the_least_recently_used_users_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_CACHE_BYTES", 0)
    live = _trained().live(NOW)
    profiles = [Profile(User(user_id=f"user_{number}")) for number in range(cache._MIN_CACHED + 1)]
    first, second, *rest = profiles
    kept, dropped = live.causes(first), live.causes(second)
    for profile in (*rest[:-1], first, rest[-1]):
        live.causes(profile)
    assert live.causes(first) is kept
    assert live.causes(second) is not dropped


def test_long_histories_count_for_the_memory_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_CACHE_BYTES", 2_000_000)

    def cached(length: int) -> int:
        live = _trained().live(NOW)
        for number in range(200):
            entries = tuple(HistoryEntry(InteractionType.VIEW, NOW, f"{number}_{place}") for place in range(length))
            live.causes(Profile(User(user_id=f"user_{number}"), entries))
        sizes = [sys.getsizeof(entry) + sys.getsizeof(entry.event_id) for entry in entries]
        assert sum(sizes) < cache._ENTRY_BYTES * max(length, 1)
        return len(live._by_profile)

    assert cached(0) == 200
    assert cached(500) == 2_000_000 // (4 * len(LIVE) + cache._CAUSES_BYTES + 500 * cache._ENTRY_BYTES)
    assert cached(5_000) == cache._MIN_CACHED


def test_a_list_from_python_is_of_the_present_unless_a_time_is_given() -> None:
    now = datetime.now(NOW.tzinfo)
    model = CachedRecommender(laws.trained("popularity", laws.moved(DATA, now - NOW), now=now))
    assert sorted(item.event_id for item in model.recommend(k=100)) == LIVE
    assert model.recommend(k=100, now=now + 10_000 * DAY) == []


def test_one_request_makes_the_live_events_of_a_minute_and_others_share_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, made, may_end, has_begun = _trained(), list[int](), threading.Event(), threading.Event()
    make = model._candidates

    def slowly(now: datetime) -> Candidates:
        made.append(int(now.timestamp()))
        has_begun.set()
        assert may_end.wait(10)
        return make(now)

    monkeypatch.setattr(model, "_candidates", slowly)
    with ThreadPoolExecutor(4) as pool:
        first = [pool.submit(model.live, NOW) for _ in range(3)]
        assert has_begun.wait(10)
        # Without live events of the minute before there is nothing to share.
        assert not any(future.done() for future in first)
        may_end.set()
        assert len({id(future.result()) for future in first}) == 1
        may_end.clear()
        has_begun.clear()
        second = pool.submit(model.live, NOW + MINUTE)
        assert has_begun.wait(10)
        assert model.live(NOW + MINUTE) is first[0].result()
        late = pool.submit(model.live, NOW + 2 * MINUTE)
        may_end.set()
        assert second.result() is not first[0].result()
        assert late.result().minute == second.result().minute + 1
    assert made == [int((NOW + minutes * MINUTE).timestamp()) for minutes in range(3)]
