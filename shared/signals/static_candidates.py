"""Static part of a candidate set: its events, with cached values that depend on neither time nor popularity."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared.arrays.ragged import Ragged
from shared.arrays.sparse import Sparse, summed
from shared.catalog.attributes import Codes
from shared.catalog.catalog import Catalog
from shared.catalog.meaning import BAG
from shared.signals.estimates import Joint, NameLists, Places
from shared.signals.groups import Groups, Values
from shared.signals.meanings import Meanings
from shared.signals.postings import Postings

_Value = TypeVar("_Value")
_Kind = TypeVar("_Kind", bound=np.generic)

Derivation = Callable[["StaticCandidates"], NDArray[Any]]
"""Function of candidates whose values they keep, see `StaticCandidates.derived`."""

_MAX_LATER: Final = 1 / 8
"""Share of the groups of a bag that may be added or empty before the groups are made anew."""


_CHUNK: Final = 16_384
"""Candidates whose texts are hashed at once: bounds memory."""


class _ByName(dict[str, _Value]):
    """Values by name, each computed on the first access and kept."""

    def __init__(self, make: Callable[[str], _Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> _Value:
        value = self[name] = self._make(name)
        return value


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class KnownEvents:
    """Events of the training among candidates, k of them; the same object while they stay the same.

    What depends on them alone can be kept for it, although other candidates come, change and go.

    Attributes
    ----------
    rows : int32 of shape (k,) – rows at training, ascending.
    """

    rows: Codes

    @classmethod
    def of(cls, candidates: "StaticCandidates") -> Self:
        """Events of the training among these candidates."""
        rows = candidates.catalog.trained.take(candidates.rows)
        return cls(np.sort(rows[rows >= 0]))


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
    postings : by bag, inverted index of the groups of `contents`.
    by_start : by field, candidates in the order of the codes of its values and, but for few, of their starts, int64 of
        shape (c,).
    listed : by bag, inverted index of single candidates.
    """

    def __init__(self, catalog: Catalog, rows: NDArray[np.integer]) -> None:

        # No function below refers to this object, so that it is freed with its last reference, not by the collector.
        def candidates_of(field: str) -> Ragged[NDArray[np.int64]]:
            positions = values[field].positions_of(codes[field])
            known = np.flatnonzero(positions >= 0)
            return Ragged.grouped(positions[known], len(values[field]), known)

        self.catalog = catalog
        self.rows = rows
        # The types stand at the names, since a class with parameters takes longer to call.
        codes: _ByName[Codes] = _ByName(lambda field: catalog.fields[field].at(rows))
        self.codes = codes
        self.trained_codes: _ByName[Codes] = _ByName(lambda field: catalog.fields[field].trained_at(rows))
        values: _ByName[Values] = _ByName(lambda field: Values.of(catalog.fields[field], codes[field]))
        self.values = values
        self.candidates_of_values: _ByName[Ragged[NDArray[np.int64]]] = _ByName(candidates_of)
        contents: _ByName[Groups] = _ByName(lambda bag: Groups.of(rows, catalog.bags[bag].fingerprints(rows)))
        self.contents = contents
        self.postings: _ByName[Postings] = _ByName(lambda bag: Postings.of(catalog.bags[bag], contents[bag]))
        listed: _ByName[NameLists] = _ByName(lambda bag: NameLists.of(catalog.bags[bag], rows, Places.of(len(rows))))
        self.listed = listed
        by_start: _ByName[NDArray[np.int64]] = _ByName(
            lambda field: np.lexsort((rows, catalog.starts_at[rows], codes[field]))
        )
        self.by_start = by_start
        self._derived: dict[Derivation, NDArray[Any]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def derived(self, make: Callable[["StaticCandidates"], NDArray[_Kind]]) -> NDArray[_Kind]:
        """Values that `make`, a function of a module, computes of these candidates on the first call with it.

        Their first axis is that of the c candidates, and each depends on its own candidate alone, so that they outlast
        a change of others.
        """
        if make not in self._derived:
            self._derived[make] = make(self)
        return self._derived[make]

    @cached_property
    def joint(self) -> Joint:
        """Joint table of the fields of fewest values."""
        return Joint.of({name: self.values[name] for name in self.catalog.fields}, len(self))

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
    def known(self) -> KnownEvents:
        """Events of the training among the candidates."""
        return KnownEvents.of(self)

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
        return Groups.of(self.rows, place_keys(self.catalog, self.rows))

    @cached_property
    def prices(self) -> Groups:
        """Groups of candidates with the same price."""
        return Groups.of(self.rows, _price_keys(self.catalog, self.rows))

    @cached_property
    def meanings(self) -> Meanings:
        """Vectors of the groups of `contents[BAG]`."""
        return Meanings.of(self.catalog, self.contents[BAG])

    def groups(self, field: str) -> Values | Groups:
        """Groups of candidates with the same value of a field, or of `place`, `price` or the bag `BAG`.

        Recurring events share all of them, so a score of a value is computed once.
        """
        if field == "place":
            return self.places
        if field == BAG:
            return self.contents[field]
        return self.prices if field == "price" else self.values[field]

    def dot(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        """Dot products of b users' sparse profiles and the candidates' bags, float32 of shape (b, c)."""
        return self.dot_of_contents(bag, profiles, b).take(self.contents[bag].of_candidates, axis=1)

    def dot_of_contents(self, bag: str, profiles: Sparse, b: int) -> NDArray[np.float32]:
        """Dot products of b users' sparse profiles and the m groups of a bag, float32 of shape (b, m + 1).

        The last column stays 0: it belongs to candidates with an empty bag.
        """
        users, names, values = profiles
        shape = (b, len(self.contents[bag]) + 1)
        cells, products = [], []
        for part in self.postings[bag].of_names(names):
            lengths, (columns, weights) = part.lengths(), part.values
            products.append(values.repeat(lengths) * weights)
            cells.append(columns if b == 1 else np.repeat(users * shape[1], lengths) + columns)
        if len(cells) == 1:
            return summed(cells[0], products[0], shape)
        return summed(np.concatenate(cells), np.concatenate(products), shape)

    def following(
        self, catalog: Catalog, rows: NDArray[np.integer], columns: NDArray[np.int64], is_changed: NDArray[np.bool_]
    ) -> "StaticCandidates":
        """Candidates `rows` of a catalog that came of this one's, with what was computed here and still holds.

        Parameters
        ----------
        columns : int64 of shape (k,) – which of these candidates each one is, -1 where it is none of them.
        is_changed : bool of shape (k,) – whether the event was replaced since, all where the column is -1.
        """
        after = StaticCandidates(catalog, rows)
        if not len(self):
            return after
        is_new, changed = np.flatnonzero(columns < 0), np.flatnonzero(is_changed)
        if np.array_equal(rows, self.rows) and not len(is_new):
            self._share_fields(after)
        if "known" in self.__dict__:
            known = KnownEvents.of(after)
            # Not if they are some of those, since the last digits of matrix products depend on the size of the matrix.
            after.__dict__["known"] = self.known if np.array_equal(known.rows, self.known.rows) else known
        for name, groups in list(self.contents.items()):
            bag = catalog.bags[name]
            fresh = is_new if bag is self.catalog.bags[name] else changed
            contents = groups.moved(rows, columns, fresh, bag.fingerprints(rows[fresh]))
            postings = self.postings.get(name)
            out_of_use = len(contents) - np.count_nonzero(contents.rows)
            if postings is None:
                after.contents[name] = contents
            elif len(contents) - postings.n_first + out_of_use <= _MAX_LATER * postings.n_first:
                after.contents[name], after.postings[name] = contents, postings.extended(bag, contents)
        self._move_orders(after, columns, changed)
        if self.listed:
            places = next(iter(self.listed.values())).places.moved(columns, changed)
            if len(places.columns) <= (1 + _MAX_LATER) * len(rows):
                for name, lists in self.listed.items():
                    after.listed[name] = lists.moved(catalog.bags[name], rows, places)
        if "meanings" in self.__dict__ and BAG in after.contents:
            after.__dict__["meanings"] = self.meanings.extended(catalog, after.contents[BAG])
        for name, keys in (("places", place_keys), ("prices", _price_keys)):
            if name in self.__dict__:
                after.__dict__[name] = self.__dict__[name].moved(rows, columns, changed, keys(catalog, rows[changed]))
        for make, values in list(self._derived.items()):
            moved = values.take(columns, axis=0)
            if len(changed):
                moved[changed] = make(StaticCandidates(catalog, rows[changed]))
            after._derived[make] = moved
        return after

    def _move_orders(self, after: "StaticCandidates", columns: NDArray[np.int64], changed: NDArray[np.int64]) -> None:
        """Orders by value for later candidates: nearly in order as they are, which a stable sort makes use of."""
        later = np.full(len(self), -1, np.int64)
        is_known = columns >= 0
        later[columns[is_known]] = np.flatnonzero(is_known)
        # Those that changed come last.
        gone = columns[changed]
        later[gone[gone >= 0]] = -1

        def moved(order: NDArray[np.int64]) -> NDArray[np.int64]:
            kept = later[order]
            return np.concatenate([kept[kept >= 0], changed])

        for name, order in list(self.by_start.items()):
            by_start = moved(order)
            after.by_start[name] = by_start[np.argsort(after.codes[name][by_start], kind="stable")]
        for name in list(self.candidates_of_values.keys() - after.candidates_of_values.keys()):
            found = moved(self.candidates_of_values[name].values[0])
            positions = after.values[name].positions_of(after.codes[name][found])
            found, positions = found[positions >= 0], positions[positions >= 0]
            order = np.argsort(positions * len(after) + found, kind="stable")
            lengths = np.bincount(positions, minlength=len(after.values[name]))
            after.candidates_of_values[name] = Ragged.of_lengths(lengths, found[order])

    def _share_fields(self, after: "StaticCandidates") -> None:
        """Values of fields that no event has changed since, for the same events in the same rows."""
        for name, field in after.catalog.fields.items():
            if field is self.catalog.fields[name]:
                for values in _BY_FIELD:
                    own: dict[str, Any] = getattr(self, values)
                    if name in own:
                        getattr(after, values)[name] = own[name]
        if after.catalog.trained is self.catalog.trained:
            after.__dict__.update({name: self.__dict__[name] for name in _OF_ROWS if name in self.__dict__})


_BY_FIELD: Final = ("codes", "trained_codes", "values", "candidates_of_values")
"""Cached values by field."""

_OF_ROWS: Final = ("sorted_rows", "columns_of_trained")
"""Cached values that depend on the rows of the candidates, and of the training, alone."""


def text_fingerprints(candidates: StaticCandidates) -> NDArray[np.uint64]:
    """Fingerprints of the candidates' texts, uint64 of shape (c,), see `TfIdfAttribute.fingerprints`."""
    bag, rows = candidates.catalog.bags[BAG], candidates.rows
    found = np.empty(len(rows), np.uint64)
    for begin in range(0, len(rows), _CHUNK):
        found[begin : begin + _CHUNK] = bag.fingerprints(rows[begin : begin + _CHUNK])
    return found


def place_keys(catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Keys of the events' locations, uint64 of shape (c,), 0 where unknown."""
    numbers = np.stack([catalog.lng[rows], catalog.lat[rows]], axis=1)
    return _keys(numbers.view(np.uint64)[:, 0], np.isnan(numbers).any(axis=1))


def _price_keys(catalog: Catalog, rows: NDArray[np.integer]) -> NDArray[np.uint64]:
    """Keys of the events' prices, uint64 of shape (c,), 0 where unknown."""
    numbers = catalog.price[rows]
    return _keys(numbers.view(np.uint32).astype(np.uint64), np.isnan(numbers))


def _keys(bits: NDArray[np.uint64], is_unknown: NDArray[np.bool_]) -> NDArray[np.uint64]:
    # The key is the number's bits plus one, so that only unknown numbers have the key 0.
    return np.where(is_unknown, np.uint64(0), bits + np.uint64(1))
