"""Accuracy benchmark: folds, peers, and metrics checked against lists of the backtest."""

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from benchmarks import accuracy, folds
from benchmarks.folds import Fold, Plan
from benchmarks.judging import PARTS, evaluate_peer, evaluated_users, mean_of_seeds, spread_of_seeds
from benchmarks.peer_data import PeerData
from benchmarks.peers import MOST_POPULAR, PEERS, SIMPLE, TRENDING, Peer
from jobs import backtest
from jobs.console import Console
from jobs.options import ReadingOptions
from jobs.sample import write_sample
from shared.errors import InvalidField
from shared.models.registry import trainable
from tests.examples import DAY, NOW
from tests.jobs.spreadsheet import Dialect, export

WINDOW_DAYS, HORIZON_DAYS, K = 10, 30, 5

EVENTS = {
    # Start in days, organizer. Popularity order: east, north; south has no interaction.
    "past_rock": (-2, "rock"),
    "past_jazz": (-3, "jazz"),
    "east": (25, "rock"),
    "north": (9, "jazz"),
    "south": (12, "jazz"),
    "far": (40, "rock"),
}
INTERACTIONS = [
    ("ann", "past_rock", "booking", -5),
    ("bob", "past_jazz", "booking", -5),
    ("cat", "past_jazz", "save", -4),
    ("cat", "north", "booking", -4),
    ("dan", "east", "save", -90),
    ("eve", "east", "booking", -90),
    ("fay", "north", "view", -1),
    # Interactions after the cutoff. Hits: east and south of ann, north of bob and of gus; cat had booked north.
    ("ann", "east", "booking", 0),
    ("ann", "south", "save", 9),
    ("ann", "north", "booking", 11),
    ("ann", "far", "booking", 3),
    ("bob", "south", "view", 3),
    ("bob", "north", "attend", 3),
    ("cat", "north", "save", 3),
    ("gus", "north", "save", 3),
    ("gus", "north", "booking", 4),
]


def write(path: Path, header: str, rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header.split(","), *rows])


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def at(days: float) -> str:
    return (NOW + days * DAY).isoformat()


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    events = [(name, at(start), organizer) for name, (start, organizer) in EVENTS.items()]
    write(tmp_path / "events.csv", "event_id,starts_at,organizer_id", events)
    write(tmp_path / "users.csv", "user_id", [(name,) for name in ("gus", "ann", "bob", "cat", "dan", "eve")])
    interactions = [(user, event, kind, at(days)) for user, event, kind, days in INTERACTIONS]
    write(tmp_path / "interactions.csv", "user_id,event_id,type,occurred_at", interactions)
    return tmp_path


@pytest.fixture
def fold(small: Path, console: Console) -> Fold:
    plan = Plan(cutoffs=(NOW,), window_days=WINDOW_DAYS, horizon_days=HORIZON_DAYS)
    [fold] = folds.folds(small, plan, console)
    return fold


def test_a_fold_has_past_interactions_candidates_within_the_horizon_and_hits_not_taken_before(fold: Fold) -> None:
    names = fold.catalog.events.ids(fold.candidates)
    assert names == ["east", "north", "south"]
    assert len(fold.data.interactions) == len(fold.past) == 7
    assert max(interaction.occurred_at for interaction in fold.data.interactions) < NOW
    assert list(fold.user_ids) == ["ann", "bob", "gus"]
    hits = {(fold.user_ids[user], names[column]) for user, column in zip(fold.hit_users, fold.hit_columns, strict=True)}
    assert hits == {("ann", "east"), ("ann", "south"), ("bob", "north"), ("gus", "north")}
    assert fold.relevant(0, 2).tolist() == [[True, False, True], [False, True, False]]
    assert fold.relevant(1, 2).tolist() == [[False, True, False]]
    assert fold.warm.tolist() == [True, True, False]
    assert fold.is_new.tolist() == [False, False, True]


def test_the_default_cutoff_follows_the_share_and_without_a_window_all_later_hits_count(
    small: Path, console: Console
) -> None:
    [fold] = folds.folds(small, Plan(share=0.45), console)
    # The time of the seventh of fourteen hits.
    assert fold.cutoff == NOW
    assert fold.catalog.events.ids(fold.candidates) == ["east", "far", "north", "south"]
    assert len(fold.hit_columns) == 6


def test_the_time_zone_is_that_of_events_that_name_none(small: Path, console: Console) -> None:
    plan = Plan(cutoffs=(NOW,), horizon_days=HORIZON_DAYS)
    [fold] = folds.folds(small, plan, console, ReadingOptions(zone=ZoneInfo("Asia/Tokyo")))
    assert fold.catalog.calendar.timezone == "Asia/Tokyo"


def test_a_cutoff_before_or_after_everything_is_refused(small: Path, console: Console) -> None:
    for days in (-100, 100):
        with pytest.raises(InvalidField, match="--cutoff: expected a time with hits before and after it"):
            list(folds.folds(small, Plan(cutoffs=(NOW + days * DAY,)), console))


@pytest.mark.parametrize(
    ("name", "of_ann", "of_gus"),
    [
        # Ties are broken by the order in events.csv.
        ("most popular", ["east", "north", "south"], ["east", "north", "south"]),
        ("trending, 7 days", ["north", "east", "south"], ["north", "east", "south"]),
        ("soonest", ["north", "south", "east"], ["north", "south", "east"]),
        # The past event of ann has the organizer of east and the weekday of south.
        ("attribute cosine, tuned", ["east", "south", "north"], ["east", "north", "south"]),
    ],
)
def test_simple_peers_rank_candidates_by_their_criterion(
    name: str, of_ann: list[str], of_gus: list[str], fold: Fold
) -> None:
    [peer] = [peer for peer in PEERS if peer.name == name]
    assert ranked(peer, fold, "ann") == of_ann
    assert ranked(peer, fold, "gus") == of_gus
    first_of_ann, first_of_gus = of_ann.index("east"), of_gus.index("north")
    metrics = evaluate_peer(peer, PeerData.of(fold), fold, 1)
    assert metrics.ndcg[[0, 2]].tolist() == [first_of_ann == 0, first_of_gus == 0]


def test_svd_prefers_events_of_similar_users_and_lists_exclude_consumed_events(fold: Fold) -> None:
    [peer] = [peer for peer in PEERS if peer.name == "SVD-50 cosine"]
    assert ranked(peer, fold, "bob")[0] == "north"
    shown = evaluate_peer(peer, PeerData.of(fold), fold, 3)
    assert np.isfinite(shown.ndcg).all()


def ranked(peer: Peer, fold: Fold, user_id: str) -> list[str]:
    data = PeerData.of(fold)
    ids = fold.catalog.events.ids()
    by_row = dict(zip(data.event_rows.tolist(), ids, strict=True))
    rows = np.sort(data.event_rows[fold.candidates])
    scores = peer.fit(data)(data.rows_of([user_id]), rows)[0]
    return [by_row[row] for row in rows[np.argsort(-np.asarray(scores), kind="stable")].tolist()]


def test_metrics_compare_lists_with_hits(fold: Fold) -> None:
    metrics = evaluate_peer(MOST_POPULAR, PeerData.of(fold), fold, 2)
    # All lists are east, north; relevant are east and south for ann, north for bob and gus.
    assert metrics.ndcg == pytest.approx([1 / (1 + 1 / math.log2(3)), 1 / math.log2(3), 1 / math.log2(3)])
    assert metrics.recall.tolist() == [0.5, 1.0, 1.0]
    assert metrics.recall_of_all.tolist() == [0.5, 1.0, 1.0]
    assert evaluate_peer(MOST_POPULAR, PeerData.of(fold), fold, 1).recall_of_all.tolist() == [0.5, 0.0, 0.0]
    # South, the relevant event without feedback, is not in the list of ann.
    assert metrics.within["new"].tolist() == pytest.approx([0, math.nan, math.nan], nan_ok=True)
    # Of five users with hits, two have east and one has north.
    assert metrics.variety["all"] == {
        "coverage": pytest.approx(2 / 3),
        "novelty": pytest.approx(math.log2(5) - 0.5),
        "unlikeness": 0.0,
    }


def test_known_and_new_candidates_are_judged_apart(fold: Fold) -> None:
    metrics = evaluate_peer(MOST_POPULAR, PeerData.of(fold), fold, 2)
    # The list is east, north, south; nobody had touched south. Ann takes east and south, bob and gus take north.
    assert metrics.apart["known"].tolist() == pytest.approx([1, 1 / math.log2(3), 1 / math.log2(3)])
    assert metrics.apart["new"].tolist() == pytest.approx([1, math.nan, math.nan], nan_ok=True)


def test_hits_at_organizers_that_a_user_knows_and_does_not_know_are_judged_apart(small: Path, console: Console) -> None:
    rows = read(small / "interactions.csv")
    follows = [("bob", "jazz", "follow", -9), ("ann", "rock", "follow", -9), ("ann", "rock", "unfollow", -8)]
    interactions = [(row["user_id"], row["event_id"], "", row["type"], row["occurred_at"]) for row in rows]
    interactions += [(user, "", organizer, kind, at(days)) for user, organizer, kind, days in follows]
    interactions += [("bob", "east", "", "booking", at(5)), ("ann", "east", "", "view", at(-1))]
    write(small / "interactions.csv", "user_id,event_id,organizer_id,type,occurred_at", interactions)
    plan = Plan(cutoffs=(NOW,), window_days=WINDOW_DAYS, horizon_days=HORIZON_DAYS)
    [fold] = folds.folds(small, plan, console)
    # Candidates are east of rock, north and south of jazz. Ann knows rock, bob knows jazz; gus is a cold-start user.
    assert fold.is_familiar(0, 3).tolist() == [[True, False, False], [False, True, True], [False, False, False]]
    assert fold.is_discovery(0, 3).tolist() == [[False, True, True], [True, False, False], [False, False, False]]
    metrics = evaluate_peer(MOST_POPULAR, PeerData.of(fold), fold, 2)
    # The list is east, north, south; ann takes east and south, bob north and east.
    nan = math.nan
    assert metrics.apart["familiar"].tolist() == pytest.approx([1, 1, nan], nan_ok=True)
    assert metrics.apart["discovery"].tolist() == pytest.approx([1 / math.log2(3), 1, nan], nan_ok=True)
    assert metrics.within["familiar"].tolist() == pytest.approx([1, 1 / math.log2(3), nan], nan_ok=True)
    assert metrics.within["discovery"].tolist() == pytest.approx([0, 1, nan], nan_ok=True)
    [blind] = folds.folds(small, replace(plan, ids_only=True), console)
    assert not (blind.is_familiar(0, 3) | blind.is_discovery(0, 3)).any()


def test_lists_with_one_date_of_a_series_are_judged_beside_those_with_all(small: Path, console: Console) -> None:
    names = {"north": "Course", "east": "Course", "south": "Concert"}
    events = [(name, at(EVENTS[name][0]), "jazz", names.get(name, name)) for name in EVENTS]
    write(small / "events.csv", "event_id,starts_at,organizer_id,title", events)
    plan = Plan(cutoffs=(NOW,), window_days=WINDOW_DAYS, horizon_days=HORIZON_DAYS)
    [fold] = folds.folds(small, plan, console)
    metrics = evaluate_peer(MOST_POPULAR, PeerData.of(fold), fold, 2)
    # The list is east, north, or east, south with one date of the course. Ann takes east and south, the others north.
    ideal = 1 + 1 / math.log2(3)
    assert metrics.ndcg == pytest.approx([1 / ideal, 1 / math.log2(3), 1 / math.log2(3)])
    assert metrics.one_date_ndcg.tolist() == pytest.approx([1, 0, 0])
    [blind] = folds.folds(small, replace(plan, ids_only=True), console)
    unknown = evaluate_peer(MOST_POPULAR, PeerData.of(blind), blind, 2)
    assert unknown.one_date_ndcg.tolist() == unknown.ndcg.tolist()


def test_metrics_of_several_seeds_are_averaged_with_their_spread(fold: Fold) -> None:
    popular, trending = (evaluate_peer(peer, PeerData.of(fold), fold, 2) for peer in (MOST_POPULAR, TRENDING))
    mean = mean_of_seeds([popular, trending])
    assert mean.ndcg.tolist() == pytest.approx(((popular.ndcg + trending.ndcg) / 2).tolist())
    assert mean.apart["new"].tolist() == pytest.approx(popular.apart["new"].tolist(), nan_ok=True)
    users = evaluated_users([(fold.user_ids, fold.warm)])
    spread = spread_of_seeds(users, [[popular], [trending]])
    assert spread.keys() == set(PARTS)
    for part, of_part in {
        "all": (popular.ndcg, trending.ndcg),
        "warm": (popular.ndcg[:2], trending.ndcg[:2]),
        "known": (popular.apart["known"], trending.apart["known"]),
        "discovery": (popular.apart["discovery"][:1], trending.apart["discovery"][:1]),
    }.items():
        means = [float(ndcg.mean()) for ndcg in of_part]
        assert spread[part]["mean"] == pytest.approx(fmean(means))
        assert spread[part]["sd"] == pytest.approx(abs(means[0] - means[1]) / math.sqrt(2))
    assert spread_of_seeds(users, [[popular]])["all"]["sd"] == 0


def test_a_missing_peer_is_reported_with_its_install_command() -> None:
    said = io.StringIO()
    absent = Peer("oracle", MOST_POPULAR.fit, package="oracle-of-delphi", module="oracle_of_delphi")
    assert accuracy.usable([MOST_POPULAR, absent], Console(said)) == [MOST_POPULAR]
    assert said.getvalue() == (
        "not measured: oracle, since oracle-of-delphi is not installed; "
        "get it with venv/bin/pip install -r benchmarks/requirements.txt\n"
    )


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    write_sample(folder, users=60, events=80, interactions=1_500, seed=3, now=NOW)
    return folder


CUTOFFS = (NOW - 20 * DAY, NOW - 10 * DAY)
OPTIONS = ("--window-days", str(WINDOW_DAYS), "--horizon-days", str(HORIZON_DAYS), "--k", str(K), "--no-peers")


def run(folder: Path, out: Path, *options: str) -> dict[str, Any]:
    cutoffs = [option for cutoff in CUTOFFS for option in ("--cutoff", cutoff.isoformat())]
    assert accuracy.main([str(folder), *cutoffs, *OPTIONS, "--out", str(out), *options]) == 0
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def test_metrics_equal_those_computed_by_hand_from_backtest_lists(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = run(city, tmp_path / "accuracy.json")["systems"]
    printed = capsys.readouterr().out
    assert set(systems) == set(trainable())
    for model in trainable():
        rows, one_date = (
            [row for cutoff in CUTOFFS for row in metrics_by_hand(city, cutoff, model, tmp_path / "recs.csv", *options)]
            for options in ((), ("--per-series", "1"))
        )
        assert rows != one_date
        for segment, kept in (("all", (True, False)), ("warm", (True,)), ("cold", (False,))):
            mine = [row for row in rows if row[0] in kept]
            measures = systems[model][segment]
            assert measures["lists"] == len(mine) > 0
            assert measures["ndcg"] == pytest.approx(fmean(row[1] for row in mine))
            assert measures["recall"] == pytest.approx(fmean(row[2] for row in mine))
            assert measures["one_date_ndcg"] == pytest.approx(fmean(row[1] for row in one_date if row[0] in kept))
        assert f"\n  {model} " in printed
        assert f"{systems[model]['all']['ndcg']:.4f}" in printed


def test_a_folder_that_a_spreadsheet_exported_gives_the_same_figures(city: Path, tmp_path: Path) -> None:
    berlin = Dialect(separator=";", decimal=",", dates="%d.%m.%Y %H:%M:%S", zone=ZoneInfo("Europe/Berlin"))
    export(city, tmp_path / "export", replace(berlin, columns={"title": "name"}))
    options = ("--map", "name=title", "--timezone", "Europe/Berlin")
    plain, exported = (
        run(folder, tmp_path / "accuracy.json", "--model", "popularity", *given)["systems"]["popularity"]["all"]
        for folder, given in ((city, ()), (tmp_path / "export", options))
    )
    assert {**exported, "fit_s": 0} == {**plain, "fit_s": 0}


def test_events_announced_later_are_candidates_on_request(city: Path, tmp_path: Path) -> None:
    known, later = (
        run(city, tmp_path / "accuracy.json", "--model", "popularity", *option)
        for option in ((), ("--announced-later",))
    )
    assert (known["announced_later"], later["announced_later"]) == (False, True)
    assert known["systems"]["popularity"]["all"]["lists"] < later["systems"]["popularity"]["all"]["lists"]


def metrics_by_hand(
    city: Path, cutoff: datetime, model: str, out: Path, *given: str
) -> list[tuple[bool, float, float]]:
    """Warm flag, NDCG and recall of each evaluated user, computed from the files alone."""
    options = ["--cutoff", cutoff.isoformat(), "--model", model, "--k", str(K), "--horizon-days", str(HORIZON_DAYS)]
    assert backtest.main([str(city), *options, *given, "--out", str(out)]) == 0
    lists = defaultdict(list)
    for row in read(out):
        lists[row["user_id"]].append(row["event_id"])
    latest = cutoff + timedelta(days=HORIZON_DAYS)
    starts = {
        row["event_id"]: datetime.fromisoformat(row["starts_at"])
        for row in read(city / "events.csv")
        if datetime.fromisoformat(row["created_at"]) < cutoff
    }
    taken, warm, relevant = defaultdict(set), set(), defaultdict(set)
    rows = sorted(read(city / "interactions.csv"), key=lambda row: datetime.fromisoformat(row["occurred_at"]))
    for row in rows:
        if row["type"] not in {"booking", "save", "attend"}:
            continue
        time, user, event = datetime.fromisoformat(row["occurred_at"]), row["user_id"], row["event_id"]
        if time < cutoff:
            warm.add(user)
            if row["type"] != "save":
                taken[user].add(event)
        elif (
            time < cutoff + timedelta(days=WINDOW_DAYS)
            and event in starts
            and cutoff < starts[event] <= latest
            and event not in taken[user]
        ):
            relevant[user].add(event)
    metrics = []
    for user, relevant_events in relevant.items():
        hits = [event in relevant_events for event in lists[user]]
        gain = sum(1 / math.log2(position + 2) for position, hit in enumerate(hits) if hit)
        best = sum(1 / math.log2(position + 2) for position in range(min(K, len(relevant_events))))
        metrics.append((user in warm, gain / best, sum(hits) / min(K, len(relevant_events))))
    return metrics


def test_ids_only_ignores_all_attributes(city: Path, tmp_path: Path) -> None:
    plain = run(city, tmp_path / "plain.json", "--ids-only", "--model", "blend")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "interactions.csv").write_bytes((city / "interactions.csv").read_bytes())
    # Candidates follow from these times also when systems are told none of them.
    times = [(row["event_id"], row["starts_at"], row["created_at"]) for row in read(city / "events.csv")]
    write(bare / "events.csv", "event_id,starts_at,created_at", times)
    write(bare / "users.csv", "user_id", [(row["user_id"],) for row in read(city / "users.csv")])
    stripped = run(bare, tmp_path / "stripped.json", "--ids-only", "--model", "blend")
    with_attributes = run(city, tmp_path / "told.json", "--model", "blend")
    assert without_times(stripped) == without_times(plain)
    assert without_times(with_attributes) != without_times(plain)


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    by_segment = result["systems"]["blend"]
    return {segment: {**measures, "fit_s": None} for segment, measures in by_segment.items()}


def test_the_blend_is_compared_to_each_peer_and_to_the_best_in_each_part(city: Path, console: Console) -> None:
    plan = Plan(cutoffs=CUTOFFS, window_days=WINDOW_DAYS, horizon_days=HORIZON_DAYS, announced_later=True)
    peers = [peer for peer in PEERS if not peer.module]
    result = accuracy.measure(city, plan, peers, K, console, ["blend"], seeds=2)
    names = {"all": ("all", "ndcg"), "warm": ("warm", "ndcg"), "cold": ("cold", "ndcg")}
    names |= {kind: ("all", f"ndcg_{kind}_apart") for kind in ("known", "new", "familiar", "discovery")}
    for part, (segment, measure) in names.items():
        figures = {name: by[segment][measure] for name, by in result["systems"].items()}
        ours = figures.pop("blend")
        assert result["blend_over_seeds"][part]["mean"] == pytest.approx(ours)
        for name, figure in figures.items():
            lead = result["blend_to_peers"][name][part]
            assert (lead["ours"], lead["peer"]) == (pytest.approx(ours), pytest.approx(figure))
            assert lead["mean"] == pytest.approx(ours - figure)
            assert lead["low"] <= lead["mean"] <= lead["high"]
            assert lead["ratio"] == (pytest.approx(ours / figure) if figure else None)
        best = result["blend_to_best_peer"][part]
        assert best["peer"] == pytest.approx(max(figures.values()))
        assert best == {"best_peer": best["best_peer"], **result["blend_to_peers"][best["best_peer"]][part]}
        simple = result["blend_to_simple"][part]
        assert simple["peer"] == pytest.approx(max(figures[peer.name] for peer in SIMPLE))
    printed = accuracy.shown({"data": "a city", **result})
    assert "all users: blend" in printed
    assert "strongest simple baseline" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cutoff", "yesterday"], "--cutoff: expected an ISO 8601 time"),
        (["--share", "2"], "--share: expected a number in 0..1, got 2"),
        (["--window-days", "-1"], "--window-days: expected a number in 0..36500, got -1"),
        (["--k", "0"], "--k: expected a whole number in 1..1000, got 0"),
        (["--model", "oracle"], "argument --model: invalid choice: 'oracle'"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_by_name(
    options: list[str], message: str, city: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        accuracy.main([str(city), *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_files_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main([str(tmp_path / "none")]) == 1
    assert "expected a folder with events.csv" in capsys.readouterr().err
