"""Offsets and ranks within groups against equivalent loops."""

import numpy as np

from shared.arrays.positions import offsets, ranks_within_groups


def test_ranks_within_groups_count_the_earlier_entries_of_a_group() -> None:
    rng = np.random.default_rng(2)
    for size in (0, 1, 50):
        groups = rng.integers(-2, 6, size=size)
        expected = [groups[:position].tolist().count(group) for position, group in enumerate(groups.tolist())]
        assert ranks_within_groups(groups).tolist() == expected


def test_offsets_of_adjacent_ranges_begin_at_zero_and_end_with_the_sum() -> None:
    for lengths in ([], [0], [3, 0, 2]):
        assert offsets(lengths).tolist() == [sum(lengths[:position]) for position in range(len(lengths) + 1)]
