"""Latency sketch: accuracy, exact merging in any order, and its stored form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidField
from shared.monitoring.latency import LatencySketch

SECONDS = st.floats(1e-5, 1e4)
LATENCIES = st.lists(SECONDS, min_size=1, max_size=300)


@given(LATENCIES, st.sampled_from([0, 50, 95, 99, 100]))
def test_percentiles_are_within_a_hundredth_of_the_value_at_that_rank(seconds: list[float], percent: float) -> None:
    exact = np.sort(seconds)[math.floor(percent / 100 * (len(seconds) - 1))]
    assert LatencySketch.of(seconds).percentile(percent) == pytest.approx(exact, rel=0.0101)


@given(st.lists(LATENCIES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_sketches_merge_to_that_of_all_values_in_any_order(parts: list[list[float]], random: object) -> None:
    whole = LatencySketch.of([value for part in parts for value in part])
    shuffled = sorted(parts, key=lambda _: random.random())  # type: ignore[attr-defined]  # Hypothesis's own type
    merged = LatencySketch()
    for part in shuffled:
        merged.merge(LatencySketch.of(part))
    assert merged.to_document() == whole.to_document()
    assert merged.count == sum(map(len, parts))


@given(LATENCIES)
def test_a_stored_sketch_is_read_as_it_was(seconds: list[float]) -> None:
    sketch = LatencySketch.of(seconds)
    read = LatencySketch.from_document({"latency": sketch.to_document()}, "latency")
    assert read.to_document() == sketch.to_document()
    assert read.percentile(99) == sketch.percentile(99)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-12, 1e9, math.inf])
def test_clocks_that_jump_leave_a_latency_that_can_be_stored(seconds: float) -> None:
    sketch = LatencySketch.of([seconds])
    assert sketch.count == 1
    assert 0 < sketch.percentile(50) < 100_000
    LatencySketch.from_document({"latency": sketch.to_document()}, "latency")


def test_an_empty_sketch_has_no_percentile() -> None:
    assert math.isnan(LatencySketch().percentile(50))
    assert LatencySketch().to_document() == {}


@pytest.mark.parametrize(
    "document",
    [{"latency": {key: 1}} for key in ("x", "1.5", "", "-", "--1", "²", "99999999999")]
    + [{"latency": {"0": count}} for count in (0, -1, 0.5, math.nan, "1", None, True)]
    + [{}, {"latency": [1]}, {"latency": None}],
)
def test_what_is_no_sketch_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(InvalidField, match="latency"):
        LatencySketch.from_document(document, "latency")
