"""Declared user features: interests, location and demographics of profiles, as a sparse 0/1 matrix."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.geography import grid_cell
from shared.entities import User
from shared.entities.names import name_keys

MIN_USERS: Final = 3
"""Minimum number of users with a feature: with fewer, nothing can be learned from it."""

MAX_FEATURES: Final = 2_000
"""Maximum number of features, the most frequent ones, which bounds the artifact."""

_CELLS_A_DEGREE: Final = (4, 20)
"""Grid cells per degree of latitude or longitude: some 28 km and some 5 km wide."""

_DECADE: Final = 10


def features(user: User) -> Iterator[str]:
    """Feature names of a user: interests, city, grid cells of two sizes, decade of birth and gender."""
    yield from (f"tag {key}" for key in name_keys(user.preferred_tags))
    yield from (f"category {key}" for key in name_keys(user.preferred_categories))
    yield from (f"city {key}" for key in name_keys([user.city]))
    if user.location:
        for size in _CELLS_A_DEGREE:
            row, column = grid_cell(user.location.lat, user.location.lng, size)
            yield f"cell {size} {row} {column}"
    if user.birth_year:
        yield f"born {user.birth_year // _DECADE * _DECADE}"
    yield from (f"gender {key}" for key in name_keys([user.gender]))


@dataclass(frozen=True, slots=True)
class Declared:
    """Declared features of n users as a sparse 0/1 matrix (n, m) in coordinate format.

    Attributes
    ----------
    names : vocabulary of the m features.
    owners, columns : int64 of shape (nnz,) – the user, 0..n-1, and the row of `names` of each entry, in user order.
    """

    names: Vocabulary
    owners: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, users: Sequence[User]) -> Self:
        """Declared features that at least `MIN_USERS` of the users have, at most the `MAX_FEATURES` most frequent."""
        lists = [list(features(user)) for user in users]
        flat = [name for names in lists for name in names]
        distinct = Vocabulary.of(flat)
        counts = np.bincount(distinct.rows(flat), minlength=len(distinct))
        kept = np.argsort(-counts, kind="stable")[:MAX_FEATURES]
        kept = np.sort(kept[counts[kept] >= MIN_USERS])
        return cls.with_names(Vocabulary(distinct.keys[kept]), lists)

    @classmethod
    def with_names(cls, names: Vocabulary, lists: Sequence[Sequence[str]]) -> Self:
        """Declared features of users from their lists of feature names; those not in `names` are left out."""
        owners = np.repeat(np.arange(len(lists)), [len(features_of_user) for features_of_user in lists])
        columns = names.rows([name for features_of_user in lists for name in features_of_user])
        return cls(names, owners[columns >= 0], columns[columns >= 0])
