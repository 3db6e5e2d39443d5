"""Which attributes follow from which: the users' attribute profiles regressed on the attributes of a left-out event."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.models.catalog import Catalog
from shared.models.request import Request, scatter
from shared.models.signals.signal import Past, State, UserSignal, places, segment_sums

_FIELDS: Final = ("organizer", "venue", "series", "district", "slot")
_BAG: Final = "tags"
_MAX_COLUMNS: Final = 1_500
_RIDGE: Final = 0.3


class LeaveOneOutRidge(UserSignal):
    """Closed-form ridge from a user's other events to each of their events, over attributes.

    With a_i the attributes of event i and P_u their sum over the n_u events that user u liked, all pairs
    (P_u − a_i → a_i) enter with weight 1/n_u. Their Gram matrices are sums over users:
    A = Σ_u (n_u − 2)/n_u P_u P_uᵀ + Σ_ui a_i a_iᵀ/n_u and C = Σ_u P_u P_uᵀ/n_u − Σ_ui a_i a_iᵀ/n_u. Then
    W = (A + λ mean(diag A) I)⁻¹ C, and the score is P_u W a_i / |P_u W|. (The leave-one-out construction of Steck:
    "Autoencoders that don't overfit towards the identity", NeurIPS 2020, on attributes in place of ids.)
    """

    name = "ridge"
    source = "collaborative"

    def fit(self, past: Past) -> State:
        """`columns` int32 of shape (k,) into all attribute columns, `weights` float16 of shape (k, k)."""
        from scipy.sparse import coo_array, diags_array

        n_events, n_users = len(past.catalog), len(past.table.users)
        offsets = _offsets(past.catalog)
        places_, columns_, weights_ = _attributes(past.catalog, np.arange(n_events))
        attributes = coo_array((weights_, (places_, columns_)), shape=(n_events, offsets[-1])).tocsr()
        cells = np.unique(
            past.table.user_rows[past.liked].astype(np.int64) * n_events + past.table.event_rows[past.liked]
        )
        liked = coo_array(
            (np.ones(len(cells), np.float32), (cells // max(n_events, 1), cells % max(n_events, 1))),
            shape=(n_users, n_events),
        ).tocsr()
        several = np.diff(liked.indptr) > 1
        liked = liked[several]
        use = np.asarray(liked.sum(axis=0)) @ attributes
        kept = np.sort(np.argsort(-use, kind="stable")[:_MAX_COLUMNS])
        kept = kept[use[kept] > 1]
        if not len(kept):
            return {"columns": np.empty(0, np.int32), "weights": np.empty((0, 0), np.float16)}
        attributes = attributes[:, kept]
        size = np.diff(liked.indptr).astype(np.float32)
        profiles = (liked @ attributes).tocsr()
        own = (attributes.T @ diags_array(np.asarray(liked.T @ (1 / size))) @ attributes).toarray()
        gram = (profiles.T @ diags_array((size - 2) / size) @ profiles).toarray() + own
        target = (profiles.T @ diags_array(1 / size) @ profiles).toarray() - own
        gram[np.diag_indices(len(kept))] += _RIDGE * max(float(np.trace(gram)) / len(kept), 1e-6)
        return {"columns": kept.astype(np.int32), "weights": np.linalg.solve(gram, target).astype(np.float16)}

    def score(self, state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c)."""
        candidates, size = request.candidates, len(state["columns"])
        used = np.flatnonzero(request.counts > 0)
        entries, columns, weights = _attributes(candidates.catalog, request.histories.event_rows[used])
        place = places(state["columns"], columns)
        owners = request.owners[used][entries]
        known = place >= 0
        profiles = scatter(owners[known], place[known], weights[known], (len(request), size))
        some = np.flatnonzero(profiles.any(axis=0))
        wanted = profiles[:, some] @ state["weights"][some].astype(np.float32)
        wanted /= np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), 1e-9)

        def of_candidates() -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
            rows, columns, weights = _attributes(candidates.catalog, candidates.rows)
            place = places(state["columns"], columns)
            order = np.flatnonzero(place >= 0)
            order = order[np.argsort(rows[order], kind="stable")]
            return rows[order], place[order], weights[order]

        rows, place, weights = candidates.once(f"{self.name} {id(state)}", of_candidates)
        return segment_sums(wanted[:, place] * weights, rows, len(candidates))


def _offsets(catalog: Catalog) -> NDArray[np.int64]:
    """Where each field's columns begin among all, then the bag's, then their number; trained names only."""
    sizes = [int(catalog.fields[name].trained.max(initial=-1)) + 1 for name in _FIELDS]
    return np.concatenate([[0], np.cumsum([*sizes, len(catalog.bags[_BAG].names)])]).astype(np.int64)


def _attributes(
    catalog: Catalog, rows: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Entries of the events' attribute rows: place in `rows`, column and weight."""
    offsets = _offsets(catalog)
    parts = []
    for name, offset in zip(_FIELDS, offsets[:-2], strict=True):
        codes = catalog.fields[name].trained_at(rows)
        known = np.flatnonzero(codes >= 0)
        parts.append((known, offset + codes[known], np.ones(len(known), np.float32)))
    places_, columns, weights = catalog.bags[_BAG].entries(rows)
    parts.append((places_, offsets[-2] + columns, weights))
    places_all, columns_all, weights_all = (np.concatenate(part) for part in zip(*parts, strict=True))
    return places_all, columns_all, weights_all
