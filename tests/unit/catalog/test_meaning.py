"""Meaning of texts: against a dense singular value decomposition, stored and computed anew."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.catalog import meaning
from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG, RANK, WordVectors
from tests.examples import NOW, an_event

WORDS = st.sampled_from(["guitar", "amplifier", "drums", "choir", "soup", "cheese", "bread", "wine"])
TEXTS = st.lists(st.lists(WORDS, max_size=4).map(" ".join), max_size=9)
HALF = 2e-3
"""Error of numbers from 0 to 1 that are stored in half precision, and of sums of a few of them."""


def _catalog(texts: Sequence[str]) -> Catalog:
    return Catalog.of(an_event(f"e{number:06}", title="", description=text) for number, text in enumerate(texts))


def _vectors(catalog: Catalog, words: WordVectors | None = None) -> NDArray[np.float32]:
    rows, bag = np.arange(len(catalog)), catalog.bags[BAG]
    return (words or catalog.meaning).of_events(bag, rows, bag.fingerprints(rows))


@settings(max_examples=50)
@given(TEXTS)
def test_cosines_are_those_of_the_centred_singular_vectors_of_a_dense_matrix(texts: list[str]) -> None:
    catalog = _catalog(texts)
    bag = catalog.bags[BAG]
    events, names, weights = bag.entries(np.arange(len(catalog)))
    dense = np.zeros((len(catalog), len(bag.names)))
    dense[events, names] = weights
    named = dense[dense.any(axis=1)]
    vectors = _vectors(catalog)
    if min(len(named), len(bag.names)) < 2:
        assert vectors.shape == (len(texts), 0)
        return
    # With fewer events than dimensions, what remains of the singular vectors is all that the events span.
    mean = named.mean(axis=0)
    centred = dense - np.outer(dense @ mean, mean) / (mean @ mean)
    lengths = np.linalg.norm(centred, axis=1)
    clear = lengths > 0.05
    expected = (centred @ centred.T) / np.maximum(np.outer(lengths, lengths), 1e-12)
    assert np.abs((vectors @ vectors.T) - expected)[np.ix_(clear, clear)].max(initial=0) < 0.05
    assert not vectors[~dense.any(axis=1)].any()


def test_texts_without_a_common_word_are_near_where_other_texts_have_words_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meaning, "RANK", 2)
    catalog = _catalog(
        ["guitar", "guitar drums", "drums", "soup", "soup cheese", "cheese", "guitar drums", "soup cheese"]
    )
    vectors = _vectors(catalog)
    guitar, drums, cheese = vectors[0], vectors[2], vectors[5]
    assert guitar @ drums > guitar @ cheese + 0.5


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_stored_vectors_are_those_that_are_computed_of_the_words(texts: list[str], later: list[str]) -> None:
    catalog = _catalog(texts)
    prepared = catalog.prepared(NOW)
    changed = [an_event(f"e{2 * number:06}", title="", description=text) for number, text in enumerate(later)]
    merged = prepared.merged(changed)
    computed = _vectors(merged, catalog.meaning)
    assert np.array_equal(_vectors(merged), computed)
    live = np.arange(len(catalog))
    assert set(prepared.meaning.fingerprints) == set(catalog.bags[BAG].fingerprints(live))


@settings(max_examples=30)
@given(TEXTS)
def test_a_round_trip_through_arrays_changes_nothing(texts: list[str]) -> None:
    catalog = _catalog(texts).prepared(NOW)
    read = Catalog.from_arrays(catalog.to_arrays()).meaning
    for name, array in catalog.meaning.to_arrays().items():
        assert np.array_equal(read.to_arrays()[name], array)


def test_an_artifact_of_an_earlier_version_has_no_vectors() -> None:
    catalog = _catalog(["guitar drums", "guitar drums"])
    arrays = {name: array for name, array in catalog.to_arrays().items() if not name.startswith("catalog.meaning.")}
    assert _vectors(Catalog.from_arrays(arrays)).shape == (2, 0)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("words", np.full((2, 1), np.nan, np.float16)),
        ("words", np.zeros((3, 1), np.float16)),
        ("words", np.zeros((2, RANK + 1), np.float16)),
        ("fingerprints", np.zeros(2, np.uint64)),
        ("contents", np.zeros((2, 2), np.float16)),
    ],
)
def test_a_damaged_array_is_named(name: str, wrong: NDArray[np.generic]) -> None:
    catalog = _catalog(["guitar drums", "guitar drums"]).prepared(NOW)
    arrays = {**catalog.to_arrays(), f"catalog.meaning.{name}": wrong}
    with pytest.raises(ValueError, match=r"catalog\.meaning\."):
        Catalog.from_arrays(arrays)


def test_long_texts_are_summed_in_parts() -> None:
    catalog = _catalog(["guitar drums soup", "guitar drums", "soup cheese", "cheese"] * 30_000)
    vectors = _vectors(catalog)
    assert np.allclose(vectors[4:8], vectors[-4:])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=HALF)
