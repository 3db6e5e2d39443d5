"""Synthetic data: sizes, determinism, consistency, and the preferences that a model can learn."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest

from jobs.csvfile import Rejection
from jobs.folder import Folder
from jobs.sample import EVENTS, INTERACTIONS, USERS, main, write_sample
from shared.entities import Event, Interaction, InteractionType, Status, User
from shared.errors import InvalidField
from tests.known import known

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SMALL: dict[str, Any] = {"users": 99, "events": 50, "interactions": 467}
TENFOLD = {name: 10 * count for name, count in SMALL.items()}
NAMES = ("events.csv", "users.csv", "interactions.csv")

Row = TypeVar("Row", Event, User, Interaction)


class City(NamedTuple):
    events: dict[str, Event]
    users: dict[str, User]
    interactions: list[Interaction]

    def of(self, *kinds: InteractionType) -> list[Interaction]:
        return [interaction for interaction in self.interactions if interaction.type in kinds]


def accepted(rows: Iterable[Row | Rejection]) -> list[Row]:
    taken = []
    for row in rows:
        assert not isinstance(row, Rejection), row
        taken.append(row)
    return taken


def city(folder: Path, *, seed: int = 1, **counts: int) -> City:
    write_sample(folder, **{**SMALL, **counts}, seed=seed, now=NOW)
    files = Folder(folder, now=NOW)
    assert list(files.warnings()) == []
    events, users = accepted(files.events), accepted(files.users)
    return City(
        {event.event_id: event for event in events},
        {user.user_id: user for user in users},
        accepted(files.interactions),
    )


@pytest.fixture(scope="module", params=[SMALL, TENFOLD], ids=["small", "tenfold"])
def sized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[City, dict[str, int]]:
    return city(tmp_path_factory.mktemp("city"), **request.param), request.param


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> City:
    return city(tmp_path_factory.mktemp("large"), users=400, events=400, interactions=12_000)


def test_writes_the_exact_number_of_rows_with_numbered_ids(sized: tuple[City, dict[str, int]]) -> None:
    found, asked = sized
    assert set(found.users) == {f"user_{number}" for number in range(1, asked["users"] + 1)}
    assert set(found.events) == {f"event_{number}" for number in range(1, asked["events"] + 1)}
    assert len(found.interactions) == asked["interactions"]


def test_no_two_interactions_share_their_deterministic_id(sized: tuple[City, dict[str, int]]) -> None:
    found, _ = sized
    ids = {(interaction.expected_id(), interaction.type) for interaction in found.interactions}
    assert len(ids) == len(found.interactions)
    assert all(interaction.interaction_id == interaction.expected_id() for interaction in found.interactions)


def test_interactions_reference_existing_entities(sized: tuple[City, dict[str, int]]) -> None:
    found, _ = sized
    organizers = {event.organizer_id for event in found.events.values()}
    categories = {event.category for event in found.events.values()}
    for interaction in found.interactions:
        assert interaction.user_id in found.users
        assert not interaction.event_id or interaction.event_id in found.events
        assert not interaction.organizer_id or interaction.organizer_id in organizers
        assert not interaction.category or interaction.category in categories


@pytest.mark.parametrize("counts", [SMALL, TENFOLD], ids=["small", "tenfold"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_type_occurs(tmp_path: Path, counts: dict[str, int], seed: int) -> None:
    found = city(tmp_path, seed=seed, **counts)
    taken_back = {InteractionType.UNSAVE, InteractionType.UNFOLLOW, InteractionType.UNDISMISS}
    assert {interaction.type for interaction in found.interactions} == set(InteractionType) - taken_back


def test_about_three_fifths_of_the_events_have_started_and_the_rest_starts_soon(
    sized: tuple[City, dict[str, int]],
) -> None:
    found, asked = sized
    starts = [known(event.starts_at) for event in found.events.values()]
    assert 0.55 <= sum(start <= NOW for start in starts) / asked["events"] <= 0.65
    assert min(starts) >= NOW - timedelta(days=180)
    assert max(starts) <= NOW + timedelta(days=60)


@pytest.mark.parametrize("seed", range(8))
def test_a_default_city_has_enough_to_recommend(tmp_path: Path, seed: int) -> None:
    events = city(tmp_path, seed=seed, interactions=0).events.values()
    assert sum(event.is_on_sale() and known(event.over_by()) > NOW for event in events) >= 18
    assert {event.status for event in events} == set(Status)
    assert len({event.category for event in events}) >= 6


def test_events_are_announced_before_they_start_and_before_now(sized: tuple[City, dict[str, int]]) -> None:
    for event in sized[0].events.values():
        assert known(event.created_at) < known(event.starts_at) < known(event.ends_at)
        assert known(event.created_at) < NOW


def test_events_are_described_in_full(sized: tuple[City, dict[str, int]]) -> None:
    for event in sized[0].events.values():
        assert "{" not in event.title + event.description
        assert 2 <= sum(event.description.count(mark) for mark in (". ", "? ", "! ")) + 1 <= 5, event.description
        assert event.tags
        assert event.subcategory
        assert event.venue_id.startswith("venue_")
        assert event.organizer_id.startswith("organizer_")
        assert (event.currency, event.city) == ("EUR", "Halvora")
        assert event.location
        assert event.price is not None
        assert event.capacity


def test_series_repeat_weekly_at_an_equal_hour(large: City) -> None:
    dates = defaultdict(list)
    for event in large.events.values():
        starts_at = known(event.starts_at)
        stem = (event.organizer_id, event.title.partition(":")[0], event.venue_id, starts_at.strftime("%a %H"))
        dates[stem].append(starts_at)
    repeats = [gap for starts in dates.values() for gap in pairwise(sorted(set(starts)))]
    assert len(repeats) > 100
    assert all((later - earlier) % timedelta(weeks=1) == timedelta() for earlier, later in repeats)


def test_interactions_occur_after_the_event_is_announced_and_the_user_has_joined_and_before_now(
    sized: tuple[City, dict[str, int]],
) -> None:
    found, _ = sized
    for interaction in found.interactions:
        assert known(found.users[interaction.user_id].created_at) < interaction.occurred_at <= NOW
        event = found.events.get(interaction.event_id)
        if event is None:
            continue
        assert known(event.created_at) <= interaction.occurred_at
        if interaction.type not in (InteractionType.ATTEND, InteractionType.RATING, InteractionType.REVIEW):
            assert interaction.occurred_at <= known(event.ends_at)


def test_the_file_is_in_the_order_of_time(sized: tuple[City, dict[str, int]]) -> None:
    times = [interaction.occurred_at for interaction in sized[0].interactions]
    assert times == sorted(times)


def test_funnels_are_consistent(sized: tuple[City, dict[str, int]]) -> None:
    found, _ = sized
    when: defaultdict[tuple[str, str], dict[InteractionType, datetime]] = defaultdict(dict)
    for interaction in found.interactions:
        if interaction.event_id:
            times = when[interaction.user_id, interaction.event_id]
            times[interaction.type] = min(interaction.occurred_at, times.get(interaction.type, interaction.occurred_at))
    needs = {
        InteractionType.CLICK: InteractionType.VIEW,
        InteractionType.SAVE: InteractionType.VIEW,
        InteractionType.BOOKING: InteractionType.VIEW,
        InteractionType.CANCEL: InteractionType.BOOKING,
        InteractionType.ATTEND: InteractionType.BOOKING,
        InteractionType.RATING: InteractionType.ATTEND,
        InteractionType.REVIEW: InteractionType.RATING,
    }
    for (_, event_id), times in when.items():
        event = found.events[event_id]
        for kind, earlier in needs.items():
            if kind in times:
                assert times[earlier] <= times[kind]
        starts_at, ends_at = known(event.starts_at), known(event.ends_at)
        assert times.get(InteractionType.BOOKING, starts_at) <= starts_at
        if InteractionType.ATTEND in times:
            assert times[InteractionType.ATTEND] >= ends_at
            assert InteractionType.CANCEL not in times
            assert event.status is not Status.CANCELLED
        assert not {InteractionType.DISMISS, InteractionType.BOOKING} <= set(times)


def test_only_ratings_have_a_value_and_it_is_in_stars(sized: tuple[City, dict[str, int]]) -> None:
    for interaction in sized[0].interactions:
        is_rating = interaction.type is InteractionType.RATING
        assert interaction.value in {1, 2, 3, 4, 5} if is_rating else interaction.value is None


def test_bookings_do_not_exceed_the_capacity(tmp_path: Path) -> None:
    found = city(tmp_path, users=3_000, events=3, interactions=9_000)
    bookings = Counter(interaction.event_id for interaction in found.of(InteractionType.BOOKING))
    assert all(count <= known(found.events[event_id].capacity) for event_id, count in bookings.items())
    assert any(count == found.events[event_id].capacity for event_id, count in bookings.items())


def test_most_users_declare_some_fields_and_some_users_none(large: City) -> None:
    users = large.users.values()
    for field in ("preferred_categories", "preferred_tags", "max_price", "location", "birth_year", "friends"):
        share = np.mean([bool(getattr(user, field)) for user in users])
        assert 0.35 < share < 0.98, field
    assert all(user.user_id in large.users[friend].friends for user in users for friend in user.friends)
    assert all(user.user_id not in user.friends for user in users)


def _same_rate(groups: dict[str, list[str]]) -> float:
    """Share of consecutive bookings of a user with equal values."""
    pairs = [first == second for values in groups.values() for first, second in pairwise(values)]
    return float(np.mean(pairs))


@pytest.mark.parametrize(("field", "lift"), [("category", 2.5), ("organizer_id", 5.0), ("venue_id", 2.0)])
def test_users_book_similar_events_much_more_often_than_by_chance(large: City, field: str, lift: float) -> None:
    bookings = large.of(InteractionType.BOOKING)
    values = [getattr(large.events[interaction.event_id], field) for interaction in bookings]
    by_user = defaultdict(list)
    for interaction, value in zip(bookings, values, strict=True):
        by_user[interaction.user_id].append(value)
    by_chance = sum((count / len(values)) ** 2 for count in Counter(values).values())
    assert _same_rate(by_user) > lift * by_chance


def test_users_book_their_declared_categories(large: City) -> None:
    bookings = [
        interaction
        for interaction in large.of(InteractionType.BOOKING)
        if large.users[interaction.user_id].preferred_categories
    ]
    liked = [large.users[interaction.user_id].preferred_categories for interaction in bookings]
    booked = [large.events[interaction.event_id].category for interaction in bookings]
    hits = np.mean([category in categories for category, categories in zip(booked, liked, strict=True)])
    shifted = np.mean([category in categories for category, categories in zip(booked[1:], liked, strict=False)])
    assert hits > 2 * shifted


def test_users_prefer_near_and_affordable_events(large: City) -> None:
    bookings = [
        interaction for interaction in large.of(InteractionType.BOOKING) if large.users[interaction.user_id].location
    ]
    homes = np.array(
        [(p.lat, 0.66 * p.lng) for interaction in bookings for p in [known(large.users[interaction.user_id].location)]]
    )
    places = np.array(
        [
            (p.lat, 0.66 * p.lng)
            for interaction in bookings
            for p in [known(large.events[interaction.event_id].location)]
        ]
    )
    assert np.hypot(*(homes - places).T).mean() < 0.93 * np.hypot(*(homes - places[::-1]).T).mean()

    bookings = [
        interaction for interaction in large.of(InteractionType.BOOKING) if large.users[interaction.user_id].max_price
    ]
    limits = np.array([known(large.users[interaction.user_id].max_price) for interaction in bookings])
    prices = np.array([known(large.events[interaction.event_id].price) for interaction in bookings])
    assert (prices > limits).mean() < 0.7 * (prices > limits[::-1]).mean()


def test_friends_share_booked_events_more_often_than_unrelated_users(large: City) -> None:
    booked = defaultdict(set)
    for interaction in large.of(InteractionType.BOOKING):
        booked[interaction.user_id].add(interaction.event_id)
    users = list(large.users)
    shared_with_friends = [len(booked[user] & booked[friend]) for user in users for friend in large.users[user].friends]
    shared_with_unrelated = [
        len(booked[user] & booked[unrelated_user]) for user, unrelated_user in zip(users, users[100:], strict=False)
    ]
    assert np.mean(shared_with_friends) > 2 * np.mean(shared_with_unrelated)


def test_ratings_are_higher_for_declared_categories(large: City) -> None:
    stars: dict[bool, list[float]] = {True: [], False: []}
    for interaction in large.of(InteractionType.RATING):
        liked = large.users[interaction.user_id].preferred_categories
        if liked:
            stars[large.events[interaction.event_id].category in liked].append(known(interaction.value))
    assert np.mean(stars[True]) > np.mean(stars[False])
    assert set(stars[True]) | set(stars[False]) >= {2, 3, 4, 5}


def _bytes(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in NAMES]


def test_equal_seeds_and_times_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        write_sample(tmp_path / name, **SMALL, seed=seed, now=NOW)
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")
    assert all(a != b for a, b in zip(_bytes(tmp_path / "one"), _bytes(tmp_path / "other"), strict=True))


def test_a_larger_number_of_interactions_extends_the_smaller_data_set(tmp_path: Path) -> None:
    few, many = city(tmp_path / "few", interactions=200), city(tmp_path / "many", interactions=900)
    assert few.events == many.events
    assert few.users == many.users
    assert {interaction.expected_id() for interaction in few.interactions} < {
        interaction.expected_id() for interaction in many.interactions
    }


def test_time_zone_and_microseconds_of_now_do_not_matter(tmp_path: Path) -> None:
    write_sample(tmp_path / "utc", **SMALL, seed=1, now=NOW)
    elsewhere = datetime.fromisoformat("2026-05-01T14:00:00.999999+02:00")
    write_sample(tmp_path / "there", **SMALL, seed=1, now=elsewhere)
    assert _bytes(tmp_path / "utc") == _bytes(tmp_path / "there")


@pytest.mark.parametrize(
    "counts", [(1, 1, 0), (1, 1, 1), (1, 2, 8), (2, 1, 3), (1, 60, 300), (60, 1, 120), (3, 9, 600)]
)
def test_small_cities_work(tmp_path: Path, counts: tuple[int, int, int]) -> None:
    users, events, interactions = counts
    found = city(tmp_path, users=users, events=events, interactions=interactions)
    assert (len(found.users), len(found.events), len(found.interactions)) == counts
    assert len({(interaction.expected_id(), interaction.type) for interaction in found.interactions}) == interactions


def test_the_maximum_number_of_interactions_is_accepted_and_more_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidField, match=r"--interactions: expected at most (\d+) for --users 2 and --events 3"
    ) as caught:
        city(tmp_path, users=2, events=3, interactions=5_000)
    most = int(caught.value.expected.split()[2])
    assert len(city(tmp_path, users=2, events=3, interactions=most).interactions) == most
    with pytest.raises(InvalidField, match=f"at most {most} "):
        city(tmp_path, users=2, events=3, interactions=most + 1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("users", 0), ("users", 1_000_001), ("events", 0), ("events", -5), ("interactions", -1)),
        *(("interactions", 10_000_001), ("seed", -1), ("now", datetime(1971, 1, 1, tzinfo=UTC))),
        *(("now", datetime(2199, 6, 1, tzinfo=UTC)), ("now", datetime(2026, 5, 1))),  # noqa: DTZ001  # refused
    ],
)
def test_refuses_an_option_by_name_and_writes_nothing(tmp_path: Path, option: str, value: int | datetime) -> None:
    options: dict[str, Any] = {**SMALL, "seed": 1, "now": NOW, option: value}
    with pytest.raises(InvalidField, match=f"^--{option}: expected"):
        write_sample(tmp_path / "city", **options)
    assert not (tmp_path / "city").exists()


def test_the_command_line_writes_the_default_city(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "deep" / "city"), "--now", "2026-05-01T12:00:00Z"]) == 0
    assert "2,000 users, 1,000 events, 20,000 interactions" in capsys.readouterr().err
    write_sample(tmp_path / "same", users=USERS, events=EVENTS, interactions=INTERACTIONS, seed=1, now=NOW)
    assert _bytes(tmp_path / "deep" / "city") == _bytes(tmp_path / "same")


@pytest.mark.parametrize(
    ("option", "value"), [("--now", "yesterday"), ("--users", "0"), ("--events", "many"), ("--interactions", "99999")]
)
def test_the_command_line_names_the_option_that_it_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert main([str(tmp_path / "city"), "--events", "2", "--users", "2", option, value]) == 2
    assert option in io.StringIO(capsys.readouterr().err).readlines()[-1]


def test_the_command_line_reports_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert main([str(tmp_path / "file")]) == 2
    assert "error: " in capsys.readouterr().err
