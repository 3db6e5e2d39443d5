"""Item-item collaborative filtering: similarity of events, organizers or venues by shared users."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_offsets
from shared.arrays.positions import offsets, positions_of, ranks_within_groups
from shared.arrays.ragged import Ragged
from shared.arrays.sparse import scatter
from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.feedback.weights import CODES
from shared.signals.attributes import known_likes
from shared.signals.candidates import Candidates
from shared.signals.signal import SignalParams, TrainingData, UserSignal
from shared.signals.terms import PerEvent, PerValue, Term
from shared.signals.users import UserBatch

if TYPE_CHECKING:  # serving needs no scipy
    from scipy.sparse import csr_array

_USER_POWER: Final = 0.5
"""Exponent a of the users' degrees in R̃ = D_u^-a R D_i^-½; ½ is the symmetric normalization."""
_SIMILARITY_POWER: Final = 0.7
"""Exponent of the similarities; below 1 it lifts weak ones."""
_NEIGHBOURS: Final = 200
"""Neighbours that are stored of each item: bounds the size of the model."""
_FOLLOW: Final = 0.5
"""Weight of a followed organizer of which the user liked nothing, in bookings."""
_CHUNK: Final = 2_000
"""Items whose similarities are computed at once: bounds memory."""


class GraphFilter(UserSignal):
    """Graph filter over items: similarity by shared users, stored for the nearest neighbours of each item.

    With R the user × item matrix, 0 or 1, and R̃ = D_u^-½ R D_i^-½, the similarities are the entries of R̃ᵀR̃ outside the
    diagonal, to a power below 1, which lifts weak ones; a user's score is their sum over the user's items. (Park, Shin,
    Choi: "Turbo-CF: Matrix decomposition-free graph filtering for fast recommendation", SIGIR 2024, its first-order
    filter.)

    Attributes
    ----------
    items : name of the array of the items that have neighbours.
    """

    source = "collaborative"
    items: ClassVar[str]

    def fit(self, data: TrainingData) -> SignalParams:
        """Neighbour lists (CSR): `items` int32 of shape (k,), ascending; `starts` int64 of shape (k + 1,).

        Item i has the neighbours `starts[i]:starts[i + 1]`, nearest first: `places` int32, positions in `items`, and
        `weights` float16, similarities.
        """
        matrix = self.matrix(data)
        items = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
        return {self.items: items.astype(np.int32), **_neighbour_lists(matrix[:, items])}

    def matrix(self, data: TrainingData) -> "csr_array":
        """User × item matrix R, float32 of shape (n_users, n_items): 1 where the user has the item."""
        raise NotImplementedError

    def n_items(self, catalog: Catalog) -> int:
        """Number of items at the training that made the catalog."""
        raise NotImplementedError

    def known(self, items: NDArray[np.integer], batch: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Items that users of a batch have: positions in `items`, int64 of shape (t,), and weights, float32 (b, t).

        A weight counts in the user's sum; it is above 0 where R is 1, and else 0.
        """
        raise NotImplementedError

    def columns(self, items: NDArray[np.integer], candidates: Candidates) -> NDArray[np.int64]:
        """Columns of the score term of k items, int64 of shape (k,), -1 where no candidate has the item."""
        raise NotImplementedError

    def term(self, scores: NDArray[np.float32], columns: NDArray[np.int64]) -> Term:
        """Score term of b users and t columns."""
        raise NotImplementedError

    def check(self, params: SignalParams, catalog: Catalog) -> None:
        """Raise `ValueError` where the arrays fit neither each other nor the catalog."""
        items = checked(params, self.items, "i4", -1, low=0, high=self.n_items(catalog) - 1, is_ascending=True)
        places = checked(params, "places", "i4", -1, low=0, high=len(items) - 1)
        checked_offsets(params, "starts", len(items), len(places))
        checked(params, "weights", "f2", len(places))

    def training_rows(self, data: TrainingData, params: SignalParams) -> "csr_array":
        """Rows of R for the k items of the parameters."""
        return self.matrix(data)[:, params[self.items]]

    def user_rows(self, params: SignalParams, batch: UserBatch) -> NDArray[np.float32]:
        """Rows of R for the k items of the parameters, float32 of shape (b, k), 0 or 1."""
        positions, weights = self.known(params[self.items], batch)
        rows = np.zeros((len(batch), len(params[self.items])), np.float32)
        rows[:, positions] = weights > 0
        return rows

    def for_candidates(self, params: SignalParams, candidates: Candidates) -> SignalParams:
        """Parameters with `columns` int64 of shape (k,), see `columns`."""
        return {**params, "columns": self.columns(params[self.items], candidates)}

    def terms(self, params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: sums of similarities, for the candidates that have a neighbour of an item of the users."""
        rows, own = self.known(params[self.items], batch)
        if not len(rows):
            return
        neighbours = Ragged(params["starts"], (params["places"], params["weights"])).rows(rows)
        places, weights = neighbours.values
        columns = params["columns"][places]
        # Neighbours that no candidate has are dropped before lists repeat by user: most of them lie in the past.
        neighbours = neighbours.with_values(columns, weights).where(columns >= 0)
        columns, weights = neighbours.values
        kept, of_kept = np.unique(columns, return_inverse=True)
        users, of_rows = np.nonzero(own)
        of_items = neighbours.with_values(of_kept, weights.astype(np.float32)).rows(of_rows)
        lengths, (places, similarities) = of_items.lengths(), of_items.values
        similarities = own[users, of_rows].repeat(lengths) * similarities
        yield self.term(scatter(users.repeat(lengths), places, similarities, (len(batch), len(kept))), kept)


class EventGraph(GraphFilter):
    """Graph filter over events: users have the events that they liked."""

    name = "shared_people"
    items = "events"

    def matrix(self, data: TrainingData) -> "csr_array":
        """User × event matrix, see `TrainingData.liked_matrix`."""
        return data.liked_matrix

    def to_come(self, params: SignalParams, data: TrainingData) -> SignalParams:
        """Neighbour lists without the events that are over, which can be listed no more: most of those of a long past.

        Of one that is moved to a later day, the users' other events say nothing until the next training.
        """
        ends_at = data.catalog.ends_at[params[self.items]]
        is_over = np.isfinite(ends_at) & (ends_at <= data.now_s)
        lists = Ragged(params["starts"], (params["places"], params["weights"]))
        lists = lists.where(~is_over[params["places"]])
        return {**params, "starts": lists.starts, "places": lists.values[0], "weights": lists.values[1]}

    def n_items(self, catalog: Catalog) -> int:
        """Number of events."""
        return len(catalog)

    def known(self, items: NDArray[np.integer], batch: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Liked events that are among `items`, each with the weight 1, see `known_likes`."""
        return known_likes(items, batch)

    def columns(self, items: NDArray[np.integer], candidates: Candidates) -> NDArray[np.int64]:
        """Candidates."""
        columns: NDArray[np.int64] = candidates.static.columns_of_trained[items]
        return columns

    def term(self, scores: NDArray[np.float32], columns: NDArray[np.int64]) -> Term:
        """Score term of single candidates."""
        return PerEvent(scores, columns)


class ValueGraph(GraphFilter):
    """Graph filter over the values of a field: users have the values of events that they liked, and who they follow.

    A user's score of a value is the mean similarity to the user's values, weighted by their decayed likes, or
    `_FOLLOW` for an organizer that is followed alone. It finds what the user has not been to yet, organizers above all,
    so that a new event of such an organizer is found, too.
    """

    items = "codes"

    def __init__(self, field: str) -> None:
        self.name = f"shared_people_{field}"
        self._field = field

    def matrix(self, data: TrainingData) -> "csr_array":
        """User × value matrix, float32 of shape (n_users, m)."""
        from scipy.sparse import coo_array

        field, table = data.catalog.fields[self._field], data.table
        codes = field.codes[table.event_rows[data.liked]]
        users = [table.user_rows[data.liked[codes >= 0]]]
        values = [codes[codes >= 0]]
        if self._field == "organizer":
            follows = (table.codes == CODES[InteractionType.FOLLOW]) & (table.organizer_rows >= 0)
            users.append(table.user_rows[follows])
            values.append(table.organizer_rows[follows])
        shape = (len(table.users), len(field.names))
        cells = (np.concatenate(users), np.concatenate(values))
        matrix = coo_array((np.ones(len(cells[0]), np.float32), cells), shape=shape).tocsr()
        matrix.data[:] = 1
        return matrix

    def n_items(self, catalog: Catalog) -> int:
        """Number of values."""
        return len(catalog.fields[self._field].names)

    def known(self, items: NDArray[np.integer], batch: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Values of liked events and followed organizers, weighted by their shares of the decayed likes and follows."""
        field = batch.candidates.catalog.fields[self._field]
        entries, places = batch.liked, positions_of(items, field.trained_at(batch.events[0]))[batch.events[1]]
        likes = batch.likes[entries]
        if self._field == "organizer":
            followed = positions_of(items, field.trained[batch.histories.organizer_rows[batch.follows]])
            entries, places = np.concatenate([entries, batch.follows]), np.concatenate([places, followed])
            likes = np.concatenate([likes, np.zeros(len(followed), np.float32)])
        is_item = places >= 0
        found, local = np.unique(places[is_item], return_inverse=True)
        users, shape = batch.user_of_entry[entries[is_item]], (len(batch), len(found))
        has = np.zeros(shape, np.bool_)
        has[users, local] = True
        weights = scatter(users, local, likes[is_item], shape)
        # What users have without a like they follow.
        weights = np.where(has & (weights == 0), np.float32(_FOLLOW), weights)
        return found, weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)

    def columns(self, items: NDArray[np.integer], candidates: Candidates) -> NDArray[np.int64]:
        """Positions among the candidates' values."""
        found = positions_of(items, candidates.static.values[self._field].trained)
        columns = np.full(len(items), -1, np.int64)
        columns[found[found >= 0]] = np.flatnonzero(found >= 0)
        return columns

    def term(self, scores: NDArray[np.float32], columns: NDArray[np.int64]) -> Term:
        """Score term of values."""
        return PerValue(self._field, scores, columns)


def _neighbour_lists(matrix: "csr_array") -> dict[str, NDArray[Any]]:
    """Neighbour lists of k items that have users, see `GraphFilter.fit`, from R of shape (n_users, k)."""
    from scipy.sparse import diags_array

    by_user, by_item = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
    normalized = (
        diags_array(np.maximum(by_user, 1).astype(np.float32) ** -_USER_POWER)
        @ matrix
        @ diags_array(by_item.astype(np.float32) ** -0.5)
    ).tocsr()
    lengths, columns, weights = [], [], []
    transposed = normalized.T.tocsr()
    for begin in range(0, matrix.shape[1], _CHUNK):
        product = (transposed[begin : begin + _CHUNK] @ normalized).tocsr()
        rows = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr))
        is_off_diagonal = product.indices != rows + begin
        rows, neighbours, values = (
            rows[is_off_diagonal],
            product.indices[is_off_diagonal],
            product.data[is_off_diagonal],
        )
        # A single sort key: the row, then the value in descending order, since positive floats sort by their bits.
        order = np.argsort(rows.astype(np.uint64) << np.uint64(32) | ~values.view(np.uint32), kind="stable")
        kept = order[ranks_within_groups(rows[order]) < _NEIGHBOURS]
        lengths.append(np.bincount(rows[kept], minlength=product.shape[0]))
        columns.append(neighbours[kept])
        weights.append(values[kept] ** _SIMILARITY_POWER)
    return {
        "starts": offsets(np.concatenate([np.empty(0, np.int64), *lengths])),
        "places": np.concatenate([np.empty(0, np.int32), *columns]).astype(np.int32),
        "weights": np.concatenate([np.empty(0, np.float16), *weights]).astype(np.float16),
    }
