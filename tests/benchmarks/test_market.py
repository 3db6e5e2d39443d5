"""Synthetic market of the benchmarks: events as distinct as real ones, equal for equal seeds."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import market, offers
from shared.adapters.objects.folder import FolderObjects
from shared.catalog.catalog import Catalog
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles

EVENTS = 6_000
DAY_S = 86_400


def write(folder: Path, seed: int) -> FolderObjects:
    folder.mkdir()
    objects = FolderObjects(folder)
    market.write(objects, interactions=3_000, users=100, events=EVENTS, seed=seed)
    return objects


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    objects = write(tmp_path_factory.mktemp("market") / "bucket", seed=7)
    return TrainingSet.of_ledger(LedgerFiles(objects), now=market.NOW).catalog


def distinct(values: np.ndarray) -> float:
    """Share of distinct rows."""
    return len(np.unique(values, axis=0)) / len(values)


def test_the_bags_of_live_events_are_mostly_distinct(catalog: Catalog) -> None:
    live = np.flatnonzero(catalog.live(market.NOW))
    assert len(live) > 200
    for name, least in {"title": 0.9, "text": 0.9, "tags": 0.8}.items():
        fingerprints = catalog.bags[name].fingerprints(live)
        # Titles of words that no other event has are empty.
        assert np.mean(fingerprints == 0) < 0.03
        assert distinct(fingerprints) > least


def test_places_and_prices_of_live_events_are_mostly_distinct(catalog: Catalog) -> None:
    live = np.flatnonzero(catalog.live(market.NOW))
    assert distinct(np.stack([catalog.lat, catalog.lng], axis=1)[live]) > 0.6
    assert distinct(np.stack([catalog.lat, catalog.lng, catalog.price], axis=1)[live]) > 0.8
    assert 0.2 < np.mean(catalog.price[live] == 0) < 0.4


def test_a_fifth_of_the_events_recur_every_four_weeks_and_share_everything_else(catalog: Catalog) -> None:
    codes = catalog.fields["series"].codes
    recurs = np.bincount(codes)[codes] > 1
    assert np.mean(recurs) == pytest.approx(market.RECURRING, abs=0.01)
    ordered = np.lexsort((catalog.starts_at, codes))
    follows = np.flatnonzero(np.diff(codes[ordered]) == 0)
    before, after = ordered[follows], ordered[follows + 1]
    assert np.mean(catalog.starts_at[after] - catalog.starts_at[before] == 28 * DAY_S) > 0.99
    for bag in catalog.bags.values():
        np.testing.assert_array_equal(bag.fingerprints(before), bag.fingerprints(after))
    for column in (catalog.lat, catalog.lng, catalog.price):
        np.testing.assert_array_equal(column[before], column[after])


def test_words_have_only_letters_and_the_first_are_by_far_the_most_frequent(catalog: Catalog) -> None:
    vocabulary = offers.words(40_000, np.random.default_rng(1)).tolist()
    assert len(set(vocabulary)) == 40_000
    assert all(re.fullmatch("[a-z]{2,}", word) for word in vocabulary)
    text = catalog.bags["text"]
    events_by_word = np.sort(np.bincount(text.matrix.joined().values[0], minlength=len(text.names)))[::-1]
    assert len(text.names) > 10_000
    assert events_by_word[0] > EVENTS / 2
    assert events_by_word[1_000] < EVENTS / 20


def test_equal_seeds_give_equal_ledgers(tmp_path: Path) -> None:
    first, again, other = (write(tmp_path / name, seed) for name, seed in (("first", 3), ("again", 3), ("other", 4)))
    names = sorted(first.names(""))
    assert names == sorted(again.names(""))

    def contents(objects: FolderObjects) -> list[bytes]:
        return [blob.data for name in names if (blob := objects.read(name))]

    assert contents(first) == contents(again)
    assert contents(first) != contents(other)
