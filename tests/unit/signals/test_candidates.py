"""Candidates: values that candidates of several times share, and values that models cache for them."""

from dataclasses import replace
from weakref import ref

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.models.baselines import fallback_scores
from shared.models.blend import Blend
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import TrainingData
from shared.signals.static_candidates import StaticCandidates
from shared.signals.users import SEGMENTS
from tests.examples import DAY, NOW, an_event
from tests.towers import fitted
from tests.town import Town, town


def _blend(data: TrainingData) -> Blend:
    weights = np.ones((len(SEGMENTS), len(SIGNALS)), np.float32)
    return Blend(weights, {signal.name: fitted(signal, data) for signal in SIGNALS})


def _half(city: Town, first: int) -> TrainingData:
    """Every second interaction of the past."""
    mask = np.arange(len(city.past.table)) % 2 == first
    return replace(city.past, table=city.past.table.where(mask))


def _fresh(candidates: Candidates) -> Candidates:
    """Equal candidates for which nothing is cached."""
    return Candidates(candidates.catalog, candidates.rows, candidates.now_s, candidates.popularity)


def _scores(blend: Blend, city: Town, candidates: Candidates) -> NDArray[np.float32]:
    return blend.score(replace(city, candidates=candidates).batch(*city.profiles))


def test_candidates_at_another_time_share_static_values_only() -> None:
    city, made = town(1), list[int]()

    def make(candidates: StaticCandidates) -> NDArray[np.int64]:
        made.append(len(candidates))
        return np.full(len(candidates), len(made))

    later = city.candidates.at(NOW.timestamp() + 60, city.candidates.popularity)
    assert all((candidates.static.derived(make) == 1).all() for candidates in (city.candidates, later))
    assert made == [len(later)]
    assert later.static.values["venue"] is city.candidates.static.values["venue"]
    assert later.days_to_go().max() < city.candidates.days_to_go().max()


@pytest.mark.parametrize("seed", range(3))
def test_models_on_the_same_candidates_do_not_share_what_their_signals_cached(seed: int) -> None:
    city = town(seed)
    later = city.candidates.at(NOW.timestamp() + 9 * 86_400, city.candidates.popularity + 1)
    blends = [_blend(_half(city, first)) for first in (0, 1)]
    expected = [[_scores(blend, city, _fresh(live)) for live in (city.candidates, later)] for blend in blends]
    assert not np.array_equal(expected[0][0], expected[1][0])
    assert not np.array_equal(expected[0][0], expected[0][1])
    for _ in range(2):
        for blend, of_times in zip(blends, expected, strict=True):
            for live, scores in zip((city.candidates, later), of_times, strict=True):
                assert _scores(blend, city, live).tolist() == scores.tolist()


def test_a_model_does_not_read_what_was_cached_for_a_model_that_is_gone() -> None:
    """A model may be made at the address of an earlier one."""
    city = town(4)
    data = [_half(city, first) for first in (0, 1)]
    expected = [_scores(_blend(half), city, _fresh(city.candidates)).tolist() for half in data]
    for number in range(6):
        assert _scores(_blend(data[number % 2]), city, city.candidates).tolist() == expected[number % 2]


def test_cached_values_go_with_the_last_reference_to_their_candidates() -> None:
    city = town(2)
    blend, candidates = _blend(city.past), _fresh(city.candidates)
    _scores(blend, city, candidates)
    timed, static = ref(candidates), ref(candidates.static)
    later = candidates.at(NOW.timestamp() + 60, candidates.popularity)
    del candidates
    assert timed() is None
    assert static() is later.static
    del later
    assert static() is None


def test_a_model_that_was_prepared_gives_the_same_scores_on_known_candidates() -> None:
    city = town(3)
    blend = _blend(city.past)
    before = _scores(blend, city, city.candidates)
    blend.prepare()
    assert _scores(blend, city, city.candidates).tolist() == before.tolist()


def test_what_is_soon_is_the_next_moment_to_go() -> None:
    hour = DAY / 24
    events = {
        "tonight": an_event("tonight", starts_at=NOW + 8 * hour),
        "ends soon": an_event("ends soon", starts_at=NOW - 90 * DAY, ends_at=NOW + hour),
        "exhibition": an_event("exhibition", starts_at=NOW - 90 * DAY, ends_at=NOW + 10 * DAY),
        "next week": an_event("next week", starts_at=NOW + 7 * DAY),
        "without a start": replace(an_event("without a start"), starts_at=None, ends_at=NOW + DAY),
    }
    catalog = Catalog.of(events.values())
    live = Candidates(catalog, np.arange(len(catalog)), NOW.timestamp(), np.zeros(len(catalog)))
    hours = dict(zip(catalog.events.ids(), live.wait_s() / 3_600, strict=True))
    assert hours == {"ends soon": 1, "tonight": 8, "exhibition": 24, "next week": 168, "without a start": np.inf}
    assert np.isfinite(live.days_to_go()).all()
    ranked = np.argsort(-fallback_scores(live.popularity, live.wait_s()))
    assert catalog.events.ids(ranked) == ["ends soon", "tonight", "exhibition", "next week", "without a start"]
