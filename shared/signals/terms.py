"""Sparse score terms, summed before they are expanded to candidates.

Most signals give the same score to all events with the same organizer or the same tag. So terms are weighted and summed
by value of a field and by name of a bag, of which there are few, and only the sums are expanded to candidates.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.sparse import Sparse, scatter
from shared.signals.users import UserBatch

_MAX_POSTINGS: Final = 50_000
"""Entries of inverted lists that an estimate adds for each bag: bounds its time to some milliseconds."""


@dataclass(frozen=True, slots=True)
class PerValue:
    """Scores of a field's values (or of places or prices) for b users, see `StaticCandidates.groups`.

    Attributes
    ----------
    field : name of a categorical attribute, or `place` or `price`.
    values : float of shape (b, t) – scores.
    columns : int64 of shape (t,) – positions among the values that candidates have, without repeats; None for all.
    """

    field: str
    values: NDArray[np.floating]
    columns: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class PerToken:
    """Scores of a bag's names for b users; an event's score sums them, each times the name's weight in the event.

    Attributes
    ----------
    bag : name of a TF-IDF attribute.
    profiles : users, names and scores of a sparse matrix of shape (b, n_names).
    """

    bag: str
    profiles: Sparse


@dataclass(frozen=True, slots=True)
class PerEvent:
    """Scores of single candidates for b users.

    Attributes
    ----------
    values : float of shape (b, t) – scores.
    columns : int64 of shape (t,) – candidates, without repeats; None for all.
    """

    values: NDArray[np.floating]
    columns: NDArray[np.int64] | None = None


Term = PerValue | PerToken | PerEvent


class ScoreSum:
    """Weighted sum of score terms for b users and c candidates."""

    def __init__(self, batch: UserBatch) -> None:
        self._batch = batch
        self._events = np.zeros((len(batch), len(batch.candidates)), np.float32)
        self._fields: dict[str, NDArray[np.float32]] = {}
        self._bags: defaultdict[str, list[Sparse]] = defaultdict(list)

    def add(self, term: Term, weights: NDArray[np.float32]) -> None:
        """Add a term, times its weight for each user, float32 of shape (b,)."""
        if isinstance(term, PerToken):
            users, names, values = term.profiles
            if len(users):
                self._bags[term.bag].append((users, names, values * weights[users]))
            return
        # A slice, since numpy adds in place to all columns much faster than to an index of them.
        columns: NDArray[np.int64] | slice = slice(None) if term.columns is None else term.columns
        if isinstance(term, PerEvent):
            # By user, since numpy adds to columns of one row three times as fast as to those of many.
            for scores, values, weight in zip(self._events, term.values, weights, strict=True):
                scores[columns] += values * weight
        elif term.values.size:
            if term.field not in self._fields:
                # The last column stays 0: it belongs to candidates without a value.
                size = len(self._batch.candidates.static.groups(term.field))
                self._fields[term.field] = np.zeros((len(self._batch), size + 1), np.float32)
            self._fields[term.field][:, :-1][:, columns] += term.values * weights[:, None]

    def total(self) -> NDArray[np.float32]:
        """Summed scores of all terms, expanded to candidates, float32 of shape (b, c); call it once, at the end."""
        candidates, total = self._batch.candidates.static, self._events
        for field, table in self._fields.items():
            total += table.take(candidates.groups(field).of_candidates, axis=1)
        for bag, profiles in self._bags.items():
            users, names, values = (np.concatenate(arrays) for arrays in zip(*profiles, strict=True))
            total += candidates.dot(bag, (users, names, values), len(self._batch))
        return total

    def total_at(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Summed scores of all terms of the candidates `columns`, int64 of shape (k,); float32 of shape (b, k)."""
        candidates, total = self._batch.candidates.static, self._events[:, columns]
        for field, table in self._fields.items():
            total += table.take(candidates.groups(field).at(columns), axis=1)
        for bag, profiles in self._bags.items():
            users, names, values = (np.concatenate(arrays) for arrays in zip(*profiles, strict=True))
            of_names = scatter(users, names, values, (len(self._batch), len(candidates.catalog.bags[bag].names)))
            owners, found, weights = candidates.catalog.bags[bag].entries(candidates.rows[columns])
            for scores, by_name in zip(total, of_names, strict=True):
                scores += np.bincount(owners, by_name[found] * weights, minlength=len(columns)).astype(np.float32)
        return total

    def estimate(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Estimated total of one user with these `scores` added, float32 of shape (c,) as they.

        It is exact but for names of bags: their inverted lists are added in the order of the names' scores, up to
        `_MAX_POSTINGS` entries for each bag (Moffat, Zobel: "Self-indexing inverted files for fast text retrieval",
        1996, whose strategy is to quit).
        """
        candidates, joint = self._batch.candidates.static, self._batch.candidates.static.joint
        total: NDArray[np.float32] = self._events[0] + scores
        if any(field in self._fields for field in joint.fields):
            total += joint.table(self._fields).take(joint.of_candidates)
        for field, (table, *_) in self._fields.items():
            if field in joint.fields:
                continue
            if field not in candidates.catalog.fields:
                total += table.take(candidates.groups(field).of_candidates)
                continue
            found = np.flatnonzero(table[:-1])
            lists = candidates.candidates_of_values[field].rows(found)
            total[lists.values[0]] += table[found].repeat(lists.lengths())
        for bag, profiles in self._bags.items():
            _, names, values = (np.concatenate(arrays) for arrays in zip(*profiles, strict=True))
            candidates.listed[bag].add(total, names, values, limit=_MAX_POSTINGS)
        return total
