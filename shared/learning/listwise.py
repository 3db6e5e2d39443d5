"""Learning to rank: listwise softmax (conditional logit) over positives and sampled negatives, importance-weighted."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets

_COUPLING: Final = 3.0
"""Ridge on the segments' deviations from their mean, as a multiple of the ridge on the weights."""
_STEPS: Final = 30
"""Upper limit of Newton steps: bounds training time."""
_NEAR_BOUND: Final = 1e-3
"""Weight, in units of the signals' root mean square, up to which the bound of 0 counts as reached."""
_DECREASE: Final = 1e-4
"""Share of the expected decrease of the loss that a step must bring (Armijo's rule)."""
_SHORTEST: Final = 1e-3
"""Length below which a step is given up: rounding, not the loss, decides about it."""
_TOLERANCE: Final = 1e-7
"""Relative decrease of the loss below which it has reached its minimum."""


@dataclass(frozen=True, slots=True)
class TrainingGroups:
    """Training groups of the listwise ranker: g groups of together r rows with F signals.

    A group holds a user's positives in a window and sampled negatives, events that were live at the window's start.

    Attributes
    ----------
    values : float32 of shape (r, F) – signal values.
    labels : float32 of shape (r,) – 1 / number of positives for positives, 0 for negatives; sums to 1 in each group.
    log_weights : float32 of shape (r,) – log of the number of negatives for which one stands: 1 / its inclusion
        probability, and more if the user saw it in vain; 0 for positives.
    starts : int64 of shape (g,) – first row of each group, ascending.
    segments : int64 of shape (g,) – segment of the user, 0..s-1.
    windows : int64 of shape (g,) – number of the window, ascending in time.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    segments: NDArray[np.int64]
    windows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def group_of_row(self) -> NDArray[np.int64]:
        """Group of each row, 0..g-1, int64 of shape (r,)."""
        return np.repeat(np.arange(len(self)), np.diff(np.append(self.starts, len(self.values))))

    def without(self, signal: int) -> Self:
        """Groups where the signal, a column of `values`, is 0: weights that are learned from them leave it out."""
        values = self.values.copy()
        values[:, signal] = 0
        return replace(self, values=values)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """Groups that `mask`, bool of shape (g,), selects."""
        group_of_row = self.group_of_row()
        rows = mask[group_of_row]
        sizes = np.bincount(group_of_row, minlength=len(self))[mask]
        return type(self)(
            values=self.values[rows],
            labels=self.labels[rows],
            log_weights=self.log_weights[rows],
            starts=offsets(sizes)[:-1],
            segments=self.segments[mask],
            windows=self.windows[mask],
        )


def fit_listwise(
    groups: TrainingGroups, *, n_segments: int, ridge: float, may_be_negative: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Weights of a conditional logit (listwise softmax), float32 of shape (n_segments, F).

    A positive has probability exp(w_s · x + log_weight) / Σ exp(w_s · x + log_weight) over the rows of its group. The
    weights maximize the positives' mean log-probability, summed over groups, less two ridge penalties: on the weights,
    in units of the signals' root mean square, and on the deviations of the segments from their mean, so that a segment
    with few groups follows the others. Weights are at least 0 unless they `may_be_negative`, bool of shape (F,): a
    negative weight of any other signal fits noise or a regime that has passed. (McFadden: "Conditional logit analysis
    of qualitative choice behavior", 1974; sampling of alternatives as in his "Modelling the choice of residential
    location", 1978.)
    """
    scale = np.sqrt(np.mean(groups.values.astype(np.float64) ** 2, axis=0))
    used = np.flatnonzero(scale > 1e-9)
    weights = np.zeros((n_segments, groups.values.shape[1]), np.float32)
    if len(used):
        loss = _Loss(groups, n_segments, used, scale[used], ridge)
        may_fall = np.tile(may_be_negative[used], n_segments)
        weights[:, used] = _minimized(loss, may_fall).reshape(n_segments, -1) / scale[used]
    return weights


class _Loss:
    """Penalized negative log-likelihood of the weights of u signals in s segments, which is convex.

    Parameters
    ----------
    used : int64 of shape (u,) – columns of the signals.
    scale : float of shape (u,) – their root mean squares, above 0, by which values are divided.
    """

    def __init__(
        self,
        groups: TrainingGroups,
        n_segments: int,
        used: NDArray[np.int64],
        scale: NDArray[np.floating],
        ridge: float,
    ) -> None:
        units = np.eye(n_segments)
        per_segment = units / n_segments + _COUPLING * (units - 1 / n_segments)
        self.penalty = ridge * np.kron(per_segment, np.eye(len(used)))
        self._segments = []
        for segment in range(n_segments):
            part = groups.where(groups.segments == segment)
            if len(part):
                values = (part.values[:, used] / scale).astype(np.float32)
                columns = slice(segment * len(used), (segment + 1) * len(used))
                self._segments.append((columns, values, part, part.group_of_row()))

    def at(self, weights: NDArray[np.float64]) -> "_Point":
        """Value, gradient and the rows' probabilities at `weights`, float64 of shape (s · u,)."""
        gradient: NDArray[np.float64] = self.penalty @ weights
        value, probabilities = float(weights @ gradient) / 2, []
        for columns, values, groups, group_of_row in self._segments:
            scores = values @ weights[columns].astype(np.float32) + groups.log_weights
            peaks = np.maximum.reduceat(scores, groups.starts)
            exponentials = np.exp(scores - peaks[group_of_row])
            sums = np.add.reduceat(exponentials, groups.starts, dtype=np.float64)
            chosen = exponentials / sums.astype(np.float32)[group_of_row]
            value += float((np.log(sums) + peaks).sum() - groups.labels.astype(np.float64) @ scores)
            gradient[columns] += values.T @ (chosen - groups.labels)
            probabilities.append(chosen)
        return _Point(weights, value, gradient, probabilities)

    def hessian(self, point: "_Point") -> NDArray[np.floating]:
        """Second derivatives, float64 of shape (s · u, s · u), positive definite: covariances within the groups."""
        hessian = self.penalty.copy()
        for (columns, values, groups, _), chosen in zip(self._segments, point.probabilities, strict=True):
            weighted = values * chosen[:, None]
            means = np.add.reduceat(weighted, groups.starts, axis=0)
            hessian[columns, columns] += values.T @ weighted - means.T @ means
        return hessian


@dataclass(frozen=True, slots=True)
class _Point:
    """Loss at some weights: its value, its gradient, and the probability of each row in its group by segment."""

    weights: NDArray[np.float64]
    value: float
    gradient: NDArray[np.float64]
    probabilities: list[NDArray[np.float32]]


def _minimized(loss: _Loss, may_fall: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of the least loss, at least 0 unless they `may_fall` below, by Newton steps projected onto the bounds.

    Weights near the bound that would fall move by themselves; the others take a Newton step, halved until the loss
    falls enough. A dozen steps reach the minimum, each for the time of some evaluations of the loss, of which L-BFGS-B
    needs 130.
    (Bertsekas: "Projected Newton methods for optimization problems with simple constraints", SIAM J. Control and
    Optimization 20, 1982.)
    """
    point = loss.at(np.zeros(len(may_fall)))
    for _ in range(_STEPS):
        hessian = loss.hessian(point)
        free = np.flatnonzero(may_fall | (point.weights > _NEAR_BOUND) | (point.gradient < 0))
        step: NDArray[np.float64] = -point.gradient / hessian.diagonal()
        step[free] = -np.linalg.solve(hessian[np.ix_(free, free)], point.gradient[free])
        length = 1.0
        while True:
            moved = point.weights + length * step
            after = loss.at(np.where(may_fall, moved, np.maximum(moved, 0)))
            expected = float(point.gradient @ (after.weights - point.weights))
            if after.value <= point.value + _DECREASE * expected:
                break
            length /= 2
            if length < _SHORTEST:
                return point.weights
        gain = point.value - after.value
        point = after
        if gain <= _TOLERANCE * abs(point.value):
            break
    return point.weights


def estimated_ndcg(groups: TrainingGroups, weights: NDArray[np.float32], *, k: int = 10) -> NDArray[np.float64]:
    """NDCG@k of each group over all its candidates, estimated from the sample, float64 of shape (g,).

    A sampled negative counts as e^log_weight candidates, so a rank is an estimate: use it to compare weights, not to
    report accuracy. `weights` has shape (s, F), as `fit_listwise` returns them.
    """
    group_of_row = groups.group_of_row()
    scores = np.einsum("rf,rf->r", groups.values, weights[groups.segments[group_of_row]])
    order = np.lexsort((-scores, group_of_row))
    multiplicity = np.exp(groups.log_weights[order].astype(np.float64))
    above = np.cumsum(multiplicity) - multiplicity
    ranks = above - above[groups.starts[group_of_row[order]]]
    gains = np.where((groups.labels[order] > 0) & (ranks < k), 1 / np.log2(ranks + 2), 0)
    n_positives = np.add.reduceat((groups.labels > 0).astype(np.int64), groups.starts)
    ideal = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])[np.minimum(n_positives, k)]
    ndcg: NDArray[np.float64] = np.add.reduceat(gains, groups.starts) / ideal
    return ndcg
