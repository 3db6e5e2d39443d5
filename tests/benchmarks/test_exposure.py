"""Benchmark of learning from exposure: what it calls the worth of a list is what users would do with it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import exposure
from benchmarks.simulator.world import World
from shared.signals.registry import SIGNALS


def test_a_city_gives_the_worth_of_the_lists_of_each_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = exposure._START
    world = World.of(users=30, events=80, interactions=400, seed=1, start=start, days=3)
    # Weights that like what is liked, and those that dislike it.
    signals = [signal.name for signal in SIGNALS]
    liked = np.zeros((3, len(signals)), np.float32)
    liked[:, [signals.index("declared_categories"), signals.index("declared_tags")]] = 1.0
    learned: Iterator[tuple[NDArray[np.float32], dict[str, object]]] = iter([(-liked, {}), (liked, {})])
    monkeypatch.setattr(exposure, "learn", lambda _draws: next(learned))
    clicks, bookings, ndcg = exposure._worth(tmp_path, world, seed=1, days=1)
    for worth in (clicks, bookings, ndcg):
        assert worth.shape == (2, 30)
        assert worth[1].mean() > worth[0].mean()
    assert (bookings <= clicks).all()
    assert ((ndcg >= 0) & (ndcg <= 1 + 1e-9)).all()


def test_gains_are_percents_of_the_mean_without_exposure() -> None:
    assert exposure._gain(np.array([[1.0, 1.0, 2.0], [1.5, 1.5, 2.0]])) == "+25.0 ± 24.5 %"
