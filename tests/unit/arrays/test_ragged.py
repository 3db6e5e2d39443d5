"""Ragged arrays against lists of lists."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.arrays.ragged import Ragged

Matrix = Ragged[NDArray[np.int64], NDArray[np.float64]]


def _lists(ragged: Matrix) -> list[list[tuple[int, float]]]:
    columns, weights = ragged.values
    own = [slice(*pair) for pair in pairwise(ragged.starts)]
    return [list(zip(columns[row].tolist(), weights[row].tolist(), strict=True)) for row in own]


def _drawn(seed: int, size: int) -> tuple[Matrix, list[list[tuple[int, float]]]]:
    rng = np.random.default_rng(seed)
    lists = [[(int(rng.integers(6)), float(rng.random())) for _ in range(rng.integers(4))] for _ in range(size)]
    flat = [entry for entries in lists for entry in entries]
    columns = np.array([column for column, _ in flat], np.int64)
    weights = np.array([weight for _, weight in flat], np.float64)
    return Ragged.of_lengths(np.array([len(entries) for entries in lists], np.int64), columns, weights), lists


@pytest.mark.parametrize("size", [0, 1, 30])
def test_rows_are_picked_in_any_order_and_repeatedly(size: int) -> None:
    ragged, lists = _drawn(size, size)
    assert (len(ragged), _lists(ragged)) == (size, lists)
    assert ragged.lengths().tolist() == [len(entries) for entries in lists]
    assert ragged.row_of_entry().tolist() == [row for row, entries in enumerate(lists) for _ in entries]
    picked = np.random.default_rng(9).integers(max(size, 1), size=2 * size)
    assert _lists(ragged.rows(picked)) == [lists[row] for row in picked]


def test_entries_in_any_order_are_grouped_by_row_in_their_order() -> None:
    rows = np.array([2, 0, 3, 2, 0])
    grouped = Ragged.grouped(rows, 3, np.arange(5), np.arange(5) / 2)
    assert _lists(grouped) == [[(1, 0.5), (4, 2.0)], [], [(0, 0.0), (3, 1.5)]]
    assert len(Ragged.grouped(rows[:0], 2, rows[:0])) == 2


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 200_000])
def test_entries_are_grouped_in_their_order_however_many_rows_there_are(size: int) -> None:
    rows = np.random.default_rng(size).integers(2 * size, size=1_000)
    rows[:6] = [0, size - 1, size, size - 1, size + 65_536, 0]
    grouped = Ragged.grouped(rows, size, np.arange(len(rows)))
    found = list(zip(grouped.row_of_entry().tolist(), grouped.values[0].tolist(), strict=True))
    assert found == sorted((row, place) for place, row in enumerate(rows.tolist()) if row < size)


@pytest.mark.parametrize("seed", range(3))
def test_masked_entries_leave_their_rows_in_place(seed: int) -> None:
    ragged, lists = _drawn(seed, 20)
    mask = ragged.values[0] > 3
    expected = [[entry for entry in entries if entry[0] > 3] for entries in lists]
    assert _lists(ragged.where(mask)) == expected
    assert ragged.having(mask).tolist() == [bool(entries) for entries in expected]


def test_ranges_are_concatenated_in_any_order_and_of_any_length() -> None:
    rng = np.random.default_rng(0)
    for size in (0, 1, 40):
        begins, lengths = rng.integers(100, size=size), rng.integers(4, size=size)
        expected = [row for start, length in zip(begins, lengths, strict=True) for row in range(start, start + length)]
        ragged = Ragged.of_ranges(begins, lengths, np.arange(200))
        assert ragged.values[0].tolist() == expected
        assert ragged.lengths().tolist() == lengths.tolist()


def test_no_ranges_and_empty_ranges_give_no_entries() -> None:
    for lengths in (np.empty(0, np.int64), np.zeros(3, np.int64)):
        assert Ragged.of_ranges(np.arange(len(lengths)), lengths, np.arange(5.0)).values[0].shape == (0,)
