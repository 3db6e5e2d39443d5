"""Moves weights from what explains all choices to what puts choices on top of lists."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.models.choice import Choices
from shared.models.ranges import ranges

_ITERATIONS: Final = 40
_BLUR: Final = 0.5
_PULL: Final = 10.0


def refine(
    choices: Choices, weights: NDArray[np.float32], *, is_free: NDArray[np.bool_], pull: float = _PULL
) -> NDArray[np.float32]:
    """Weights near the given ones, float32 of shape (s, F), that raise the picks' smoothed NDCG.

    A likelihood counts a pick that a list would miss anyway as much as one at its top. Here pick i has the rank
    r_i = 1 + Σ_j e^offset_j σ((w · x_j − w · x_i) / blur) over the other rows j of its choice, so that a sampled row
    counts for all that it stands for, and the sum of 1 / log2(1 + r_i) over the ideal one is raised, less
    `pull` / 2 times the squared distance from the given weights in units of the signals' root mean square. (Qin, Liu,
    Li: "A general approximation framework for direct optimization of information retrieval measures", 2010.)
    """
    from scipy.optimize import fmin_l_bfgs_b

    scale = np.sqrt(np.mean(choices.values.astype(np.float64) ** 2, axis=0))
    used = np.flatnonzero(scale > 1e-9)
    if not len(used):
        return weights
    values = (choices.values[:, used] / scale[used]).astype(np.float32)
    owners = choices.owners()
    segments = choices.segments[owners]
    start = weights[:, used].astype(np.float64) * scale[used]
    picks, others, begins = _pairs(choices, owners)
    stands_for = np.exp(choices.offsets[others]).astype(np.float32)
    per_choice = np.bincount(owners[picks[begins]], minlength=len(choices))
    ideal = np.concatenate([[1], np.cumsum(1 / np.log2(np.arange(2, per_choice.max() + 2)))])[per_choice]
    of_pick = picks[begins]
    share = 1 / ideal[owners[of_pick]]
    lengths = np.diff(np.append(begins, len(picks)))
    by_segment = [np.flatnonzero(segments == segment) for segment in range(len(weights))]
    parts = [values[rows] for rows in by_segment]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        current = flat.reshape(start.shape)
        scores = np.empty(len(values), np.float32)
        for rows, part, row in zip(by_segment, parts, current, strict=True):
            scores[rows] = part @ row.astype(np.float32)
        above = 1 / (1 + np.exp(np.clip((scores[picks] - scores[others]) / _BLUR, -30, 30)))
        ranks = 1 + np.add.reduceat(stands_for * above, begins)
        logs = np.log2(1 + ranks)
        slope_of_rank = share / (logs**2 * (1 + ranks) * np.log(2))
        pairs = np.repeat(slope_of_rank / _BLUR, lengths) * stands_for * above * (1 - above)
        slopes = np.bincount(others, weights=pairs, minlength=len(values))
        slopes -= np.bincount(picks, weights=pairs, minlength=len(values))
        slope = np.stack(
            [part.T @ slopes[rows].astype(np.float32) for rows, part in zip(by_segment, parts, strict=True)]
        )
        moved = current - start
        value = -float((share / logs).sum()) + pull / 2 * float((moved**2).sum())
        return value, (slope + pull * moved).ravel()

    bounds = [(None if is_free[signal] else 0.0, None) for signal in used] * len(weights)
    solved, _, _ = fmin_l_bfgs_b(loss, start.ravel(), bounds=bounds, m=20, maxiter=_ITERATIONS)
    refined = np.zeros_like(weights)
    refined[:, used] = solved.reshape(start.shape) / scale[used]
    return refined


def _pairs(
    choices: Choices, owners: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Each pick with each other row of its choice: the pick, the other, and where the pairs of each pick begin."""
    picks = np.flatnonzero(choices.chosen > 0)
    sizes = np.diff(np.append(choices.starts, len(choices.values)))
    lengths = sizes[owners[picks]]
    others = ranges(choices.starts[owners[picks]], lengths)
    repeated = np.repeat(picks, lengths)
    apart = others != repeated
    begins = np.concatenate([[0], np.cumsum(lengths - 1)[:-1]]).astype(np.int64)
    return repeated[apart], others[apart], begins
