"""Score terms: sums by value and by name against scores that are computed event by event."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shared.arrays.sparse import MAX_PROFILE_NAMES, unit_sparse
from shared.catalog.attributes import CategoricalAttribute
from shared.entities import InteractionType, Profile
from shared.models.blend import Blend
from shared.signals.candidates import Candidates
from shared.signals.groups import Groups, Values
from shared.signals.registry import SIGNALS
from shared.signals.signal import UserSignal
from shared.signals.users import SEGMENTS
from tests.examples import DAY, NOW
from tests.towers import fitted
from tests.town import Town, town

USER_SIGNALS = [signal for signal in SIGNALS if isinstance(signal, UserSignal)]
LIKES = {"booking": 1.0, "attend": 1.0, "save": 0.8, "share": 0.6, "click": 0.2, "view": 0.1, "review": 0.5}


@pytest.mark.parametrize("seed", range(3))
def test_a_blend_is_the_weighted_sum_of_its_signals(seed: int) -> None:
    city = town(seed)
    weights = np.random.default_rng(seed).normal(size=(len(SEGMENTS), len(SIGNALS))).astype(np.float32)
    blend = Blend(weights, {signal.name: fitted(signal, city.past) for signal in SIGNALS})
    batch = city.batch(*city.profiles)
    own = weights[batch.segments()]
    expected, by_source = np.zeros((len(batch), len(city.candidates))), dict[str, float]()
    for column, signal in enumerate(SIGNALS):
        params = blend.params[signal.name]
        if not isinstance(signal, UserSignal):
            expected += own[:, column, None] * signal.score(params, city.candidates)
            continue
        scores = signal.score(params, batch)
        assert scores.shape == expected.shape
        expected += own[:, column, None] * scores
        source_scores = by_source.get(signal.source, 0) + own[0, column] * scores
        by_source[signal.source] = source_scores
    scores = blend.score(batch)
    assert scores == pytest.approx(expected, rel=1e-4, abs=1e-4)
    stored = blend.to_arrays().items()
    blend.prepare()
    assert blend.score(batch).tolist() == scores.tolist()
    assert all(np.array_equal(blend.to_arrays()[name], array) for name, array in stored)
    personal_scores = blend.personal_scores(batch)
    assert personal_scores.keys() == by_source.keys()
    for source, source_scores in by_source.items():
        assert personal_scores[source] == pytest.approx(source_scores, rel=1e-4, abs=1e-4)


def test_a_batch_of_cold_start_users_alone_scores_them_as_a_mixed_batch_does() -> None:
    city = town(2)
    weights = np.ones((len(SEGMENTS), len(SIGNALS)), np.float32)
    blend = Blend(weights, {signal.name: fitted(signal, city.past) for signal in SIGNALS})
    alone, among_others = city.batch(city.profiles[-1]), city.batch(*city.profiles)
    assert alone.is_cold_start()
    assert not among_others.is_cold_start()
    assert not any(city.batch(profile).is_cold_start() for profile in city.profiles[1:3])
    assert blend.score(alone)[0] == pytest.approx(blend.score(among_others)[-1], abs=1e-5)
    assert not any(scores.any() for scores in blend.personal_scores(alone).values())


@pytest.mark.parametrize("signal", USER_SIGNALS, ids=lambda signal: signal.name)
def test_scores_of_a_batch_equal_scores_of_each_user_alone(signal: UserSignal) -> None:
    city = town(5)
    params = fitted(signal, city.past)
    together = signal.score(params, city.batch(*city.profiles))
    assert together.any(), "the law would hold of nothing"
    for profile, scores in zip(city.profiles, together, strict=True):
        assert signal.score(params, city.batch(profile))[0] == pytest.approx(scores, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_grouped_scores_of_many_candidates_equal_scores_of_few_candidates(seed: int) -> None:
    city = town(seed, events=600)
    assert len(city.candidates) > 400
    weights = np.random.default_rng(seed).normal(size=len(SIGNALS)).astype(np.float32)
    params = {signal.name: fitted(signal, city.past) for signal in SIGNALS}
    blend = Blend(np.tile(weights, (len(SEGMENTS), 1)), params)
    together = blend.personal_scores(city.batch(*city.profiles))
    assert all(scores.any() for scores in together.values()), "the law would hold of nothing"
    for begin in range(0, len(city.candidates), 100):
        rows = city.candidates.rows[begin : begin + 100]
        few = replace(city, candidates=Candidates(city.catalog, rows, NOW.timestamp(), np.zeros(len(rows))))
        for source, scores in blend.personal_scores(few.batch(*few.profiles)).items():
            assert together[source][:, begin : begin + 100] == pytest.approx(scores, rel=1e-4, abs=1e-4)


def test_groups_join_equal_keys_and_leave_out_unknown_ones() -> None:
    rng, size = np.random.default_rng(4), 100
    keys, rows = rng.integers(3, size=size).astype(np.uint64), rng.permutation(size)
    codes = rng.integers(-1, 3, size=size).astype(np.int32)
    groups = Groups.of(rows, keys)
    key_of = dict(zip(rows.tolist(), keys.tolist(), strict=True))
    for key, group in zip(keys.tolist(), groups.of_candidates.tolist(), strict=True):
        assert key == (0 if group < 0 else key_of[groups.rows[group]])
    values = Values.of(CategoricalAttribute.of(["a", "b", "c", "d"]), codes)
    assert np.append(values.codes, -1)[values.of_candidates].tolist() == codes.tolist()
    assert values.positions_of(np.array([2, -1, 3, 0])).tolist() == [2, -1, -1, 0]


class Likes:
    """Likes of one user, computed entry by entry: value of a field, confidence and age in days."""

    def __init__(self, city: Town, profile: Profile, field: str) -> None:
        values = city.catalog.fields[field]
        self.entries = []
        self.total = 0.0
        for entry in profile.history:
            row = city.catalog.events.row(entry.event_id)
            stars = max(0.0, (entry.value - 3) / 2) if entry.value is not None else 0.0
            weight = stars if entry.type is InteractionType.RATING else LIKES.get(entry.type, 0.0)
            if row >= 0 and weight > 0:
                age = (NOW - entry.occurred_at) / DAY
                self.total += weight * 0.5 ** (age / 180)
                self.entries.append((int(values.codes[row]), weight, age))

    def of(self, code: int) -> list[tuple[float, float]]:
        return [(weight, age) for value, weight, age in self.entries if value == code and code >= 0]


def _decayed(likes: list[tuple[float, float]]) -> float:
    return float(sum(weight * 0.5 ** (age / 180) for weight, age in likes))


ORACLES: dict[str, Callable[[Likes, int], float]] = {
    "share": lambda likes, code: _decayed(likes.of(code)) / max(likes.total, 1e-9),
    "count": lambda likes, code: np.log1p(sum(weight for weight, _ in likes.of(code))),
    "recent": lambda likes, code: max((0.5 ** (age / 30) for _, age in likes.of(code)), default=0.0),
    "passed": lambda likes, code: -float(any(age < 60 for _, age in likes.of(code))),
}


@pytest.mark.parametrize("name", [s.name for s in USER_SIGNALS if s.name.split("_")[0] in ORACLES])
def test_field_signals_equal_a_loop_over_the_history(name: str) -> None:
    kind, field = name.split("_", 1)
    city, signal = town(11), next(signal for signal in USER_SIGNALS if signal.name == name)
    params = fitted(signal, city.past)
    if kind == "passed":
        # All events were first seen at their creation, sixty days ago.
        params = {"since": np.full(len(city.past.catalog), NOW.timestamp() - 60 * 86_400)}
    codes = city.catalog.fields[field].codes[city.candidates.rows]
    is_known = city.catalog.trained[city.candidates.rows] >= 0
    for profile in city.profiles:
        likes = Likes(city, profile, field)
        expected = [ORACLES[kind](likes, int(code)) for code in codes]
        if kind == "passed":
            expected = [value if known else 0 for value, known in zip(expected, is_known, strict=True)]
        assert signal.score(params, city.batch(profile))[0].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("n_rows", [4, 4_000])
def test_profiles_keep_their_strongest_names_in_the_dense_and_the_sparse_path(n_rows: int) -> None:
    rng = np.random.default_rng(3)
    rows, columns = rng.integers(4, size=6_000), rng.integers(900, size=6_000)
    weights = rng.integers(1, 9, size=6_000).astype(np.float32)
    rows[rows == 2] = 3
    table = np.zeros((4, 900))
    np.add.at(table, (rows, columns), weights)
    lengths = np.linalg.norm(table, axis=1)
    expected = [
        (row, int(column), table[row, column] / lengths[row])
        for row in range(4)
        for column in sorted(np.argsort(-table[row], kind="stable")[:MAX_PROFILE_NAMES])
        if table[row, column]
    ]
    owners, names, values = unit_sparse(rows, columns, weights, n_rows)
    found = list(zip(owners.tolist(), names.tolist(), strict=True))
    assert found == [(row, name) for row, name, _ in expected]
    assert values.tolist() == pytest.approx([value for _, _, value in expected], rel=1e-5)
