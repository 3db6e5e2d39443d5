"""Concatenated ranges against an equivalent loop."""

import numpy as np

from shared.arrays.positions import ranges


def test_ranges_are_concatenated_in_any_order_and_of_any_length() -> None:
    rng = np.random.default_rng(0)
    for size in (0, 1, 40):
        starts, lengths = rng.integers(100, size=size), rng.integers(4, size=size)
        expected = [row for start, length in zip(starts, lengths, strict=True) for row in range(start, start + length)]
        assert ranges(starts, lengths).tolist() == expected


def test_no_ranges_and_empty_ranges_give_an_empty_index() -> None:
    for lengths in (np.empty(0, np.int64), np.zeros(3, np.int64)):
        found = ranges(np.arange(len(lengths)), lengths)
        assert np.arange(5.0)[found].shape == (0,)
