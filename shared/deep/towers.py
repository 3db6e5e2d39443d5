"""Training of the two towers: in-batch softmax over batches of interactions that are near in time."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shared.arrays.positions import distinct
from shared.arrays.ragged import Ragged
from shared.deep.deterministic import deterministic

EPOCHS: Final = 8
BATCH: Final = 512
TEMPERATURE: Final = 0.1
JITTER_DAYS: Final = 3.0
"""Standard deviation of the noise by which the times of pairs are moved before each epoch makes its batches."""
LEARNING_RATE: Final = 0.01
WEIGHT_DECAY: Final = 1e-3
_DAY_S: Final = 86_400.0
_SHORTEST: Final = 1e-6
"""Length below which a vector is taken as 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TowersInput:
    """Training data of the towers: m pairs of a user and an event that the user liked, and what is known of both.

    Attributes
    ----------
    attributes : ragged array of n events – column, 0..n_attributes-1, and weight of each attribute.
    texts : float32 of shape (n, r) – vectors of the events' texts.
    users, events : int64 of shape (m,) – the pairs, in order of users, then of time.
    times : float64 of shape (m,) – POSIX seconds.
    likes : float32 of shape (m,) – confidence, the weight of a pair in the loss.
    pasts : int64 of shape (m,) each – first pair and number of the pairs that are the past of each pair.
    learned : int64 – indices of the pairs that are learned; all others are only the past of these.
    feature_owners, features : int64 of shape (nnz,) – user and column, 0..n_features-1, of what users declare.
    """

    attributes: Ragged[NDArray[np.int64], NDArray[np.float32]]
    n_attributes: int
    texts: NDArray[np.float32]
    users: NDArray[np.int64]
    events: NDArray[np.int64]
    times: NDArray[np.float64]
    likes: NDArray[np.float32]
    pasts: tuple[NDArray[np.int64], NDArray[np.int64]]
    learned: NDArray[np.int64]
    feature_owners: NDArray[np.int64]
    features: NDArray[np.int64]
    n_features: int
    n_users: int


def fit_towers(given: TowersInput, *, dimensions: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Arrays of the towers, see `signals.towers.Towers.fit`: float32, equal for equal arguments.

    The loss of a pair is the cross-entropy of its event among all events of the batch, with logits u · v / τ − log q:
    q is the event's share of the pairs, so that popular events, which are negatives the more often for it, are not
    pushed down (log-q correction). Batches hold pairs that are near in time, since an event is a fair negative only for
    users who could have chosen it. Optimizer: AdamW.
    """
    rng = np.random.default_rng(seed)
    with deterministic(seed):
        towers = _Towers(given, dimensions)
        optimizer = torch.optim.AdamW(towers.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
        counts = np.bincount(given.events[given.learned], minlength=len(given.texts))
        log_q = np.log(np.maximum(counts, 1) / max(len(given.learned), 1)).astype(np.float32)
        has_user = (given.pasts[1] > 0) | np.isin(given.users, given.feature_owners)
        learned = given.learned[has_user[given.learned]]
        for _ in range(EPOCHS):
            noisy = given.times[learned] + rng.normal(scale=JITTER_DAYS * _DAY_S, size=len(learned))
            ordered = learned[np.argsort(noisy, kind="stable")]
            batches = [ordered[begin : begin + BATCH] for begin in range(0, len(ordered), BATCH)]
            for number in rng.permutation(len(batches)):
                optimizer.zero_grad(set_to_none=True)
                loss = towers.loss(batches[number], log_q)
                loss.backward()
                optimizer.step()
        return towers.arrays()


class _Towers:
    def __init__(self, given: TowersInput, dimensions: int) -> None:
        self._given = given
        self._features: Ragged[NDArray[np.int64]] = Ragged.grouped(given.feature_owners, given.n_users, given.features)
        scale = dimensions**-0.5
        self._arrays = {
            "embeddings": torch.randn(given.n_attributes, dimensions) * scale,
            "text": torch.randn(given.texts.shape[1], dimensions) * scale,
            "layer": torch.randn(dimensions, dimensions) * scale,
            "bias": torch.zeros(dimensions),
            "history": torch.eye(dimensions),
            "declared": torch.randn(given.n_features, dimensions) * scale,
        }
        for array in self._arrays.values():
            array.requires_grad_()

    def parameters(self) -> list[Tensor]:
        return [array for array in self._arrays.values() if array.numel()]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {name: array.detach().numpy() for name, array in self._arrays.items()}

    def loss(self, batch: NDArray[np.int64], log_q: NDArray[np.float32]) -> Tensor:
        given = self._given
        begins, lengths = given.pasts
        (past,) = Ragged.of_ranges(begins[batch], lengths[batch], given.events).values
        targets = distinct(given.events[batch])
        events = distinct(targets, past)
        vectors = self._events(events)
        shares = (1 / np.repeat(lengths[batch], lengths[batch])).astype(np.float32)
        means = _summed(vectors, np.searchsorted(events, past), lengths[batch], shares)
        users = means @ self._arrays["history"]
        declared = self._features.rows(given.users[batch])
        if given.n_features:
            sizes = declared.lengths()
            users = users + _summed(
                self._arrays["declared"],
                declared.values[0],
                sizes,
                (1 / np.repeat(sizes, sizes)).astype(np.float32),
            )
        users = _unit(users)
        logits = users @ vectors[torch.from_numpy(np.searchsorted(events, targets))].T / TEMPERATURE
        logits = logits - torch.from_numpy(log_q[targets])
        losses = functional.cross_entropy(
            logits, torch.from_numpy(np.searchsorted(targets, given.events[batch])), reduction="none"
        )
        likes = torch.from_numpy(given.likes[batch])
        return (losses * likes).sum() / likes.sum()

    def _events(self, events: NDArray[np.int64]) -> Tensor:
        attributes = self._given.attributes.rows(events)
        columns, weights = attributes.values
        sums = _summed(self._arrays["embeddings"], columns, attributes.lengths(), weights)
        sums = sums + torch.from_numpy(self._given.texts[events]) @ self._arrays["text"]
        sums = sums + functional.relu(sums @ self._arrays["layer"] + self._arrays["bias"])
        return _unit(sums)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors scaled to length 1, as `signals/towers.py` scales them."""
    unit: Tensor = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(_SHORTEST)
    return unit


def _summed(
    table: Tensor, rows: NDArray[np.integer[Any]], lengths: NDArray[np.int64], weights: NDArray[np.float32]
) -> Tensor:
    """Weighted sums of rows of a table, by bags of these lengths."""
    starts = np.cumsum(lengths) - lengths
    summed: Tensor = functional.embedding_bag(
        torch.from_numpy(rows.astype(np.int64)),
        table,
        torch.from_numpy(starts),
        mode="sum",
        per_sample_weights=torch.from_numpy(weights),
    )
    return summed
