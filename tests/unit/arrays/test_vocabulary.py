"""Vocabulary: translation between ids and rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.arrays.vocabulary import Vocabulary

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=6)


@given(known=st.lists(ids), asked=st.lists(ids))
def test_rows_agree_with_a_dictionary_in_byte_order(known: list[str], asked: list[str]) -> None:
    oracle = {key: row for row, key in enumerate(sorted(set(known), key=str.encode))}
    vocabulary = Vocabulary.of(known)
    wanted = [*asked, *known]
    assert len(vocabulary) == len(oracle)
    assert vocabulary.ids() == list(oracle)
    assert vocabulary.rows(wanted).tolist() == [oracle.get(key, -1) for key in wanted]
    assert vocabulary.rows(wanted).dtype == np.int64
    assert [vocabulary.row(key) for key in wanted] == vocabulary.rows(wanted).tolist()
    assert vocabulary.ids(vocabulary.rows(known)) == known


@pytest.mark.parametrize("asked", ["", "ab", "abcd", "b", "Abc"])
def test_prefixes_and_adjacent_ids_are_unknown(asked: str) -> None:
    assert Vocabulary.of(["abc"]).row(asked) == -1


@pytest.mark.parametrize("keys", [[b"b", b"a"], [b"a", b"a"]])
def test_keys_must_ascend_strictly(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="strictly ascending"):
        Vocabulary(np.array(keys))


@pytest.mark.parametrize("keys", [np.array(["a"]), np.array([1]), np.array([[b"a"]])])
def test_keys_must_be_a_vector_of_bytes(keys: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected a vector of bytes"):
        Vocabulary(keys)
