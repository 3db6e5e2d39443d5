"""Signals against oracles: scores of each signal that are known without its code."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import Event, HistoryEntry, Interaction, InteractionType, Location, Profile, User
from shared.feedback.friends import PastPlans
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import popularity
from shared.feedback.profiles import MIN_USERS, Declared
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import EventSignal, SignalParams, TrainingData, UserSignal
from shared.signals.users import UserBatch
from tests.examples import DAY, NOW, an_event, an_interaction

BOOKING, SAVE, VIEW = InteractionType.BOOKING, InteractionType.SAVE, InteractionType.VIEW
BY_NAME = {signal.name: signal for signal in SIGNALS}


class World:
    """Fixture of signals: training data and candidates from events, interactions and declared profiles."""

    def __init__(
        self, events: Sequence[Event], interactions: Sequence[Interaction], users: Sequence[User] = ()
    ) -> None:
        self.catalog = Catalog.of(events)
        self.table = InteractionTable.of(interactions, self.catalog)
        by_id = {user.user_id: user for user in users}
        declared = Declared.of([by_id.get(user_id) or User(user_id=user_id) for user_id in self.table.users.ids()])
        self.data = TrainingData(self.table, self.catalog, NOW.timestamp(), declared)
        self.candidates = Candidates(
            self.catalog, np.arange(len(self.catalog)), NOW.timestamp(), popularity(self.table, len(self.catalog))
        )

    def params(self, name: str) -> SignalParams:
        return BY_NAME[name].fit(self.data)

    def of_events(self, name: str) -> dict[str, float]:
        signal = BY_NAME[name]
        assert isinstance(signal, EventSignal)
        return self._by_id(signal.score(self.params(name), self.candidates))

    def of_user(self, name: str, user: User) -> dict[str, float]:
        signal = BY_NAME[name]
        assert isinstance(signal, UserSignal)
        histories = Histories.of_table([user], self.table, NOW, newest=500)
        return self._by_id(signal.score(self.params(name), UserBatch(histories, self.candidates))[0])

    def _by_id(self, scores: NDArray[np.float32]) -> dict[str, float]:
        return dict(zip(self.catalog.events.ids(), scores.tolist(), strict=True))


def _evenings(count: int) -> list[Event]:
    """Weekly past events of one organizer at one venue, and an upcoming one."""
    starts = {f"past_{n}": NOW - (7 * n + 1) * DAY for n in range(count)} | {"next": NOW + 6 * DAY}
    return [
        an_event(event_id, organizer_id="club", venue_id="hall", starts_at=starts_at)
        for event_id, starts_at in starts.items()
    ]


def test_affinity_signals_of_a_user_with_bookings_of_one_organizer() -> None:
    events = [*_evenings(4), an_event("elsewhere", organizer_id="other", venue_id="bar", starts_at=NOW + DAY)]
    ages = [8, 15, 22]
    bookings = [
        an_interaction("u", f"past_{n}", occurred_at=NOW - age * DAY) for n, age in zip((1, 2, 3), ages, strict=True)
    ]
    world, user = World(events, bookings), User(user_id="u")
    assert world.of_user("share_organizer", user) == pytest.approx(
        {"past_0": 1, "past_1": 1, "past_2": 1, "past_3": 1, "next": 1, "elsewhere": 0}
    )
    likes = sum(0.5 ** (age / 180) for age in ages)
    past_events = sum(0.5 ** ((7 * n + 1) / 180) for n in range(4))
    assert world.of_user("rate_venue", user)["next"] == pytest.approx(likes / (past_events + 2), rel=1e-4)
    assert world.of_user("rate_venue", user)["elsewhere"] == 0
    assert world.of_user("recent_organizer", user)["next"] == pytest.approx(0.5 ** (8 / 30), rel=1e-4)
    assert world.of_user("recent_organizer", User(user_id="stranger"))["next"] == 0


def test_events_first_seen_before_the_last_like_of_their_organizer_are_passed_over() -> None:
    events = [
        an_event("left", organizer_id="club", created_at=NOW - 20 * DAY),
        an_event("taken", organizer_id="club", created_at=NOW - 20 * DAY),
        an_event("announced_since", organizer_id="club", created_at=NOW - 2 * DAY),
        an_event("no_sign_yet", organizer_id="club"),
        an_event("elsewhere", organizer_id="other", created_at=NOW - 20 * DAY),
    ]
    bookings = [an_interaction("u", "taken", occurred_at=NOW - 5 * DAY), an_interaction("v", "elsewhere")]
    scores = World(events, bookings).of_user("passed_organizer", User(user_id="u"))
    assert scores == {"left": -1, "taken": -1, "announced_since": 0, "no_sign_yet": 0, "elsewhere": 0}


def test_novelty_counts_from_the_creation_or_the_first_like_of_an_event() -> None:
    events = [an_event("created", created_at=NOW - 3 * DAY), an_event("booked"), an_event("silent")]
    world = World(events, [an_interaction("u", "booked", occurred_at=NOW - 7 * DAY)])
    assert world.of_events("freshness") == pytest.approx({"created": -np.log(4), "booked": -np.log(8), "silent": 0})
    assert world.of_events("unseen") == {"created": 0, "booked": 0, "silent": 1}


def test_rising_prefers_recent_bookings_and_popularity_counts_older_ones_too() -> None:
    bookings = [an_interaction(f"u{n}", "old", occurred_at=NOW - 30 * DAY) for n in range(9)]
    bookings += [an_interaction(f"u{n}", "hot", occurred_at=NOW - DAY) for n in range(2)]
    world = World([an_event("old"), an_event("hot"), an_event("cold")], bookings)
    rising, popular = world.of_events("rising"), world.of_events("popularity")
    assert rising["hot"] > rising["old"] > rising["cold"]
    assert popular["old"] > popular["cold"]
    assert np.mean(list(rising.values())) == pytest.approx(0, abs=1e-6)


def test_order_in_time_within_a_series_and_soonness() -> None:
    events = [an_event(f"e{n}", title="Quiz", organizer_id="pub", starts_at=NOW + n * DAY) for n in (3, 1, 2)]
    scores = World([*events, an_event("alone")], []).of_events("next_of_series")
    assert scores == pytest.approx({"e1": 0, "e2": -np.log(2), "e3": -np.log(3), "alone": 0})
    assert World([an_event("a", starts_at=NOW + DAY)], []).of_events("soonness") == pytest.approx({"a": -np.log(2)})


def test_the_hinge_of_time_to_start_is_zero_up_to_its_bound() -> None:
    events = [an_event(f"in {days}", starts_at=NOW + days * DAY) for days in (1, 30, 61)]
    scores = World(events, []).of_events("beyond_30_days")
    assert scores == pytest.approx({"in 1": 0, "in 30": 0, "in 61": np.log(2)}, abs=1e-6)


def test_the_friends_signal_counts_mutual_friends_and_learns_nothing() -> None:
    events = [an_event("party"), an_event("lecture"), an_event("over", starts_at=NOW - DAY)]
    interactions = [
        an_interaction("ann", "party", BOOKING),
        an_interaction("bob", "party", SAVE),
        an_interaction("bob", "lecture", VIEW),
        an_interaction("eve", "lecture", BOOKING),
        an_interaction("ann", "over", BOOKING),
        an_interaction("shy", "lecture", BOOKING),
    ]
    user = User(user_id="u", friends=("ann", "bob", "bob", "eve", "shy", "unknown", "u"))
    users = [user, *(User(user_id=name, friends=("u",)) for name in ("ann", "bob"))]
    # Eve has not declared the friendship, and the other does not wish to be profiled.
    users += [User(user_id="eve"), User(user_id="shy", friends=("u",), profiling=False)]
    world = World(events, interactions, users)
    going = PastPlans({user.user_id: user for user in users}, world.table, world.catalog).going([user])
    histories = replace(Histories.of_table([user], world.table, NOW, newest=500), going=going)
    signal = BY_NAME["friends_going"]
    assert isinstance(signal, UserSignal)
    scores = signal.score({}, UserBatch(histories, world.candidates))[0]
    assert dict(zip(world.catalog.events.ids(), scores.tolist(), strict=True)) == pytest.approx(
        {"party": np.log(3), "lecture": 0, "over": np.log(2)}
    )
    assert world.params("friends_going") == {}
    assert set(world.of_user("friends_going", user).values()) == {0}


def _crowd(rng: np.random.Generator, *, users: int = 60, events: int = 40) -> tuple[list[Event], list[Interaction]]:
    """Events and bookings of two groups of users, each of which mostly books its own half of the events."""
    half = events // 2
    catalog_events = [
        an_event(f"e{n:02}", organizer_id=f"o{n % 8}", venue_id=f"v{n % 5}", tags=(f"t{n % 4}", f"half_{n // half}"))
        for n in range(events)
    ]
    bookings = []
    for user in range(users):
        side = user % 2
        own = rng.choice(half, rng.integers(3, 8), replace=False) + side * half
        at = NOW - timedelta(hours=1 + user)
        booked = {*own.tolist(), int(rng.integers(events))}
        bookings += [an_interaction(f"u{user:02}", f"e{event:02}", occurred_at=at) for event in sorted(booked)]
    return catalog_events, bookings


def _dense(world: World) -> NDArray[np.float64]:
    matrix = np.zeros((len(world.table.users), len(world.catalog)))
    matrix[world.table.user_rows, world.table.event_rows] = 1
    return matrix


def test_shared_people_sums_powers_of_event_similarities_over_the_history() -> None:
    world = World(*_crowd(np.random.default_rng(1)))
    matrix = _dense(world)
    normalized = matrix / np.sqrt(matrix.sum(axis=1, keepdims=True)) / np.sqrt(matrix.sum(axis=0))
    similar = (normalized.T @ normalized) ** 0.7
    np.fill_diagonal(similar, 0)
    for row in (0, 1, 17):
        scores = world.of_user("shared_people", User(user_id=world.table.users.ids()[row]))
        assert list(scores.values()) == pytest.approx(matrix[row] @ similar, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize("name", [signal.name for signal in SIGNALS])
def test_what_candidates_to_come_need_gives_them_the_same_scores_to_the_bit(name: str) -> None:
    events, interactions = _crowd(np.random.default_rng(3))
    # Every second event is over, one has no date, and one ends at the time of the training.
    events = [
        replace(event, starts_at=NOW - 2 * DAY, ends_at=NOW - DAY) if number % 2 else event
        for number, event in enumerate(events)
    ]
    events[4] = replace(events[4], starts_at=None, ends_at=None)
    events[6] = replace(events[6], starts_at=NOW - DAY, ends_at=NOW)
    world = World(events, interactions)
    coming = np.array([row for row in range(len(events)) if row % 2 == 0 and row != 6])
    candidates = Candidates(world.catalog, coming, NOW.timestamp(), np.ones(len(coming)))
    signal, params = BY_NAME[name], world.params(name)
    kept = signal.to_come(params, world.data)
    signal.check(kept, world.catalog)
    if isinstance(signal, EventSignal):
        assert np.array_equal(signal.score(kept, candidates), signal.score(params, candidates))
    else:
        assert isinstance(signal, UserSignal)
        users = [User(user_id=user_id) for user_id in world.table.users.ids()]
        batch = UserBatch(Histories.of_table(users, world.table, NOW, newest=500), candidates)
        assert np.array_equal(signal.score(kept, batch), signal.score(params, batch))


def test_neighbours_that_are_over_are_not_stored() -> None:
    events, interactions = _crowd(np.random.default_rng(3))
    events = [
        replace(event, starts_at=NOW - DAY, ends_at=NOW) if number % 2 else event for number, event in enumerate(events)
    ]
    world = World(events, interactions)
    params = world.params("shared_people")
    kept = BY_NAME["shared_people"].to_come(params, world.data)
    of_places = params["events"][params["places"]]
    assert set(params["events"][kept["places"]].tolist()) == {row for row in of_places.tolist() if row % 2 == 0}
    assert len(kept["places"]) == len(kept["weights"]) == int((of_places % 2 == 0).sum())


def test_neighbours_project_on_the_singular_vectors() -> None:
    world = World(*_crowd(np.random.default_rng(2)))
    matrix = _dense(world)
    by_event = np.sqrt(matrix.sum(axis=0))
    normalized = matrix / np.sqrt(matrix.sum(axis=1, keepdims=True)) / by_event
    vectors = np.linalg.svd(normalized)[2].T  # 40 events have fewer vectors than there may be
    for row in (0, 1, 30):
        weighted = matrix[row] / by_event
        expected = weighted @ vectors @ vectors.T * by_event / np.linalg.norm(weighted)
        user = User(user_id=world.table.users.ids()[row])
        assert list(world.of_user("neighbours", user).values()) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("field", ["organizer", "venue"])
def test_values_that_share_people_are_found_without_having_been_there(field: str) -> None:
    world = World(*_crowd(np.random.default_rng(3)))
    codes, size = world.catalog.fields[field].codes, len(world.catalog.fields[field].names)
    likes = np.zeros((len(world.table.users), size))
    np.add.at(likes, (world.table.user_rows, codes[world.table.event_rows]), 1)
    matrix = (likes > 0).astype(float)
    normalized = matrix / np.sqrt(matrix.sum(axis=1, keepdims=True)) / np.sqrt(matrix.sum(axis=0))
    similar = (normalized.T @ normalized) ** 0.7
    np.fill_diagonal(similar, 0)
    for row in (0, 5):
        scores = world.of_user(f"shared_people_{field}", User(user_id=world.table.users.ids()[row]))
        expected = (likes[row] @ similar / likes[row].sum())[codes]
        assert list(scores.values()) == pytest.approx(expected, rel=2e-3, abs=1e-4)


def test_followed_organizers_share_people_with_others() -> None:
    events = [an_event(f"e{number}", organizer_id=f"o{number}") for number in range(3)]
    follow = InteractionType.FOLLOW
    done = [an_interaction(user, "", follow, organizer_id=f"o{number}") for user in ("u", "v") for number in (0, 1)]
    world = World(events, [*done, an_interaction("w", "", follow, organizer_id="o0")])
    scores = world.of_user("shared_people_organizer", User(user_id="w"))
    # Two of the three followers of o0 follow o1, too, each with half a weight: 2 / 2 / √(3 · 2), to the power 0.7.
    assert scores == {"e0": 0, "e1": pytest.approx((1 / 6**0.5) ** 0.7, rel=2e-3), "e2": 0}


def test_newcomers_are_those_who_liked_nothing_of_the_organizer_before() -> None:
    events = [an_event(f"{who}{n}", organizer_id=who, starts_at=NOW - (3 - n) * DAY) for who in "ab" for n in range(3)]
    # All six have two guests: those of a are new each time, and b has the same two three times.
    done = [
        an_interaction(f"{n}{guest}" if who == "a" else guest, f"{who}{n}", occurred_at=NOW - (9 - n) * DAY)
        for who in "ab"
        for n in range(3)
        for guest in "xy"
    ]
    done.append(an_interaction("0x", "a0", VIEW, occurred_at=NOW - 8 * DAY))  # again, and so no newcomer
    world = World([*events, an_event("c", starts_at=NOW + DAY)], done)
    means = world.params("newcomers_organizer")["means"]
    weights = world.data.freshness
    a, b = (weights[[world.catalog.events.ids().index(f"{who}{n}") for n in range(3)]] for who in "ab")
    mean = (2 * a.sum() + 2 * b[0]) / weights.sum()
    assert means.tolist() == pytest.approx(
        [(2 * a.sum() + 3 * mean) / (a.sum() + 3), (2 * b[0] + 3 * mean) / (b.sum() + 3), mean], rel=1e-5
    )
    scores = world.of_events("newcomers_organizer")
    assert scores["a0"] > scores["b0"]


def test_meaning_relates_texts_by_the_words_of_other_texts() -> None:
    texts = {"e1": "guitar solo", "e2": "guitar drums", "e3": "drums", "e4": "soup", "e5": "soup solo drums"}
    world = World(
        [an_event(key, title="", description=text) for key, text in texts.items()], [an_interaction(event_id="e1")]
    )
    scores = world.of_user("meaning", User(user_id="user_1"))
    assert scores["e1"] == pytest.approx(1, abs=1e-2)
    assert scores["e2"] > scores["e3"]
    assert scores["e2"] > scores["e4"]
    assert set(world.of_user("meaning", User(user_id="stranger")).values()) == {0.0}


def test_declared_tags_predict_the_events_of_users_who_declare_the_same_tags() -> None:
    events, bookings = _crowd(np.random.default_rng(5))
    user_ids = sorted({booking.user_id for booking in bookings})
    users = [
        User(user_id=user_id, preferred_tags=("Jazz",) if int(user_id[1:]) % 2 else ("Yoga",)) for user_id in user_ids
    ]
    world = World(events, bookings, users)
    scores = list(world.of_user("declared", User(user_id="newcomer", preferred_tags=("jazz",))).values())
    assert min(scores[20:]) > max(scores[:20])
    silent = world.of_user("declared", User(user_id="silent", preferred_tags=("chess",)))
    assert not any(silent.values())


def test_a_declared_feature_needs_several_users() -> None:
    users = [User(user_id=f"u{n}", city="Chicago", gender="f" if n else "") for n in range(MIN_USERS)]
    assert Declared.of(users).names.ids() == ["city chicago"]


def test_nearness_and_budget_follow_the_declared_home_and_price_limit() -> None:
    home = Location(41.9, -87.6)
    events = [
        an_event("here", location=home, price=5.0),
        an_event("far", location=Location(42.9, -87.6), price=50.0),
        an_event("nowhere"),
    ]
    user = User(user_id="u", location=home, max_price=20.0)
    world = World(events, [])
    near = world.of_user("nearness", user)
    assert near["here"] == pytest.approx(0, abs=1e-4)
    assert near["far"] == pytest.approx(-np.log(1 + 111.2), abs=0.01)
    assert near["nowhere"] == 0
    assert world.of_user("budget", user) == {"here": 0, "far": -1, "nowhere": 0}
    across = World([an_event("fiji", location=Location(0.0, 179.5))], [])
    assert across.of_user("nearness", User(user_id="u", location=Location(0.0, -179.5)))["fiji"] > -np.log(1 + 112)


@pytest.mark.parametrize("km", [50, 500, 5_000])
@pytest.mark.parametrize("visits", [1, 4, 20])
def test_a_far_journey_takes_no_more_than_its_share_from_what_is_near(km: int, visits: int) -> None:
    near, far = Location(41.9, -87.6), Location(41.9 - km / 111.2, -87.6)
    events = [an_event(f"e{n:02}", location=near) for n in range(visits)]
    events += [an_event("far", location=far), an_event("next", location=near), an_event("nowhere")]
    visited = [an_interaction("u", f"e{n:02}") for n in range(visits)]
    before = World(events, visited).of_user("nearness", User(user_id="u"))
    after = World(events, [*visited, an_interaction("u", "far")]).of_user("nearness", User(user_id="u"))
    assert before["next"] == pytest.approx(0, abs=1e-4)
    assert before["far"] == pytest.approx(-np.log1p(km / 30), abs=0.01)
    assert after["next"] >= before["next"] + np.log(visits / (visits + 1)) - 1e-4
    assert before["far"] < after["far"] <= np.log((1 + visits / (1 + km / 30)) / (1 + visits)) + 0.01
    assert after["nowhere"] == before["nowhere"] == 0


def test_a_declared_home_is_the_only_place_of_a_user() -> None:
    home, away = Location(41.9, -87.6), Location(42.9, -87.6)
    events = [an_event("here", location=home), an_event("away", location=away)]
    settled = User(user_id="u", location=home)
    visited = World(events, [an_interaction("u", "away")]).of_user("nearness", settled)
    assert visited == World(events, []).of_user("nearness", settled)


def test_the_largest_shares_of_many_places_count_and_users_do_not_mix() -> None:
    places = [Location(20.0 + n, 10.0) for n in range(30)]
    events = [an_event(f"e{n:02}", location=place) for n, place in enumerate(places)]
    visited = [
        an_interaction("u", f"e{n:02}", interaction_id=f"u{n}-{time}")
        for n in range(30)
        for time in range(1 + 4 * (n < 16))
    ]
    both = World(events, [*visited, an_interaction("other", "e29")], [User(user_id="u"), User(user_id="other")])
    alone = World(events, visited)
    assert both.of_user("nearness", User(user_id="u")) == pytest.approx(alone.of_user("nearness", User(user_id="u")))
    scores = alone.of_user("nearness", User(user_id="u"))
    assert min(scores[f"e{n:02}"] for n in range(16)) > max(scores[f"e{n:02}"] for n in range(16, 30))


@pytest.mark.parametrize("name", [name for name in BY_NAME if isinstance(BY_NAME[name], UserSignal)])
def test_user_signals_of_a_cold_start_user_are_zero(name: str) -> None:
    world = World(*_crowd(np.random.default_rng(6)))
    assert not any(world.of_user(name, User(user_id="stranger")).values())


@pytest.mark.parametrize("name", BY_NAME)
def test_signals_are_finite_for_events_and_users_that_came_after_training(name: str) -> None:
    events, bookings = _crowd(np.random.default_rng(7))
    world = World(events, bookings)
    params = world.params(name)
    catalog = world.catalog.merged([an_event("zz_new", organizer_id="new", tags=("t1", "unknown"))])
    candidates = Candidates(catalog, np.arange(len(catalog)), NOW.timestamp(), np.zeros(len(catalog)))
    signal = BY_NAME[name]
    if isinstance(signal, EventSignal):
        scores = signal.score(params, candidates)
        assert scores.shape == (len(catalog),)
    else:
        entries = (HistoryEntry(BOOKING, NOW - DAY, "zz_new"), HistoryEntry(BOOKING, NOW - DAY, "e01"))
        histories = Histories.of_profile(Profile(User(user_id="later"), entries), catalog, NOW)
        scores = signal.score(params, UserBatch(histories, candidates))
        assert scores.shape == (1, len(catalog))
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


TIMELESS = [signal for signal in SIGNALS if isinstance(signal, EventSignal) and signal.is_timeless]


@pytest.mark.parametrize("signal", TIMELESS, ids=lambda signal: signal.name)
def test_timeless_signals_depend_on_neither_time_nor_popularity(signal: EventSignal) -> None:
    world = World(*_crowd(np.random.default_rng(8)))
    params, late = signal.fit(world.data), NOW + 30 * DAY
    later = Candidates(
        world.catalog, world.candidates.rows, late.timestamp(), np.random.default_rng(9).random(len(world.catalog))
    )
    assert signal.score(params, later).tolist() == signal.score(params, world.candidates).tolist()
