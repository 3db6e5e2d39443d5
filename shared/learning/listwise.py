"""Learning to rank: listwise softmax (conditional logit) over positives and sampled negatives, importance-weighted."""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import offsets

_COUPLING: Final = 3.0
"""Ridge on the segments' deviations from their mean, as a multiple of the ridge on the weights."""
_ITERATIONS: Final = 60
"""Upper limit of L-BFGS-B iterations: bounds training time."""


@dataclass(frozen=True, slots=True)
class TrainingGroups:
    """Training groups of the listwise ranker: g groups of together r rows with F signals.

    A group holds a user's positives in a window and sampled negatives, events that were live at the window's start.

    Attributes
    ----------
    values : float32 of shape (r, F) – signal values.
    labels : float32 of shape (r,) – 1 / number of positives for positives, 0 for negatives; sums to 1 in each group.
    log_weights : float32 of shape (r,) – −log of the inclusion probability of a sampled negative, 0 for positives.
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
    from scipy.optimize import fmin_l_bfgs_b

    scale = np.sqrt(np.mean(groups.values.astype(np.float64) ** 2, axis=0))
    used = np.flatnonzero(scale > 1e-9)
    weights = np.zeros((n_segments, groups.values.shape[1]), np.float32)
    if not len(used):
        return weights
    values = (groups.values[:, used] / scale[used]).astype(np.float32)
    group_of_row = groups.group_of_row()
    rows_of_segments = [np.flatnonzero(groups.segments[group_of_row] == segment) for segment in range(n_segments)]
    values_of_segments = [values[rows] for rows in rows_of_segments]
    size = (n_segments, len(used))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Penalized negative log-likelihood of the weights and its gradient."""
        current = flat.reshape(size)
        scores = groups.log_weights.astype(np.float64)
        for rows, segment_values, segment_weights in zip(rows_of_segments, values_of_segments, current, strict=True):
            scores[rows] += segment_values @ segment_weights.astype(np.float32)
        peaks = np.maximum.reduceat(scores, groups.starts)
        exponentials = np.exp(scores - peaks[group_of_row])
        sums = np.add.reduceat(exponentials, groups.starts)
        residuals = exponentials / sums[group_of_row] - groups.labels
        deviations = current - current.mean(axis=0)
        value = float((np.log(sums) + peaks).sum() - groups.labels @ scores)
        value += ridge / 2 * (float((current**2).sum()) / n_segments + _COUPLING * float((deviations**2).sum()))
        gradient = np.stack(
            [
                segment_values.T @ residuals[rows].astype(np.float32)
                for rows, segment_values in zip(rows_of_segments, values_of_segments, strict=True)
            ]
        )
        return value, (gradient + ridge * (current / n_segments + _COUPLING * deviations)).ravel()

    bounds = [(None if may_be_negative[signal] else 0.0, None) for signal in used] * n_segments
    start = np.zeros(n_segments * len(used))
    solved, _, _ = fmin_l_bfgs_b(loss, start, bounds=bounds, m=20, maxiter=_ITERATIONS)
    weights[:, used] = solved.reshape(size) / scale[used]
    return weights


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
