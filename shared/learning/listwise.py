"""Learns what signals are worth from what users chose among what they could have chosen."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

_COUPLING: Final = 3.0
_ITERATIONS: Final = 60


@dataclass(frozen=True, slots=True)
class TrainingGroups:
    """g choices: a user's picks in a window and a sample of what else was live then, as r rows of F signals.

    Attributes
    ----------
    values : float32 of shape (r, F).
    chosen : float32 of shape (r,) – 1 / number of picks for picks, 0 for the rest; sums to 1 in each choice.
    offsets : float32 of shape (r,) – log of how many events a sampled row stands for, 0 for picks.
    starts : int64 of shape (g,) – the first row of each choice, ascending.
    segments : int64 of shape (g,) – the segment of the user, 0..s-1.
    windows : int64 of shape (g,) – the window, ascending in time.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_weights: NDArray[np.float32]
    starts: NDArray[np.int64]
    segments: NDArray[np.int64]
    windows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def owners(self) -> NDArray[np.int64]:
        """The choice of each row, int64 of shape (r,)."""
        return np.repeat(np.arange(len(self)), np.diff(np.append(self.starts, len(self.values))))

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The choices that `mask`, bool of shape (g,), selects."""
        owners = self.owners()
        rows = mask[owners]
        sizes = np.bincount(owners, minlength=len(self))[mask]
        return type(self)(
            values=self.values[rows],
            labels=self.labels[rows],
            log_weights=self.log_weights[rows],
            starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64) if len(sizes) else self.starts[:0],
            segments=self.segments[mask],
            windows=self.windows[mask],
        )


def fit_listwise(
    groups: TrainingGroups, *, n_segments: int, ridge: float, may_be_negative: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Weights of a conditional logit, float32 of shape (n_segments, F).

    A pick has probability exp(w_s · x + offset) / Σ exp(w_s · x + offset) over its choice. The weights maximise the
    picks' mean log-probability, summed over choices, less a ridge on the weights in units of the signals' root mean
    square, and one on how far the segments lie apart, so that a segment with few choices follows the others. Weights
    are at least 0 unless they `may_be_negative`, bool of shape (F,): a signal that helped by its opposite was noise or
    another regime. (McFadden: "Conditional logit analysis of qualitative choice behavior", 1974; sampling of
    alternatives as in his "Modelling the choice of residential location", 1978.)
    """
    from scipy.optimize import fmin_l_bfgs_b

    scale = np.sqrt(np.mean(groups.values.astype(np.float64) ** 2, axis=0))
    used = np.flatnonzero(scale > 1e-9)
    weights = np.zeros((n_segments, groups.values.shape[1]), np.float32)
    if not len(used):
        return weights
    values = (groups.values[:, used] / scale[used]).astype(np.float32)
    owners = groups.owners()
    by_segment = [np.flatnonzero(groups.segments[owners] == segment) for segment in range(n_segments)]
    parts = [values[rows] for rows in by_segment]
    size = (n_segments, len(used))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        current = flat.reshape(size)
        scores = groups.log_weights.astype(np.float64)
        for rows, part, row in zip(by_segment, parts, current, strict=True):
            scores[rows] += part @ row.astype(np.float32)
        peaks = np.maximum.reduceat(scores, groups.starts)
        exponentials = np.exp(scores - peaks[owners])
        sums = np.add.reduceat(exponentials, groups.starts)
        missed = exponentials / sums[owners] - groups.labels
        apart = current - current.mean(axis=0)
        value = float((np.log(sums) + peaks).sum() - groups.labels @ scores)
        value += ridge / 2 * (float((current**2).sum()) / n_segments + _COUPLING * float((apart**2).sum()))
        slope = np.stack(
            [part.T @ missed[rows].astype(np.float32) for rows, part in zip(by_segment, parts, strict=True)]
        )
        return value, (slope + ridge * (current / n_segments + _COUPLING * apart)).ravel()

    bounds = [(None if may_be_negative[signal] else 0.0, None) for signal in used] * n_segments
    start = np.zeros(n_segments * len(used))
    solved, _, _ = fmin_l_bfgs_b(loss, start, bounds=bounds, m=20, maxiter=_ITERATIONS)
    weights[:, used] = solved.reshape(size) / scale[used]
    return weights


def estimated_ndcg(groups: TrainingGroups, weights: NDArray[np.float32], *, k: int = 10) -> NDArray[np.float64]:
    """NDCG@k of each choice over all that was to choose from, float64 of shape (g,): for comparisons, not for reports.

    A row counts as many rows, e^offset, as it stands for, so a rank is an estimate.
    """
    owners = groups.owners()
    scores = np.einsum("rf,rf->r", groups.values, weights[groups.segments[owners]])
    order = np.lexsort((-scores, owners))
    stands_for = np.exp(groups.log_weights[order].astype(np.float64))
    above = np.cumsum(stands_for) - stands_for
    ranks = above - above[groups.starts[owners[order]]]
    gains = np.where((groups.labels[order] > 0) & (ranks < k), 1 / np.log2(ranks + 2), 0)
    picks = np.add.reduceat((groups.labels > 0).astype(np.int64), groups.starts)
    ideal = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])[np.minimum(picks, k)]
    ndcg: NDArray[np.float64] = np.add.reduceat(gains, groups.starts) / ideal
    return ndcg
