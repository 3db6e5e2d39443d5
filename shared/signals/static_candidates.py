"""Static part of a candidate set: its events, with cached values that depend on neither time nor popularity."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.arrays.ragged import Ragged
from shared.arrays.sparse import Sparse, summed
from shared.catalog.attributes import Codes
from shared.catalog.catalog import Catalog
from shared.signals.groups import Groups, Values

_Value = TypeVar("_Value")


class _ByName(dict[str, _Value]):
    """Values by name, each computed on the first access and kept."""

    def __init__(self, make: Callable[[str], _Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> _Value:
        value = self[name] = self._make(name)
        return value


class StaticCandidates:
    """Static candidate set: c events of a catalog, with cached values that depend on these alone.

    Attributes
    ----------
    catalog : all events.
    rows : int of shape (c,) – the candidates.
    codes : by field, codes of its values, int32 of shape (c,), -1 where unknown.
    trained_codes : by field, codes in the training's names, int32 of shape (c,), -1 where newer or unknown.
    values : by field, its distinct values among the candidates.
    candidates_of_values : by field, candidates of each of its m values, ragged array of m rows: columns, int64,
        ascending in each.
    contents : by bag, groups of candidates with the same content.
    postings : by bag, inverted index, ragged array with a row for each name: groups of `contents`, int64, and weights.
    """

    def __init__(self, catalog: Catalog, rows: NDArray[np.integer]) -> None:
        # No function below refers to this object, so that it is freed with its last reference, not by the collector.
        def postings_of(bag: str) -> Ragged[NDArray[np.int64], NDArray[np.float32]]:
            groups, names, weights = catalog.bags[bag].entries(contents[bag].rows)
            return Ragged.grouped(names, len(catalog.bags[bag].names), groups, weights)

        def candidates_of(field: str) -> Ragged[NDArray[np.int64]]:
            return Ragged.grouped(values[field].of_candidates, len(values[field]), np.arange(len(rows)))

        self.catalog = catalog
        self.rows = rows
        self.codes = codes = _ByName[Codes](lambda field: catalog.fields[field].at(rows))
        self.trained_codes = _ByName[Codes](lambda field: catalog.fields[field].trained_at(rows))
        self.values = values = _ByName[Values](lambda field: Values.of(catalog.fields[field], codes[field]))
        self.candidates_of_values = _ByName[Ragged[NDArray[np.int64]]](candidates_of)
        self.contents = contents = _ByName[Groups](lambda bag: Groups.of(rows, catalog.bags[bag].fingerprints(rows)))
        self.postings = _ByName[Ragged[NDArray[np.int64], NDArray[np.float32]]](postings_of)
        self._derived: dict[Callable[[StaticCandidates], Any], Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def derived(self, make: Callable[["StaticCandidates"], _Value]) -> _Value:
        """Value that `make`, a function of a module, computes of these candidates on the first call with it."""
        if make not in self._derived:
            self._derived[make] = make(self)
        value: _Value = self._derived[make]
        return value

    @cached_property
    def sorted_rows(self) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        """Rows of the catalog in ascending order, int of shape (c,), and the candidate of each, int64 of shape (c,)."""
        order = np.argsort(self.rows, kind="stable")
        return self.rows[order], order

    @cached_property
    def columns_of_trained(self) -> NDArray[np.int64]:
        """Candidate columns of the training's events, int64 of shape (n_trained + 1,), -1 where one is no candidate.

        The last is -1, so that the row -1 of an unknown event gives -1, too.
        """
        columns = np.full(int(self.catalog.trained.max(initial=-1)) + 2, -1, np.int64)
        columns[self.catalog.trained[self.rows]] = np.arange(len(self))
        columns[-1] = -1
        return columns

    @cached_property
    def starts_at(self) -> NDArray[np.float64]:
        """Start times in POSIX seconds, float64 of shape (c,), see `Catalog`."""
        starts_at: NDArray[np.float64] = self.catalog.starts_at[self.rows]
        return starts_at

    @cached_property
    def ends_at(self) -> NDArray[np.float64]:
        """Ends in POSIX seconds, known or assumed, float64 of shape (c,), see `Catalog`."""
        ends_at: NDArray[np.float64] = self.catalog.ends_at[self.rows]
        return ends_at

    @cached_property
    def places(self) -> Groups:
        """Groups of candidates with the same location."""
        numbers = np.stack([self.catalog.lng[self.rows], self.catalog.lat[self.rows]], axis=1)
        return self._groups_of_numbers(numbers.view(np.uint64)[:, 0], np.isnan(numbers).any(axis=1))

    @cached_property
    def prices(self) -> Groups:
        """Groups of candidates with the same price."""
        numbers = self.catalog.price[self.rows]
        return self._groups_of_numbers(numbers.view(np.uint32).astype(np.uint64), np.isnan(numbers))

    def _groups_of_numbers(self, bits: NDArray[np.uint64], is_unknown: NDArray[np.bool_]) -> Groups:
        # The key is the number's bits plus one, so that only unknown numbers have the key 0.
        return Groups.of(self.rows, np.where(is_unknown, np.uint64(0), bits + np.uint64(1)))

    def groups(self, field: str) -> Values | Groups:
        """Groups of candidates with the same value of a field, or of `place` or `price`.

        Recurring events share all of them, so a score of a value is computed once.
        """
        if field == "place":
            return self.places
        return self.prices if field == "price" else self.values[field]

    def dot(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        """Dot products of b users' sparse profiles and the candidates' bags, float32 of shape (b, c)."""
        users, names, values = profiles
        groups = self.contents[bag]
        postings = self.postings[bag].rows(names)
        lengths, (columns, weights) = postings.lengths(), postings.values
        products = values.repeat(lengths) * weights
        # The last column stays 0: it belongs to candidates with an empty bag.
        shape = (b, len(groups) + 1)
        cells = columns if b == 1 else np.repeat(users * shape[1], lengths) + columns
        return summed(cells, products, shape).take(groups.of_candidates, axis=1)
