"""Offsets, concatenated ranges and ranks within groups against equivalent loops."""

import numpy as np

from shared.arrays.positions import offsets, ranges, ranks_within_groups


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


def test_ranks_within_groups_count_the_earlier_entries_of_a_group() -> None:
    rng = np.random.default_rng(2)
    for size in (0, 1, 50):
        groups = rng.integers(-2, 6, size=size)
        expected = [groups[:position].tolist().count(group) for position, group in enumerate(groups.tolist())]
        assert ranks_within_groups(groups).tolist() == expected


def test_offsets_of_adjacent_ranges_begin_at_zero_and_end_with_the_sum() -> None:
    for lengths in ([], [0], [3, 0, 2]):
        assert offsets(lengths).tolist() == [sum(lengths[:position]) for position in range(len(lengths) + 1)]
