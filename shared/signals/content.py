"""Content signals: attributes of an event compared with the user's history, follows and declared preferences."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from shared.arrays.sparse import scatter, unit_sparse
from shared.catalog.meaning import BAG
from shared.entities.names import name_keys
from shared.signals.signal import SignalParams, UserSignal
from shared.signals.terms import PerEvent, PerToken, PerValue, Term
from shared.signals.users import UserBatch


class Similarity(UserSignal):
    """Cosine similarity, 0..1, of an event's bag (tags or words, TF-IDF) and the user's profile of that bag.

    The profile is the decayed sum of the bags of the events that the user liked, see `UserBatch.profile`.
    """

    def __init__(self, bag: str) -> None:
        self.name = f"similar_{bag}"
        self._bag = bag

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the users' profiles; none where no user liked anything."""
        if len(batch.liked):
            yield PerToken(self._bag, batch.profile(self._bag))


class Meaning(UserSignal):
    """Cosine, −1..1, of the meaning of an event's text and that of the user's profile of words, see `WordVectors`.

    It relates events that share no word, and any text that is newer than the training.
    """

    name = "meaning"
    by_vectors = True

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: cosines of the texts; none where no user liked anything, or where no words are known."""
        meaning = batch.candidates.catalog.meaning
        if len(batch.liked) and meaning.words.shape[1]:
            vectors = meaning.of_profiles(batch.profile(BAG), len(batch))
            yield PerValue(BAG, batch.candidates.static.meanings.cosines(vectors))


class DeclaredTags(UserSignal):
    """Cosine similarity, 0..1, of the event's tags and the tags that the user declared."""

    name = "declared_tags"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the declared tags as profiles of length 1."""
        users = batch.histories.users
        user_of_tag, declared = _flat([name_keys(user.preferred_tags) for user in users])
        if not declared:
            return
        columns = batch.candidates.catalog.bags["tags"].names.rows(declared)
        known = columns >= 0
        yield PerToken("tags", unit_sparse(user_of_tag[known], columns[known], np.ones(int(known.sum())), len(users)))


class DeclaredCategories(UserSignal):
    """Match, 0 or 1, of the event's category or subcategory and those that the user declared."""

    name = "declared_categories"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the candidates of declared categories."""
        users, candidates = batch.histories.users, batch.candidates
        user_of_category, declared = _flat([name_keys(user.preferred_categories) for user in users])
        if not declared:
            return
        matches = np.zeros((len(users), len(candidates)), np.bool_)
        for field in ("category", "subcategory"):
            values = candidates.static.values[field]
            columns = values.positions_of(candidates.catalog.fields[field].names.rows(declared))
            if columns.max() < 0:
                continue
            is_declared = np.zeros((len(users), len(values) + 1), np.bool_)
            is_declared[user_of_category[columns >= 0], columns[columns >= 0]] = True
            matches |= is_declared[:, values.of_candidates]
        yield PerEvent(matches.astype(np.float32))


class Follows(UserSignal):
    """Follow of the event's organizer by the user, 0 or 1."""

    name = "follows"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the followed organizers that have candidates."""
        if not len(batch.follows):
            return
        followed = batch.histories.organizer_rows[batch.follows]
        columns = batch.candidates.static.values["organizer"].positions_of(followed)
        found, local = np.unique(columns[columns >= 0], return_inverse=True)
        if len(found):
            users = batch.user_of_entry[batch.follows[columns >= 0]]
            counts = scatter(users, local, np.ones(len(local)), (len(batch), len(found)))
            yield PerValue("organizer", np.minimum(counts, 1), found)


def _flat(lists: Sequence[Sequence[str]]) -> tuple[NDArray[np.int64], list[str]]:
    """Names of all users in one list, and the user of each, int64."""
    owners = np.repeat(np.arange(len(lists)), [len(names) for names in lists])
    return owners, [name for names in lists for name in names]
