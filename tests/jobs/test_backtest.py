"""Backtest: lists of all users, computed from data before the cutoff only."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from jobs.backtest import main
from jobs.sample import write_sample
from shared.entities import InteractionType
from shared.models.registry import trainable
from shared.services.training.dataset import fit

CUTOFF = "2026-05-01T12:00:00Z"
_NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
# The data set ends after the cutoff, so some of its interactions are in the future of the backtest.
_LATER = _NOW + timedelta(days=20)

Row = dict[str, str]
Run = Callable[..., Path]


def read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "city"
    write_sample(made, users=60, events=80, interactions=900, seed=3, now=_LATER)
    assert 200 < sum(time_of(row) < _NOW for row in read(made / "interactions.csv")) < 850
    return made


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    def backtest(*options: str) -> Path:
        out = tmp_path / "recs.csv"
        assert main([str(folder), "--cutoff", CUTOFF, "--out", str(out), *options]) == 0
        return out

    return backtest


def time_of(row: Row, field: str = "occurred_at") -> datetime:
    return datetime.fromisoformat(row[field])


@pytest.mark.parametrize("model", trainable())
@pytest.mark.parametrize("seed", [1, 2])
def test_interactions_after_the_cutoff_do_not_change_the_output(model: str, seed: int, folder: Path, run: Run) -> None:
    before = run("--model", model).read_bytes()
    rng = Random(seed)
    event_ids = [row["event_id"] for row in read(folder / "events.csv")]
    user_ids = [row["user_id"] for row in read(folder / "users.csv")]
    interactions = read(folder / "interactions.csv")
    late = [row for row in interactions if time_of(row) >= _NOW]
    for row in late:
        row["user_id"] = rng.choice([*user_ids, "nobody_yet"])
        row["event_id"] = rng.choice([*event_ids, "never_heard_of"])
        row["type"] = rng.choice([*InteractionType])
        row["value"] = str(rng.randint(1, 5))
        row["occurred_at"] = (_NOW + rng.random() * timedelta(days=40)).isoformat()
    late[0]["occurred_at"] = CUTOFF
    rng.shuffle(interactions)
    write(folder / "interactions.csv", interactions)
    # Status and bookings are the values of today, not of the cutoff.
    events = read(folder / "events.csv")
    for row in events:
        row["status"] = rng.choice(["published", "cancelled", "hidden", "sold_out"])
        row["booked"] = str(rng.randint(0, 1_000))
    write(folder / "events.csv", events)
    assert run("--model", model).read_bytes() == before


@pytest.mark.parametrize("model", trainable())
def test_interactions_before_the_cutoff_change_the_output(model: str, folder: Path, run: Run) -> None:
    before = run("--model", model).read_bytes()
    interactions = [row for row in read(folder / "interactions.csv") if time_of(row) >= _NOW - timedelta(days=30)]
    write(folder / "interactions.csv", interactions)
    assert run("--model", model).read_bytes() != before


@pytest.mark.parametrize("model", trainable())
def test_every_user_gets_a_ranked_list_of_upcoming_events_not_booked_before(model: str, folder: Path, run: Run) -> None:
    out = run("--model", model, "--k", "5")
    assert out.read_text().splitlines()[0] == "user_id,event_id,rank,score"
    rows = read(out)
    lists = Counter(row["user_id"] for row in rows)
    assert set(lists) >= {row["user_id"] for row in read(folder / "users.csv")}
    assert set(lists.values()) == {5}
    for user_id in lists:
        mine = [row for row in rows if row["user_id"] == user_id]
        assert [row["rank"] for row in mine] == ["1", "2", "3", "4", "5"]
        scores = [float(row["score"]) for row in mine]
        assert scores == sorted(scores, reverse=True)
        assert len({row["event_id"] for row in mine}) == 5
    to_come = {row["event_id"] for row in read(folder / "events.csv") if time_of(row, "starts_at") > _NOW}
    assert {row["event_id"] for row in rows} <= to_come
    booked = {
        (row["user_id"], row["event_id"])
        for row in read(folder / "interactions.csv")
        if row["type"] == "booking" and time_of(row) < _NOW
    }
    assert {event_id for _, event_id in booked} & to_come
    assert not booked & {(row["user_id"], row["event_id"]) for row in rows}


def test_the_seed_changes_the_sampled_negatives_of_the_blend(tmp_path: Path) -> None:
    # Enough positives to learn from, and enough upcoming events that negatives are a sample of them.
    write_sample(tmp_path / "city", users=300, events=500, interactions=5_000, seed=3, now=_LATER)

    def lists(seed: str) -> bytes:
        out = tmp_path / "recs.csv"
        assert main([str(tmp_path / "city"), "--cutoff", CUTOFF, "--out", str(out), "--seed", seed]) == 0
        return out.read_bytes()

    first = lists("0")
    assert lists("0") == first
    assert lists("1") != first


def test_a_horizon_leaves_later_events_out(folder: Path, run: Run) -> None:
    starts = {row["event_id"]: time_of(row, "starts_at") for row in read(folder / "events.csv")}
    everything = {row["event_id"] for row in read(run("--k", "1000"))}
    soon = {row["event_id"] for row in read(run("--k", "1000", "--horizon-days", "10"))}
    assert soon == {event_id for event_id in everything if starts[event_id] <= _NOW + timedelta(days=10)}
    assert set() < soon < everything


def test_the_time_zone_is_that_of_events_that_name_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    zones = []

    def spied(*arguments: Any, **options: Any) -> Any:
        fitted = fit(*arguments, **options)
        zones.append(fitted[1].calendar.timezone)
        return fitted

    monkeypatch.setattr("jobs.backtest.fit", spied)
    run("--model", "popularity")
    run("--model", "popularity", "--timezone", "Asia/Tokyo")
    assert zones == ["", "Asia/Tokyo"]


def test_a_list_holds_as_many_dates_of_a_series_as_asked_for(folder: Path, run: Run) -> None:
    events = read(folder / "events.csv")
    for row in events[::2]:
        row |= {"title": "Salsa course", "organizer_id": "club"}
    write(folder / "events.csv", events)
    course = {row["event_id"] for row in events[::2]}

    def dates(*options: str) -> tuple[int, list[Row]]:
        rows = read(run("--k", "10", *options))
        return max(Counter(row["user_id"] for row in rows if row["event_id"] in course).values()), rows

    assert dates()[0] > 2
    for cap in (1, 2):
        most, rows = dates("--per-series", str(cap))
        assert most == cap
        assert [int(row["rank"]) for row in rows[:3]] == [1, 2, 3]
        by_user = [[float(row["score"]) for row in rows if row["user_id"] == user] for user in ("user_1", "user_2")]
        assert all(scores == sorted(scores, reverse=True) for scores in by_user)


def test_a_list_is_as_long_as_there_are_events(folder: Path, run: Run) -> None:
    to_come = [row for row in read(folder / "events.csv") if time_of(row, "starts_at") > _NOW]
    known = [row for row in to_come if time_of(row, "created_at") < _NOW]
    lists = Counter(row["user_id"] for row in read(run("--k", "1000")))
    assert max(lists.values()) == len(known) < len(to_come)


def test_events_announced_later_are_listed_on_request(folder: Path, run: Run) -> None:
    to_come = {row["event_id"] for row in read(folder / "events.csv") if time_of(row, "starts_at") > _NOW}
    assert {row["event_id"] for row in read(run("--k", "1000", "--announced-later"))} == to_come


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "oracle"], "Invalid value for '--model': 'oracle' is not one of"),
        (["--cutoff", "yesterday"], "--cutoff: expected an ISO 8601 time"),
        (["--cutoff", "2026-05-01T12:00:00"], "--cutoff: expected an ISO 8601 time with an offset"),
        (["--k", "0"], "--k: expected a whole number in 1..1000, got 0"),
        (["--k", "1001"], "--k: expected a whole number in 1..1000, got 1001"),
        (["--seed", "-1"], "--seed: expected a whole number in 0..4294967295, got -1"),
        (["--horizon-days", "-1"], "--horizon-days: expected a number in 0..36500, got -1"),
        (["--horizon-days", "nan"], "--horizon-days: expected a number in 0..36500, got nan"),
        (["--per-series", "0"], "--per-series: expected a whole number in 1..1000, got 0"),
        (["--horizon-days", "1e12"], "--horizon-days: expected a number in 0..36500, got 1000000000000"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_name(
    options: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--cutoff", CUTOFF, *options]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_files_and_an_output_without_folder_are_errors(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none"), "--cutoff", CUTOFF]) == 2
    assert "expected a folder with events.csv" in capsys.readouterr().err
    assert main([str(folder), "--cutoff", CUTOFF, "--out", str(tmp_path / "none" / "recs.csv")]) == 2
    assert "error: " in capsys.readouterr().err
