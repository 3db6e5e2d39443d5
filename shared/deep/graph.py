"""Training of LightGCN on the graph of users, events, their attributes and what users declare."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from torch import Tensor
from torch.nn import functional

from shared.deep.deterministic import deterministic

LAYERS: Final = 2
STEPS: Final = 200
BATCH: Final = 2_048
LEARNING_RATE: Final = 0.01
RIDGE: Final = 1e-4
"""Strength of the L2 regularization of the embeddings of a batch, as in the paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphInput:
    """Graph of n nodes, of which the first are users and the next events.

    Attributes
    ----------
    heads, tails : int64 of shape (m,) – nodes of each edge; edges have no direction.
    weights : float32 of shape (m,) – weights of the edges, above 0.
    n_users, n_events, n_nodes : numbers of users, of events and of all nodes.
    users, events : int64 of shape (p,) – the pairs of a user and a liked event, from 0 each.
    """

    heads: NDArray[np.int64]
    tails: NDArray[np.int64]
    weights: NDArray[np.float32]
    n_users: int
    n_events: int
    n_nodes: int
    users: NDArray[np.int64]
    events: NDArray[np.int64]


def degrees(given: GraphInput) -> NDArray[np.float32]:
    """Sums of the weights of each node's edges, float32 of shape (n,)."""
    ends, weights = np.concatenate([given.heads, given.tails]), np.concatenate([given.weights, given.weights])
    return np.bincount(ends, weights=weights, minlength=given.n_nodes).astype(np.float32)


def fit_graph(given: GraphInput, *, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Embeddings of all nodes in each layer, float32 of shape (LAYERS + 1, n, dimensions); equal for equal arguments.

    Layer l + 1 of a node is the sum of layer l over its neighbours, each times weight / √(degree × degree); a node's
    vector is the mean of its layers. The loss is Bayesian personalized ranking: of a user, an event that they liked and
    one drawn at random. Optimizer: Adam.
    """
    rng = np.random.default_rng(seed)
    adjacency = _adjacency(given)
    with deterministic(seed):
        embeddings = (torch.randn(given.n_nodes, dimensions) * 0.1).requires_grad_()
        optimizer = torch.optim.Adam([embeddings], lr=LEARNING_RATE, fused=True)
        for _ in range(STEPS if len(given.users) else 0):
            optimizer.zero_grad(set_to_none=True)
            picked = rng.integers(len(given.users), size=min(BATCH, len(given.users)))
            users = torch.from_numpy(given.users[picked])
            liked = torch.from_numpy(given.n_users + given.events[picked])
            others = torch.from_numpy(given.n_users + rng.integers(given.n_events, size=len(picked)))
            vectors = _mean_layer(embeddings.detach().numpy(), adjacency).requires_grad_()
            margins = (vectors[users] * (vectors[liked] - vectors[others])).sum(1)
            initial = torch.stack([embeddings[nodes].square().sum() for nodes in (users, liked, others)]).sum()
            (functional.softplus(-margins).mean() + RIDGE / 2 * initial / len(picked)).backward()
            # The mean of the layers is a symmetric matrix times the embeddings, and so is its gradient.
            embeddings.grad += _mean_layer(vectors.grad.numpy(), adjacency)
            optimizer.step()
        return np.stack(_layers(embeddings.detach().numpy(), adjacency))


def _adjacency(given: GraphInput) -> csr_array:
    """Symmetrically normalized adjacency matrix, float32 of shape (n, n)."""
    scale = 1 / np.sqrt(np.maximum(degrees(given), 1e-9))
    values = (given.weights * scale[given.heads] * scale[given.tails]).astype(np.float32)
    rows, columns = np.concatenate([given.heads, given.tails]), np.concatenate([given.tails, given.heads])
    entries = np.concatenate([values, values])
    return coo_array((entries, (rows, columns)), shape=(given.n_nodes, given.n_nodes)).tocsr()


def _layers(embeddings: NDArray[np.float32], adjacency: csr_array) -> list[NDArray[np.float32]]:
    layers = [embeddings]
    for _ in range(LAYERS):
        layers.append(adjacency @ layers[-1])
    return layers


def _mean_layer(embeddings: NDArray[np.float32], adjacency: csr_array) -> Tensor:
    return torch.from_numpy(np.mean(_layers(embeddings, adjacency), axis=0))
