"""Two stages: estimates of all scores, exact scores of a shortlist, and lists that are as without stages."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.entities import Location, Placement, Profile, Rules
from shared.models.blend import Blend
from shared.models.scorer import Staged, Stages
from shared.ranking import shortlist
from shared.ranking.exploration import Exploration
from shared.ranking.filters import WEEK, Filters
from shared.ranking.query import ListQuery, RankedList, Viewer
from shared.ranking.recommender import Recommender
from shared.ranking.shortlist import Wanted, best_allowed, ranked, shortlisted
from shared.services.serving import cache
from shared.services.serving.cache import CachedRecommender
from shared.signals import terms
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import UserSignal
from shared.signals.static_candidates import StaticCandidates
from shared.signals.users import SEGMENTS, UserBatch
from tests import laws
from tests.examples import DAY, NOW, an_event
from tests.towers import fitted
from tests.town import Town, town

DATA = laws.city()
_SHORT = 6
"""Events of a short shortlist."""
USERS = sorted({entry.user_id for entry in DATA.interactions})[:4]


def _blend(city: Town, *, by_vectors: bool = True) -> Blend:
    kept = [by_vectors or not (isinstance(signal, UserSignal) and signal.by_vectors) for signal in SIGNALS]
    weights = np.tile(np.linspace(0.5, 2, len(SIGNALS)).astype(np.float32) * kept, (len(SEGMENTS), 1))
    return Blend(weights, {signal.name: fitted(signal, city.past) for signal in SIGNALS})


def _stages(blend: Blend, city: Town, profile: Profile) -> Stages:
    return blend.stages(city.batch(profile))


@pytest.mark.parametrize("seed", range(3))
def test_the_second_stage_scores_any_part_exactly(seed: int) -> None:
    city = town(seed)
    blend, columns = _blend(city), np.arange(0, len(city.candidates), 3)
    for profile in city.profiles:
        scores = blend.score(city.batch(profile))[0]
        np.testing.assert_allclose(_stages(blend, city, profile).at(columns), scores[columns], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_estimates_leave_out_the_signals_by_vectors_alone(seed: int) -> None:
    city = town(seed)
    blend = _blend(city, by_vectors=False)
    for profile in city.profiles:
        scores = blend.score(city.batch(profile))[0]
        np.testing.assert_allclose(_stages(blend, city, profile).estimates, scores, rtol=1e-4, atol=1e-4)


def test_estimates_take_the_strongest_names_where_lists_are_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    city = town(1)
    profile = max(city.profiles, key=lambda profile: len(profile.history))
    blend = _blend(city, by_vectors=False)
    exact = _stages(blend, city, profile).estimates
    monkeypatch.setattr(terms, "_MAX_POSTINGS", 20)
    some = _stages(blend, city, profile).estimates
    monkeypatch.setattr(terms, "_MAX_POSTINGS", 0)
    none = _stages(blend, city, profile).estimates
    assert np.abs(some - exact).sum() < np.abs(none - exact).sum()


@pytest.mark.parametrize("seed", range(4))
def test_estimates_of_candidates_that_followed_changes_are_those_of_fresh_ones(seed: int) -> None:
    city = town(seed, events=400)
    blend = _blend(city, by_vectors=False)
    for profile in city.profiles:
        _stages(blend, city, profile)
    rng, before = np.random.default_rng(seed), city.candidates
    changed = [
        an_event(event_id, title="jazz river", tags=("t1", "t9"), organizer_id="o7", starts_at=NOW + DAY)
        for event_id in (*city.catalog.events.ids(rng.choice(before.rows, 3, replace=False)), "new", "a new one")
    ]
    catalog, merge = city.catalog.with_changes(changed)
    moved = merge.rows(before.rows)
    rows = np.sort(np.concatenate([moved[rng.random(len(moved)) < 0.97], catalog.events.rows(["new", "a new one"])]))
    columns = np.full(len(catalog), -1)
    columns[moved] = np.arange(len(moved))
    is_changed = np.isin(rows, merge.changed)
    followed = before.static.following(catalog, rows, columns[rows], is_changed)
    assert followed.listed
    assert followed.by_start
    popularity = np.zeros(len(rows))
    after = replace(city, catalog=catalog)
    for profile in city.profiles:
        found = []
        for static in (followed, StaticCandidates(catalog, rows)):
            candidates = Candidates(catalog, rows, NOW.timestamp(), popularity, static=static)
            found.append(_stages(blend, replace(after, candidates=candidates), profile).estimates)
        np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-5)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=300),
    st.integers(1, 20),
)
def test_the_best_that_are_allowed_are_found_however_few_they_are(pairs: list[tuple[int, bool]], length: int) -> None:
    estimates = np.array([value for value, _ in pairs], np.float32)
    allowed = np.array([is_allowed for _, is_allowed in pairs])
    found = best_allowed(estimates, lambda columns: allowed[columns], length)
    assert allowed[found].all()
    assert len(set(found.tolist())) == len(found) == min(length, int(allowed.sum()))
    assert sorted(estimates[found].tolist()) == sorted(estimates[allowed].tolist())[-length:][: len(found)]


@pytest.mark.parametrize("seed", range(3))
def test_better_estimates_have_every_name_of_the_bags(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_MAX_POSTINGS", 0)
    city = town(seed)
    blend, columns = _blend(city, by_vectors=False), np.arange(0, len(city.candidates), 3)
    for profile in city.profiles:
        scores = blend.score(city.batch(profile))[0]
        found = _stages(blend, city, profile).listed_at(columns)
        np.testing.assert_allclose(found, scores[columns], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("boost", [0.0, 100.0])
def test_a_shortlist_is_chosen_by_better_estimates_of_more(boost: float) -> None:
    city, rng = town(0), np.random.default_rng(0)
    size, looked = len(city.candidates), list[int]()
    better = rng.normal(size=size).astype(np.float32)
    boosts = np.where(np.arange(size) % 3 == 0, boost, 0.0)

    def listed_at(columns: NDArray[np.int64]) -> NDArray[np.float32]:
        looked.append(len(columns))
        scores: NDArray[np.float32] = better[columns]
        return scores

    stages = Stages(-better, listed_at, lambda columns: better[columns])
    given: dict[str, Any] = {"boosts": boosts if boost else None, "length": 5}
    everything = lambda columns: np.ones(len(columns), np.bool_)  # noqa: E731
    found = shortlisted(stages, city.candidates, everything, **given, refined=size)
    expected = np.argsort(-(better + boosts))[:5]
    assert sorted(found.candidates.rows.tolist()) == sorted(city.candidates.rows[expected].tolist())
    assert (looked, found.is_complete) == ([size], False)
    shortlisted(stages, city.candidates, everything, **given)
    assert looked == [size]


def test_the_best_of_many_are_found_without_a_look_at_most() -> None:
    estimates, looked = np.random.default_rng(0).normal(size=200_000).astype(np.float32), list[int]()

    def allowed(columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        looked.append(len(columns))
        is_even: NDArray[np.bool_] = columns % 2 == 0
        return is_even

    found = best_allowed(estimates, allowed, 100)
    assert sorted(found.tolist()) == sorted((2 * np.argsort(-estimates[::2])[:100]).tolist())
    assert sum(looked) < 20_000


RULES = Rules(
    pinned=(Placement(target_id=DATA.events[0].event_id),),
    boosted_events=tuple(Placement(target_id=event.event_id, strength=2) for event in DATA.events[3:30]),
    max_per_organizer=2,
)
QUERIES = {
    "plain": ListQuery(),
    "long": ListQuery(k=40),
    "week": ListQuery(filters=Filters(when=WEEK)),
    "category": ListQuery(filters=Filters(category=(DATA.events[0].category,))),
    "city, free": ListQuery(filters=Filters(city=(DATA.events[0].city,), max_price=0)),
    "near": ListQuery(filters=Filters(near=DATA.events[0].location or Location(41.9, -87.6), radius_km=5)),
    "days": ListQuery(filters=Filters(since=NOW + DAY, until=NOW + 5 * DAY)),
    "excluded": ListQuery(filters=Filters(exclude=tuple(event.event_id for event in DATA.events[::2]))),
    "nothing": ListQuery(filters=Filters(category=("no such category",))),
    "caps": ListQuery(per_organizer=1, per_series=1),
    "no caps": ListQuery(per_series=None),
    "diverse": ListQuery(diversity=0.5),
}


@pytest.fixture(scope="module")
def recommender() -> Recommender:
    return laws.trained("blend", DATA)


def _wanted(recommender: Recommender, user_id: str, query: ListQuery, rules: Rules = RULES) -> Wanted:
    viewer = Viewer.of(laws.profile(DATA, user_id), recommender.catalog, NOW)
    return Wanted(viewer=viewer, query=query, rules=rules, placements=rules, now=NOW)


def _exact(recommender: Recommender, wanted: Wanted) -> RankedList:
    live = recommender.live(NOW)
    return wanted.list_of(live, recommender.score(wanted.viewer, live))


def _staged(recommender: Recommender, wanted: Wanted, length: int) -> RankedList:
    live, scorer = recommender.live(NOW), recommender.scorer
    assert isinstance(scorer, Staged)
    stages: Callable[[], Stages] = lambda: scorer.stages(UserBatch(wanted.viewer.histories, live))  # noqa: E731
    return ranked(wanted, live, stages, lambda: np.arange(0), {}, length=length)


@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_lists_from_a_long_shortlist_are_the_exact_ones(recommender: Recommender, query: ListQuery) -> None:
    for user_id in (*USERS, "nobody"):
        wanted = _wanted(recommender, user_id, query, Rules(max_per_organizer=3))
        exact, found = _exact(recommender, wanted), _staged(recommender, wanted, 10_000)
        assert found.rows.tolist() == exact.rows.tolist()
        np.testing.assert_allclose(found.scores, exact.scores, rtol=1e-4, atol=1e-4)
        assert found.cursor == exact.cursor


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortlists that are as short with filters as without, since few events are live."""
    monkeypatch.setattr(shortlist, "FILTERED", 1)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))
def test_lists_from_a_short_shortlist_are_as_long_and_nearly_the_same(
    recommender: Recommender, query: ListQuery
) -> None:
    held, query = [], replace(query, k=3)
    assert len(recommender.live(NOW)) >= 3 * _SHORT
    for user_id in (*USERS, "nobody"):
        wanted = _wanted(recommender, user_id, query, Rules())
        exact, found = _exact(recommender, wanted), _staged(recommender, wanted, _SHORT)
        assert len(found.rows) == len(exact.rows)
        held += np.isin(exact.rows, found.rows).tolist()
    # A diverse list looks further down than six events.
    assert np.mean(held or [1]) >= (0.9 if query.diversity else 0.95)


def test_a_shortlist_grows_until_the_caps_leave_enough(recommender: Recommender) -> None:
    wanted = _wanted(recommender, USERS[0], QUERIES["caps"])
    assert len(_staged(recommender, wanted, 1).rows) == len(_exact(recommender, wanted).rows)


@pytest.mark.usefixtures("_short")
def test_pages_hold_every_event_once_and_keep_the_caps_of_those_before(recommender: Recommender) -> None:
    query, seen = ListQuery(k=7, per_organizer=3, per_series=None), list[int]()
    while True:
        wanted = _wanted(recommender, USERS[0], query, Rules())
        exact, found = _exact(recommender, wanted), _staged(recommender, wanted, _SHORT)
        assert len(found.rows) == len(exact.rows)
        seen += found.rows.tolist()
        if found.cursor is None:
            break
        query = replace(query, cursor=found.cursor)
    assert len(set(seen)) == len(seen) > 7
    organizers = recommender.catalog.fields["organizer"].at(np.array(seen))
    assert np.bincount(organizers[organizers >= 0]).max() <= 3


def test_pins_come_first_and_boosts_lift_events_of_any_rank(recommender: Recommender) -> None:
    live = recommender.live(NOW)
    wanted = _wanted(recommender, USERS[0], ListQuery(), Rules())
    ranks = np.argsort(-recommender.score(wanted.viewer, live))
    ids = recommender.catalog.events.ids(live.rows[ranks[[-1, -2]]])
    rules = Rules(pinned=(Placement(target_id=ids[0]),), boosted_events=(Placement(target_id=ids[1], strength=10),))
    found = _staged(recommender, replace(wanted, rules=rules, placements=rules), _SHORT)
    assert recommender.catalog.events.ids(found.rows[:2]) == ids
    assert found.pinned == 1


@pytest.fixture
def staged(recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> CachedRecommender:
    monkeypatch.setattr(cache, "STAGED_FROM", 1)
    return CachedRecommender(recommender)


def test_an_instance_makes_the_same_lists_in_stages(staged: CachedRecommender, recommender: Recommender) -> None:
    for user_id in (*USERS, "nobody"):
        wanted = _wanted(recommender, user_id, ListQuery())
        assert staged.live(NOW).ranked(wanted).rows.tolist() == _exact(recommender, wanted).rows.tolist()
        items = staged.recommend(laws.profile(DATA, user_id), k=5, now=NOW)
        assert [item.event_id for item in items] == [
            item.event_id for item in recommender.recommend(laws.profile(DATA, user_id), k=5, now=NOW)
        ]


def test_few_events_are_all_scored(recommender: Recommender) -> None:
    assert not CachedRecommender(recommender).live(NOW).is_staged


def test_exploration_draws_from_the_least_known_of_all(staged: CachedRecommender, recommender: Recommender) -> None:
    wanted = replace(_wanted(recommender, USERS[0], ListQuery(), Rules()), exploration=Exploration(0.5, 3))
    exact = _exact(recommender, wanted)
    assert exact.explored
    found = staged.live(NOW).ranked(wanted)
    assert found.rows.tolist() == exact.rows.tolist()
    assert found.explored == exact.explored


def test_a_shortlist_is_made_once_for_a_profile_and_a_query(
    staged: CachedRecommender, recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, made = staged.live(NOW), list[int]()
    stages = Blend.stages

    def counted(self: Blend, batch: UserBatch) -> Stages:
        made.append(1)
        return stages(self, batch)

    monkeypatch.setattr(Blend, "stages", counted)
    wanted = _wanted(recommender, USERS[0], ListQuery(), Rules())
    for query in (ListQuery(), ListQuery(k=3), ListQuery(filters=Filters(when=WEEK)), ListQuery()):
        live.ranked(replace(wanted, query=query))
    assert len(made) == 2


def test_no_request_waits_for_the_many_events_of_a_new_minute(
    staged: CachedRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, later = staged.live(NOW), NOW + timedelta(minutes=1)
    going, done, stages = threading.Event(), threading.Event(), Blend.stages

    def slow(self: Blend, batch: UserBatch) -> Stages:
        assert going.wait(10)
        done.set()
        return stages(self, batch)

    monkeypatch.setattr(Blend, "stages", slow)
    assert staged.live(later) is before
    assert staged.live(later) is before
    going.set()
    assert done.wait(10)
    after = staged.live(later, waits=True)
    assert after is not before
    assert staged.live(later) is after


def test_a_thread_that_fails_leaves_the_minute_before(
    staged: CachedRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, later = staged.live(NOW), NOW + timedelta(minutes=1)
    failed = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: failed.set())
    with monkeypatch.context() as patched:
        patched.setattr(Blend, "stages", lambda *_: 1 / 0)
        assert staged.live(later) is before
        assert failed.wait(10)
    assert staged.live(later, waits=True).minute == before.minute + 1
