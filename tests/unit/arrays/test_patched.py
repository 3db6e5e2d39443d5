"""Merges of changed rows, and ragged arrays that they patch, against dictionaries of the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.arrays import patched
from shared.arrays.merge import Merge
from shared.arrays.patched import Patched
from shared.arrays.ragged import Ragged
from shared.arrays.vocabulary import Vocabulary

tables = st.dictionaries(st.sampled_from("abcdefghé"), st.lists(st.integers(0, 3), max_size=3), max_size=6)


def _ragged(table: dict[str, list[int]]) -> Ragged[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    rows = [table[key] for key in Vocabulary.of(table).ids()]
    lengths = np.array([len(row) for row in rows], np.int64)
    return Ragged.of_lengths(lengths, np.array([entry for row in rows for entry in row], np.int64))


@pytest.mark.parametrize("share", [0.0, 10.0])
@settings(max_examples=60)
@given(tables=st.lists(tables, min_size=1, max_size=5), data=st.data())
def test_patched_rows_are_the_latest(share: float, tables: list[dict[str, list[int]]], data: st.DataObject) -> None:
    keys, rows, numbers = Vocabulary.of([]), Patched.of(_ragged({})), np.empty(0)
    expected: dict[str, list[int]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patched, "_MAX_SHARE", share)
        for table in tables:
            before = dict(expected)
            expected |= table
            changed = Vocabulary.of(table)
            merge = Merge.of(keys, changed)
            earlier, previous = rows, numbers
            rows = rows.merged(_ragged(table), merge)
            numbers = merge.column(numbers, np.array([sum(table[key]) for key in changed.ids()], np.float64))
            assert (rows is earlier) == (before == expected)
            assert (numbers is previous) <= (merge.old is None)
            kept = merge.carried(np.arange(len(keys)), -1)
            assert merge.keys.ids() == sorted(expected, key=str.encode)
            assert [keys.ids()[row] if row >= 0 else "" for row in kept] == [
                key if key in before else "" for key in merge.keys.ids()
            ]
            assert merge.rows(keys.rows([*before, "absent"])).tolist() == merge.keys.rows([*before, "absent"]).tolist()
            keys = merge.keys
            in_order = [expected[key] for key in keys.ids()]
            picked = np.array(data.draw(st.lists(st.integers(0, len(keys) - 1), max_size=8)) if len(keys) else [], int)
            assert [entries.tolist() for entries in _split(rows.rows(picked))] == [in_order[row] for row in picked]
            assert rows.lengths(picked).tolist() == [len(in_order[row]) for row in picked]
            assert [rows.row(row)[0].tolist() for row in picked] == [in_order[row] for row in picked]
            assert [entries.tolist() for entries in _split(rows.joined())] == in_order
            assert rows.having(lambda entries: entries > 2).tolist() == [max(row, default=0) > 2 for row in in_order]
            assert numbers.tolist() == [sum(row) for row in in_order]


def _split(ragged: Ragged[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]) -> list[np.ndarray]:
    (values,) = ragged.values
    return [values[begin:end] for begin, end in zip(ragged.starts[:-1], ragged.starts[1:], strict=True)]


def test_an_unknown_number_that_stays_unknown_is_no_change() -> None:
    numbers, merge = np.array([np.nan, 1.0]), Merge.of(Vocabulary.of("ab"), Vocabulary.of("a"))
    assert merge.column(numbers, np.array([np.nan])) is numbers
    assert merge.column(numbers, np.array([2.0])).tolist() == [2.0, 1.0]
