"""Tuned peers and simple baselines: features against hand-made figures, and tuning that never looks past the cutoff."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import accuracy, folds, peers, simple_peers
from benchmarks.folds import Fold, Plan
from benchmarks.judging import evaluate_peer
from benchmarks.peer_data import PeerData
from benchmarks.peers import HAND_FEATURES, ONE_LINE_FORMULA, PEERS, Peer
from benchmarks.simple_peers import HandFeatures
from benchmarks.tuning import Ranking, Score, Stretch, coordinate_ascent
from jobs.console import Console
from jobs.sample import write_sample
from shared.entities import Event, Interaction, InteractionType, User
from shared.entities.fields import Location
from shared.services.training.dataset import Dataset
from tests.examples import DAY, NOW, an_event, an_interaction

PLAN = Plan(cutoffs=(NOW - 20 * DAY,), window_days=10, horizon_days=30)
TUNED = [peer for peer in PEERS if peer.tune and not peer.module]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    write_sample(folder, users=60, events=80, interactions=1_500, seed=3, now=NOW)
    return folder


@pytest.fixture(scope="module")
def fold(city: Path) -> Fold:
    [fold] = folds.folds(city, PLAN, Console(io.StringIO()))
    return fold


def of_entities(events: list[Event], users: list[User], interactions: list[Interaction]) -> PeerData:
    """Training data of peers at `NOW`; the last interaction lies after it, since a fold has a user to evaluate."""
    before = tuple(entry for entry in interactions if entry.occurred_at < NOW)
    data = Dataset(tuple(events), {user.user_id: user for user in users}, before)
    later = [entry for entry in interactions if entry.occurred_at >= NOW]
    return PeerData.of(folds._fold(data, later, NOW, Plan(announced_later=True), folds._DEFAULTS.calendar()))


@pytest.fixture
def features() -> HandFeatures:
    at = Location(lat=52.0, lng=13.0)
    events = [
        an_event("old jazz", organizer_id="jazz", venue_id="hall", title="Jam", starts_at=NOW - 30 * DAY),
        an_event("old rock", organizer_id="rock", venue_id="bar", title="Gig", starts_at=NOW - 30 * DAY),
        an_event("jam", organizer_id="jazz", venue_id="bar", title="jam", starts_at=NOW + DAY, location=at),
        an_event("late jam", organizer_id="jazz", venue_id="hall", title="Other", starts_at=NOW + 3 * DAY),
        an_event("gig", organizer_id="rock", venue_id="hall", title="Gig", starts_at=NOW + 7 * DAY),
    ]
    users = [User(user_id="ann", location=Location(lat=53.0, lng=13.0)), User(user_id="bob")]
    interactions = [
        an_interaction("ann", "old jazz", occurred_at=NOW - 180 * DAY),
        an_interaction("ann", "old rock", occurred_at=NOW - 360 * DAY),
        an_interaction("bob", "jam", occurred_at=NOW - 7 * DAY),
        an_interaction("bob", "", InteractionType.FOLLOW, organizer_id="rock", occurred_at=NOW - DAY),
        an_interaction("ann", "gig", occurred_at=NOW),
    ]
    return HandFeatures.of(of_entities(events, users, interactions))


def test_hand_features_have_the_values_that_their_definition_gives(features: HandFeatures) -> None:
    data = features.data
    users = data.rows_of(["ann", "bob"])
    # The candidates are jam, late jam and gig, in file order.
    assert data.candidates.tolist() == [2, 3, 4]
    found = dict(
        zip(
            simple_peers.HAND_FEATURES,
            [*features.of_pairs(users, data.candidates), *features.of_events(data.candidates)],
            strict=True,
        )
    )
    # Half and a quarter of a hit remain after one and two half-lives.
    assert found["share of organizer"][0] == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert found["count of organizer"] == pytest.approx(np.log([[2, 2, 2], [2, 2, 1]]))
    assert found["share of venue"][0] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert found["share of series"][0] == pytest.approx([2 / 3, 0, 1 / 3])
    assert found["nearness"] == pytest.approx(np.array([[-np.log1p(111.19), 0, 0], [0, 0, 0]]), abs=1e-3)
    assert found["follows"].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert found["popularity"][0] > found["popularity"][1] == found["popularity"][2]
    assert found["unseen"].tolist() == [0, 1, 1]
    assert found["soonness"] == pytest.approx(-np.log([2, 4, 8]))
    assert found["next of organizer"] == pytest.approx(-np.log([1, 2, 1]))


def test_the_formula_sums_its_five_terms(features: HandFeatures) -> None:
    data = features.data
    scores = ONE_LINE_FORMULA.fit(data)(data.rows_of(["ann"]), data.candidates)[0]
    expected = [
        2 / 3 + 0.3 / 3 - 0.05 * np.log(2) + 0.1 * np.log(2),
        2 / 3 + 0.3 * 2 / 3 - 0.05 * np.log(4) + 0.3,
        1 / 3 + 0.3 * 2 / 3 - 0.05 * np.log(8) + 0.3,
    ]
    assert scores == pytest.approx(np.array(expected))


def test_events_without_organizer_place_or_start_have_finite_features() -> None:
    events = [Event(event_id="bare"), an_event("dated", starts_at=NOW + DAY)]
    interactions = [
        an_interaction("ann", "dated", occurred_at=NOW - 3 * DAY),
        an_interaction("bob", "bare", occurred_at=NOW),
    ]
    data = of_entities(events, [], interactions)
    for peer in (ONE_LINE_FORMULA, HAND_FEATURES):
        scores = peer.fit(data)(data.rows_of(["ann", "bob"]), data.candidates)
        assert scores.shape == (2, 2)
        assert np.isfinite(scores).all()


def test_coordinate_ascent_finds_the_feature_that_ranks_the_hits_first() -> None:
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=(2, 30, 40)).astype(np.float32)
    relevant = truth > 1.5
    kept = relevant.any(axis=1)
    task = Ranking([noise[kept], truth[kept]], np.ones((kept.sum(), 40), np.bool_), relevant[kept])

    def steps(_: int, weight: float) -> Iterator[float]:
        yield from (weight / 2, weight * 2, 0.0) if weight else (0.1, 1.0)

    weights = coordinate_ascent([task], [1.0, 0.0], steps, rounds=6)
    assert weights[1] > 0
    lists = np.argsort(-task.scores(weights), axis=1)[:, :10]
    assert np.take_along_axis(task.relevant, lists, axis=1).sum() > 0.9 * task.relevant.sum()
    assert coordinate_ascent([], [1.0, 0.0], steps).tolist() == [1, 0]


def test_stretches_lie_before_the_cutoff_and_follow_each_other(fold: Fold) -> None:
    first, second = folds.stretches(fold, PLAN)
    assert first.cutoff < second.cutoff < fold.cutoff
    hits = [entry.occurred_at for entry in fold.data.interactions if entry.type.meaning.is_hit]
    assert max(entry.occurred_at for entry in first.data.interactions) < first.cutoff
    assert np.mean([time < first.cutoff for time in hits]) == pytest.approx(0.76, abs=0.02)
    assert np.mean([time < second.cutoff for time in hits]) == pytest.approx(0.88, abs=0.02)
    # The bookings that a stretch is judged by are the ones that the fold learns from.
    learned = {(entry.user_id, entry.event_id) for entry in fold.data.interactions if entry.type.meaning.is_hit}
    for stretch in (first, second):
        names = stretch.catalog.events.ids(stretch.candidates)
        pairs = zip(stretch.hit_users.tolist(), stretch.hit_columns.tolist(), strict=True)
        assert {(stretch.user_ids[user], names[column]) for user, column in pairs} <= learned


def test_stretches_have_the_attributes_that_the_plan_leaves(fold: Fold, city: Path) -> None:
    blind = replace(PLAN, ids_only=True)
    [bare] = folds.folds(city, blind, Console(io.StringIO()))
    for stretch, known in zip(folds.stretches(bare, blind), folds.stretches(fold, PLAN), strict=True):
        assert stretch.candidates.tolist() == known.candidates.tolist()
        assert PeerData.of(stretch).attributes.shape[1] == 0 < PeerData.of(known).attributes.shape[1]


@pytest.mark.parametrize("peer", TUNED, ids=lambda peer: peer.name)
def test_tuning_ignores_what_comes_after_the_cutoff(peer: Peer, city: Path, tmp_path: Path, fold: Fold) -> None:
    lines = (city / "interactions.csv").read_text().splitlines(keepends=True)
    column = lines[0].strip().split(",").index("occurred_at")
    kept = [line for line in lines[1:] if line.strip().split(",")[column] < fold.cutoff.strftime("%Y-%m-%dT%H:%M:%S")]
    for name in ("events.csv", "users.csv"):
        (tmp_path / name).write_bytes((city / name).read_bytes())
    # One hit after the cutoff is left, since a fold has to have one.
    hit = next(line for line in lines[1:] if line not in kept and ",booking," in line)
    (tmp_path / "interactions.csv").write_text("".join([lines[0], *kept, hit]))
    [without] = folds.folds(tmp_path, PLAN, Console(io.StringIO()))
    assert without.hit_users.size < fold.hit_users.size
    tuned = [peer.tuned([Stretch.of(stretch) for stretch in folds.stretches(one, PLAN)]) for one in (fold, without)]
    assert tuned[0].settings == tuned[1].settings


@pytest.mark.parametrize("peer", TUNED, ids=lambda peer: peer.name)
def test_tuning_gains_on_the_stretches_that_it_is_done_on(peer: Peer, fold: Fold) -> None:
    earlier = [Stretch.of(stretch) for stretch in folds.stretches(fold, PLAN)]
    tuned = peer.tuned(earlier)
    before, after = (
        np.mean([evaluate_peer(one, stretch.data, stretch.fold, 10).ndcg.mean() for stretch in earlier])
        for one in (peer, tuned)
    )
    assert after >= before - 1e-9
    assert tuned.settings
    assert peer.tuned([]).fit(PeerData.of(fold)) is not None


def test_settings_of_lightfm_are_those_that_were_best_on_the_stretches(
    fold: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in for the library, which need not be installed, ranks rightly with one setting only.
    [peer] = [peer for peer in PEERS if peer.module == "lightfm"]
    earlier = [Stretch.of(stretch) for stretch in folds.stretches(fold, PLAN)]
    best = peers._WarpSetting(with_ids=True, learning_rate=0.02, epochs=20)
    fitted: list[peers._WarpSetting] = []

    def warps(data: PeerData, setting: peers._WarpSetting, epochs: Sequence[int]) -> Iterator[Score]:
        [stretch] = [stretch for stretch in earlier if stretch.data is data]
        rows = data.rows_of(stretch.fold.user_ids)
        relevant = stretch.relevant(np.argsort(rows)).astype(np.float64)
        for until in epochs:
            fitted.append(replace(setting, epochs=until))
            yield _looked_up(np.sort(rows), relevant if fitted[-1] == best else -relevant)

    monkeypatch.setattr(peers, "_warps", warps)
    assert peer.tuned(earlier).settings == {"with_ids": True, "learning_rate": 0.02, "epochs": 20}
    assert len(fitted) == 2 * len(set(fitted)) == 32
    assert peer.tuned([]).settings == {}


def _looked_up(rows: NDArray[np.int64], scores: NDArray[np.float64]) -> Score:
    return lambda users, _: scores[np.searchsorted(rows, users)]


def test_data_of_some_users_have_whole_users_and_those_by_whom_settings_are_compared(fold: Fold) -> None:
    stretch = Stretch.of(folds.stretches(fold, PLAN)[1])
    everything = stretch.data.user_items
    assert stretch.some_data(everything.nnz) is stretch.data
    counts = np.diff(everything.indptr)
    judged = stretch.data.rows_of(stretch.fold.user_ids)
    for limit in (0, int(counts[judged].sum()) + 20):
        found = np.diff(stretch.some_data(limit).user_items.indptr)
        assert ((found == 0) | (found == counts)).all()
        assert (found[judged] == counts[judged]).all()
        assert found.sum() <= max(limit, counts[judged].sum())
    assert found.sum() > counts[judged].sum()


def test_settings_of_peers_are_reported(city: Path) -> None:
    said = io.StringIO()
    result = accuracy.measure(city, PLAN, TUNED, 10, Console(said), ["popularity"])
    assert result["settings"].keys() == {peer.name for peer in TUNED}
    assert result["settings"][HAND_FEATURES.name]["warm"].keys() == simple_peers.HAND_FEATURES.keys()
    assert f"{HAND_FEATURES.name}: tuned in " in said.getvalue()
