"""What users say of themselves, as named features that a model can learn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.entities import User

MIN_USERS: Final = 3
MAX_FEATURES: Final = 2_000
_CELLS_A_DEGREE: Final = (4, 20)
_DECADE: Final = 10


def features(user: User) -> Iterator[str]:
    """The names of one user's features: interests, city, place at two sizes, decade of birth and gender."""
    yield from {f"tag {tag.lower()}" for tag in user.preferred_tags}
    yield from {f"category {category.lower()}" for category in user.preferred_categories}
    if user.city:
        yield f"city {user.city.lower()}"
    if user.location:
        for size in _CELLS_A_DEGREE:
            yield f"cell {size} {user.location.lat * size // 1:.0f} {user.location.lng * size // 1:.0f}"
    if user.birth_year:
        yield f"born {user.birth_year // _DECADE * _DECADE}"
    if user.gender:
        yield f"gender {user.gender.lower()}"


@dataclass(frozen=True, slots=True)
class Declared:
    """The features of n users as a sparse 0/1 matrix.

    Attributes
    ----------
    names : the m features.
    owners, columns : int64 – the user and the feature of each entry.
    """

    names: Vocabulary
    owners: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, users: Sequence[User]) -> Self:
        """The features that at least `MIN_USERS` of these users share, the most frequent `MAX_FEATURES` of them."""
        lists = [list(features(user)) for user in users]
        flat = [name for names in lists for name in names]
        distinct = Vocabulary.of(flat)
        counts = np.bincount(distinct.rows(flat), minlength=len(distinct))
        kept = np.argsort(-counts, kind="stable")[:MAX_FEATURES]
        kept = np.sort(kept[counts[kept] >= MIN_USERS])
        return cls.with_names(Vocabulary(distinct.keys[kept]), lists)

    @classmethod
    def with_names(cls, names: Vocabulary, lists: Sequence[Sequence[str]]) -> Self:
        """The entries of other users' features; those without a name here are left out."""
        owners = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
        columns = names.rows([name for one in lists for name in one])
        return cls(names, owners[columns >= 0], columns[columns >= 0])
