"""The accuracy benchmark: who is judged on what, what peers rank, and figures that lists written elsewhere confirm."""

import csv
import io
import json
import math
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from benchmarks import accuracy, folds
from benchmarks.folds import Fold, Plan
from benchmarks.judging import judge_peer
from benchmarks.peers import MOST_POPULAR, PEERS, Evidence, Peer
from jobs import backtest
from jobs.console import Console
from jobs.sample import write_sample
from shared.errors import InvalidField
from shared.models.registry import MODELS
from tests.examples import DAY, NOW

WINDOW_DAYS, HORIZON_DAYS, K = 10, 30, 5

EVENTS = {
    # Starts, organizer. Popular in the order east, north; nobody touched south.
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
    # What follows is judged: of ann east and south, of bob nothing, of gus north.
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


def write(path: Path, header: str, rows: list[tuple[str, ...]]) -> None:
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
    taken = [(user, event, kind, at(days)) for user, event, kind, days in INTERACTIONS]
    write(tmp_path / "interactions.csv", "user_id,event_id,type,occurred_at", taken)
    return tmp_path


@pytest.fixture
def fold(small: Path, console: Console) -> Fold:
    plan = Plan(cutoffs=(NOW,), window_days=WINDOW_DAYS, horizon_days=HORIZON_DAYS)
    [fold] = folds.folds(small, plan, console)
    return fold


def test_a_fold_knows_the_past_offers_what_is_near_and_judges_by_what_is_new_to_a_user(fold: Fold) -> None:
    names = fold.catalog.events.ids(fold.candidates)
    assert names == ["east", "north", "south"]
    assert len(fold.data.interactions) == len(fold.past) == 7
    assert max(one.occurred_at for one in fold.data.interactions) < NOW
    assert list(fold.user_ids) == ["ann", "gus"]
    taken = {(fold.user_ids[owner], names[column]) for owner, column in zip(fold.owners, fold.taken, strict=True)}
    assert taken == {("ann", "east"), ("ann", "south"), ("gus", "north")}
    assert fold.relevant(0, 2).tolist() == [[True, False, True], [False, True, False]]
    assert fold.relevant(1, 2).tolist() == [[False, True, False]]
    assert fold.warm.tolist() == [True, False]
    assert fold.is_new.tolist() == [False, False, True]


def test_without_a_cutoff_it_lies_after_the_share_and_without_an_end_everything_later_counts(
    small: Path, console: Console
) -> None:
    [fold] = folds.folds(small, Plan(share=0.5), console)
    # The seventh of thirteen bookings and saves.
    assert fold.cutoff == NOW
    assert fold.catalog.events.ids(fold.candidates) == ["east", "far", "north", "south"]
    assert len(fold.taken) == 5


def test_a_cutoff_before_or_after_everything_is_refused(small: Path, console: Console) -> None:
    for days in (-100, 100):
        with pytest.raises(InvalidField, match="--cutoff: expected a time with bookings or saves before and after it"):
            list(folds.folds(small, Plan(cutoffs=(NOW + days * DAY,)), console))


@pytest.mark.parametrize(
    ("name", "of_ann", "of_gus"),
    [
        # Ties in the order of events.csv.
        ("most popular", ["east", "north", "south"], ["east", "north", "south"]),
        ("trending, 7 days", ["north", "east", "south"], ["north", "east", "south"]),
        ("soonest", ["north", "south", "east"], ["north", "south", "east"]),
        # What ann did was by rock, and on the weekday of south.
        ("attribute cosine", ["east", "south", "north"], ["east", "north", "south"]),
    ],
)
def test_simple_peers_rank_as_their_names_say(name: str, of_ann: list[str], of_gus: list[str], fold: Fold) -> None:
    [peer] = [one for one in PEERS if one.name == name]
    assert ranked(peer, fold, "ann") == of_ann
    assert ranked(peer, fold, "gus") == of_gus
    first_of_ann, first_of_gus = of_ann.index("east"), of_gus.index("north")
    judged = judge_peer(peer, Evidence.of(fold), fold, 1)
    assert judged.ndcg.tolist() == [first_of_ann == 0, first_of_gus == 0]


def test_events_of_like_users_are_near_in_the_decomposition_and_what_was_taken_is_left_out(fold: Fold) -> None:
    [peer] = [one for one in PEERS if one.name == "SVD-50 cosine"]
    assert ranked(peer, fold, "bob")[0] == "north"
    shown = judge_peer(peer, Evidence.of(fold), fold, 3)
    assert np.isfinite(shown.ndcg).all()


def ranked(peer: Peer, fold: Fold, user_id: str) -> list[str]:
    evidence = Evidence.of(fold)
    ids = fold.catalog.events.ids()
    by_place = dict(zip(evidence.event_rows.tolist(), ids, strict=True))
    places = np.sort(evidence.event_rows[fold.candidates])
    scores = peer.fit(evidence)(evidence.places([user_id]), places)[0]
    return [by_place[place] for place in places[np.argsort(-np.asarray(scores), kind="stable")].tolist()]


def test_lists_are_judged_by_what_was_taken(fold: Fold) -> None:
    judged = judge_peer(MOST_POPULAR, Evidence.of(fold), fold, 2)
    # Both get east and north; ann took east and south, gus took north.
    assert judged.ndcg == pytest.approx([1 / (1 + 1 / math.log2(3)), 1 / math.log2(3)])
    assert judged.recall.tolist() == [0.5, 1.0]
    assert judged.recall_of_all.tolist() == [0.5, 1.0]
    assert judge_peer(MOST_POPULAR, Evidence.of(fold), fold, 1).recall_of_all.tolist() == [0.5, 0.0]
    # Nobody had touched south, which ann took and does not see.
    assert judged.new_ndcg[0] == 0
    assert np.isnan(judged.new_ndcg[1])
    # Of five users two took east, one north.
    assert judged.variety["all"] == {
        "coverage": pytest.approx(2 / 3),
        "novelty": pytest.approx(math.log2(5) - 0.5),
        "unlikeness": 0.0,
    }


def test_a_peer_that_is_not_installed_is_named_with_how_to_get_it() -> None:
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


def test_the_figures_are_those_of_backtests_judged_by_hand(
    city: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = run(city, tmp_path / "accuracy.json")["systems"]
    printed = capsys.readouterr().out
    assert set(systems) == set(MODELS)
    for model in MODELS:
        rows = [row for cutoff in CUTOFFS for row in judged_by_hand(city, cutoff, model, tmp_path / "recs.csv")]
        for segment, kept in (("all", (True, False)), ("warm", (True,)), ("cold", (False,))):
            mine = [row for row in rows if row[0] in kept]
            measures = systems[model][segment]
            assert measures["lists"] == len(mine) > 0
            assert measures["ndcg"] == pytest.approx(fmean(row[1] for row in mine))
            assert measures["recall"] == pytest.approx(fmean(row[2] for row in mine))
        assert f"\n  {model} " in printed
        assert f"{systems[model]['all']['ndcg']:.4f}" in printed


def judged_by_hand(city: Path, cutoff: datetime, model: str, out: Path) -> list[tuple[bool, float, float]]:
    """Whether each user was warm, their NDCG and their recall, from the files alone."""
    options = ["--cutoff", cutoff.isoformat(), "--model", model, "--k", str(K), "--horizon-days", str(HORIZON_DAYS)]
    assert backtest.main([str(city), *options, "--out", str(out)]) == 0
    got = defaultdict(list)
    for row in read(out):
        got[row["user_id"]].append(row["event_id"])
    latest = cutoff + timedelta(days=HORIZON_DAYS)
    starts = {row["event_id"]: datetime.fromisoformat(row["starts_at"]) for row in read(city / "events.csv")}
    had, warm, want = defaultdict(set), set(), defaultdict(set)
    rows = sorted(read(city / "interactions.csv"), key=lambda row: datetime.fromisoformat(row["occurred_at"]))
    for row in rows:
        if row["type"] not in {"booking", "save"}:
            continue
        time, user, event = datetime.fromisoformat(row["occurred_at"]), row["user_id"], row["event_id"]
        if time < cutoff:
            warm.add(user)
            if row["type"] == "booking":
                had[user].add(event)
        elif (
            time < cutoff + timedelta(days=WINDOW_DAYS) and cutoff < starts[event] <= latest and event not in had[user]
        ):
            want[user].add(event)
    judged = []
    for user, wanted in want.items():
        hits = [event in wanted for event in got[user]]
        gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
        best = sum(1 / math.log2(place + 2) for place in range(min(K, len(wanted))))
        judged.append((user in warm, gain / best, sum(hits) / min(K, len(wanted))))
    return judged


def test_with_ids_only_nothing_else_in_the_files_matters(city: Path, tmp_path: Path) -> None:
    plain = run(city, tmp_path / "plain.json", "--ids-only", "--model", "blend")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "interactions.csv").write_bytes((city / "interactions.csv").read_bytes())
    starts = [(row["event_id"], row["starts_at"]) for row in read(city / "events.csv")]
    write(bare / "events.csv", "event_id,starts_at", starts)
    write(bare / "users.csv", "user_id", [(row["user_id"],) for row in read(city / "users.csv")])
    stripped = run(bare, tmp_path / "stripped.json", "--ids-only", "--model", "blend")
    told = run(city, tmp_path / "told.json", "--model", "blend")
    assert without_times(stripped) == without_times(plain)
    assert without_times(told) != without_times(plain)


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    by_segment = result["systems"]["blend"]
    return {segment: {**measures, "fit_s": None} for segment, measures in by_segment.items()}


def test_the_blend_is_compared_to_the_best_peer_of_each_segment(city: Path, console: Console) -> None:
    plan = Plan(cutoffs=CUTOFFS, window_days=WINDOW_DAYS, horizon_days=HORIZON_DAYS)
    peers = [peer for peer in PEERS if not peer.module]
    result = accuracy.measure(city, plan, peers, K, console, ["blend"])
    for segment in ("all", "warm", "cold"):
        best = result["blend_to_best_peer"][segment]
        figures = {name: by[segment]["ndcg"] for name, by in result["systems"].items()}
        ours = figures.pop("blend")
        assert best["peer"] == pytest.approx(max(figures.values())) == pytest.approx(figures[best["best_peer"]])
        assert best["mean"] == pytest.approx(ours - best["peer"])
        assert best["low"] <= best["mean"] <= best["high"]
        assert best["ratio"] == (pytest.approx(ours / best["peer"]) if best["peer"] else None)
    assert set(result["blend_to_popular"]) == {"cold"}
    assert result["blend_to_best_peer"]["new events"]["ours"] == pytest.approx(
        result["systems"]["blend"]["all"]["ndcg_new_events"]
    )


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
