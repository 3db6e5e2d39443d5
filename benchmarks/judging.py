"""Evaluation of systems on folds: accuracy per user, and coverage, novelty and diversity per segment."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.folds import Fold
from benchmarks.peers import Peer, PeerData
from shared.evaluation.metrics import ndcg_and_recall, self_information, unlikeness
from shared.ranking import topk
from shared.ranking.batch import recommend_batch
from shared.ranking.rerank import Cap, top_within
from shared.selection.gate import difference
from shared.services.training.dataset import fit
from shared.settings import Settings

ALL, WARM, COLD, NEW = "all", "warm", "cold", "new events"
USERS: Final = (ALL, WARM, COLD)
"""Segments: all users, warm users and cold-start users (without a hit before the cutoff)."""

_CHUNK: Final = 64
_LONG: Final = 300
"""Length of the lists that are restricted to known or to new candidates: long enough to leave k of either kind."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of a system at a cutoff.

    Attributes
    ----------
    ndcg, recall, recall_of_all : float64 of shape (u,) – per evaluated user; `recall` divides the hits in the list by
        min(k, relevant events), `recall_of_all` by all relevant events.
    new_ndcg : float64 of shape (u,) – NDCG where only events without feedback are relevant; NaN for users without
        such an event.
    one_date_ndcg : float64 of shape (u,) – NDCG of the lists that hold one date of a series, as those of requests do.
    apart : `known` and `new` → float64 of shape (u,) – NDCG of the list and the hits restricted to candidates with,
        or without, feedback before the cutoff; NaN for users without such a hit.
    variety : segment → coverage, novelty and unlikeness of the lists of its users; see `evaluation.metrics`.
    fit_s : training time in seconds.
    """

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    recall_of_all: NDArray[np.float64]
    new_ndcg: NDArray[np.float64]
    one_date_ndcg: NDArray[np.float64]
    apart: Mapping[str, NDArray[np.float64]]
    variety: Mapping[str, Mapping[str, float]]
    fit_s: float


@dataclass(frozen=True, slots=True)
class EvaluatedUsers:
    """Evaluated users of all folds, concatenated; a user may occur in several folds.

    Attributes
    ----------
    owners : int64 of shape (n,) – number of the user, equal for equal ids.
    warm : bool of shape (n,) – users with a hit before the cutoff.
    """

    owners: NDArray[np.int64]
    warm: NDArray[np.bool_]

    def of(self, segment: str) -> NDArray[np.bool_]:
        """Mask of the users of a segment, a name in `USERS`, bool of shape (n,)."""
        return {ALL: np.ones_like(self.warm), WARM: self.warm, COLD: ~self.warm}[segment]


def evaluate_model(model: str, fold: Fold, k: int, *, seed: int = 0) -> Evaluation:
    """Evaluation of a Marquee model, trained and applied as in `jobs.backtest` with this seed."""
    started = time.perf_counter()
    recommender, catalog, past = fit(
        fold.data,
        model=model,
        now=fold.cutoff,
        half_life_days=Settings().half_life_days,
        seed=seed,
        calendar=fold.catalog.calendar,
    )
    fit_s = time.perf_counter() - started
    column = np.full(len(catalog) + 1, -1)
    column[fold.candidates] = np.arange(len(fold.candidates))

    def lists(size: int, per_series: int | None) -> NDArray[np.int64]:
        made = recommend_batch(
            recommender, fold.users(), past, fold.candidates, now=fold.cutoff, k=size, per_series=per_series
        )
        return np.vstack([column[rows] for _, rows, _ in made])

    return evaluate(lists(max(k, _LONG), None), lists(k, 1), fold, fit_s)


def evaluate_peer(peer: Peer, peer_data: PeerData, fold: Fold, k: int) -> Evaluation:
    """Evaluation of a peer; ties are broken by the order of events in the files."""
    started = time.perf_counter()
    score = peer.fit(peer_data)
    fit_s = time.perf_counter() - started
    event_rows = peer_data.event_rows[fold.candidates]
    order = np.argsort(event_rows)
    users = peer_data.rows_of(fold.user_ids)
    one_date = Cap(fold.series[order], 1)
    shown, shown_one_date = [], []
    for begin in range(0, len(users), _CHUNK):
        chunk = users[begin : begin + _CHUNK]
        allowed = peer_data.taken[chunk][:, event_rows[order]].toarray() == 0
        scores = np.asarray(score(chunk, event_rows[order]), np.float64)
        columns, _ = topk.top(scores, allowed, max(k, _LONG))
        shown.append(np.where(columns >= 0, order[columns], -1))
        columns, _ = top_within(scores, allowed, k, one_date)
        shown_one_date.append(np.where(columns >= 0, order[columns], -1))
    return evaluate(np.vstack(shown), np.vstack(shown_one_date), fold, fit_s)


def mean_of_seeds(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Mean of the evaluations of one model on one fold, trained with several seeds."""

    def mean(arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        averaged: NDArray[np.float64] = np.mean(arrays, axis=0)
        return averaged

    first = evaluations[0]
    return Evaluation(
        ndcg=mean([evaluation.ndcg for evaluation in evaluations]),
        recall=mean([evaluation.recall for evaluation in evaluations]),
        recall_of_all=mean([evaluation.recall_of_all for evaluation in evaluations]),
        new_ndcg=mean([evaluation.new_ndcg for evaluation in evaluations]),
        one_date_ndcg=mean([evaluation.one_date_ndcg for evaluation in evaluations]),
        apart={kind: mean([evaluation.apart[kind] for evaluation in evaluations]) for kind in first.apart},
        variety={
            segment: {
                name: float(np.mean([evaluation.variety[segment][name] for evaluation in evaluations]))
                for name in measures
            }
            for segment, measures in first.variety.items()
        },
        fit_s=float(np.mean([evaluation.fit_s for evaluation in evaluations])),
    )


def spread_of_seeds(by_seed: Sequence[Sequence[Evaluation]]) -> dict[str, float]:
    """Number of seeds, and standard deviation over seeds of the mean NDCG, absolute and divided by their mean.

    `by_seed` holds the evaluations of all folds for each seed.
    """
    means = [float(np.concatenate([fold.ndcg for fold in folds]).mean()) for folds in by_seed]
    deviation = float(np.std(means, ddof=1)) if len(means) > 1 else 0.0
    return {"seeds": float(len(means)), "sd": deviation, "sd_to_mean": deviation / max(float(np.mean(means)), 1e-12)}


def evaluate(lists: NDArray[np.integer], one_date: NDArray[np.integer], fold: Fold, fit_s: float) -> Evaluation:
    """Metrics of lists of candidate columns, -1 where a list ends.

    Parameters
    ----------
    lists : int of shape (u, m) with m ≥ k – the first k columns are the list; the rest serves the lists of known and of
        new candidates alone.
    one_date : int of shape (u, k) – lists with one date of each series.
    """
    count, k = one_date.shape
    shown = lists[:, :k]
    ndcg, recall, recall_of_all, one_date_ndcg = np.empty((4, count))
    new_ndcg = np.full(count, np.nan)
    for begin in range(0, count, _CHUNK):
        chunk = slice(begin, min(begin + _CHUNK, count))
        relevant = fold.relevant(chunk.start, chunk.stop)
        ndcg[chunk], recall[chunk] = ndcg_and_recall(shown[chunk], relevant)
        one_date_ndcg[chunk], _ = ndcg_and_recall(one_date[chunk], relevant)
        sizes = relevant.sum(axis=1)
        recall_of_all[chunk] = recall[chunk] * np.minimum(sizes, k) / sizes
        relevant &= fold.is_new
        users = np.flatnonzero(relevant.any(axis=1))
        new_ndcg[begin + users], _ = ndcg_and_recall(shown[begin + users], relevant[users])
    apart = {"known": _apart(lists, fold, ~fold.is_new, k), "new": _apart(lists, fold, fold.is_new, k)}
    return Evaluation(ndcg, recall, recall_of_all, new_ndcg, one_date_ndcg, apart, _variety(shown, fold), fit_s)


def _apart(lists: NDArray[np.integer], fold: Fold, kind: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """NDCG@k of lists and hits restricted to the candidates of a kind, float64 of shape (u,), NaN without a hit."""
    ndcg = np.full(len(lists), np.nan)
    is_of_kind = (lists >= 0) & kind[lists]
    # A stable sort by "is not of the kind" moves a list's entries of the kind to its front, in their order.
    order = np.argsort(~is_of_kind, axis=1, kind="stable")[:, :k]
    restricted = np.where(np.take_along_axis(is_of_kind, order, 1), np.take_along_axis(lists, order, 1), -1)
    for begin in range(0, len(lists), _CHUNK):
        relevant = fold.relevant(begin, min(begin + _CHUNK, len(lists))) & kind
        users = np.flatnonzero(relevant.any(axis=1))
        ndcg[begin + users], _ = ndcg_and_recall(restricted[begin + users], relevant[users])
    return ndcg


def _variety(shown: NDArray[np.integer], fold: Fold) -> dict[str, dict[str, float]]:
    hits = fold.past.is_hit()
    pairs = np.unique(np.stack([fold.past.event_rows[hits], fold.past.user_rows[hits]]), axis=1)
    users_per_event = np.bincount(pairs[0], minlength=len(fold.catalog))[fold.candidates]
    information = self_information(users_per_event, len(np.unique(pairs[1])))
    users = EvaluatedUsers(np.arange(len(shown)), fold.warm)
    variety = {}
    for segment in USERS:
        lists_of_segment = shown[users.of(segment)]
        entries = lists_of_segment[lists_of_segment >= 0]
        if len(entries):
            variety[segment] = {
                "coverage": len(np.unique(entries)) / len(fold.candidates),
                "novelty": float(information[entries].mean()),
                "unlikeness": unlikeness(lists_of_segment),
            }
    return variety


def evaluated_users(folds: Sequence[tuple[Sequence[str], NDArray[np.bool_]]]) -> EvaluatedUsers:
    """Evaluated users of all folds, from the ids and the warm mask of each fold."""
    ids = [user_id for user_ids, _ in folds for user_id in user_ids]
    _, owners = np.unique(ids, return_inverse=True)
    return EvaluatedUsers(owners, np.concatenate([warm for _, warm in folds]))


def summary(users: EvaluatedUsers, evaluations: Sequence[Evaluation]) -> dict[str, dict[str, float]]:
    """Mean metrics of a system by segment of users.

    Accuracy is averaged over all pairs of a user and a cutoff; variety and training time are averaged over cutoffs.
    """
    new_ndcg = np.concatenate([evaluation.new_ndcg for evaluation in evaluations])
    report: dict[str, dict[str, float]] = {}
    for segment in USERS:
        in_segment = users.of(segment)
        has_new = in_segment & ~np.isnan(new_ndcg)
        if not in_segment.any():
            continue
        report[segment] = {"lists": float(in_segment.sum()), "lists_new_events": float(has_new.sum())}
        for name in ("ndcg", "one_date_ndcg", "recall", "recall_of_all"):
            report[segment][name] = float(
                np.concatenate([getattr(evaluation, name) for evaluation in evaluations])[in_segment].mean()
            )
        for kind in ("known", "new"):
            apart = np.concatenate([evaluation.apart[kind] for evaluation in evaluations])[in_segment]
            if not np.isnan(apart).all():
                report[segment][f"ndcg_{kind}_apart"] = float(np.nanmean(apart))
        if has_new.any():
            report[segment]["ndcg_new_events"] = float(new_ndcg[has_new].mean())
        varieties = [evaluation.variety[segment] for evaluation in evaluations if segment in evaluation.variety]
        for name in varieties[0] if varieties else ():
            report[segment][name] = float(np.mean([variety[name] for variety in varieties]))
        report[segment]["fit_s"] = float(np.mean([evaluation.fit_s for evaluation in evaluations]))
    return report


def compare(
    users: EvaluatedUsers,
    ours: Sequence[Evaluation],
    peers: Mapping[str, Sequence[Evaluation]],
    segments: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """Comparison with the best peer by segment: the peer with the highest NDCG, and the paired difference to it.

    The segment `NEW` is all users, evaluated on events without feedback. The result is empty without ndcg or peer
    metrics. The interval of the difference is that of `gate.difference`.
    """
    report: dict[str, dict[str, Any]] = {}
    if not ours or not peers:
        return report
    for segment in segments:
        field = "new_ndcg" if segment == NEW else "ndcg"
        ndcg = np.concatenate([getattr(evaluation, field) for evaluation in ours])
        in_segment = ~np.isnan(ndcg) if segment == NEW else users.of(segment)
        if not in_segment.any():
            continue
        ndcg_of_peers = {
            name: np.concatenate([getattr(evaluation, field) for evaluation in evaluations])[in_segment]
            for name, evaluations in peers.items()
        }
        best = max(ndcg_of_peers, key=lambda name: (ndcg_of_peers[name].mean(), name))
        _, owners = np.unique(users.owners[in_segment], return_inverse=True)
        lead = difference(ndcg[in_segment], ndcg_of_peers[best], owners=owners)
        peer = float(ndcg_of_peers[best].mean())
        ratio = float(ndcg[in_segment].mean()) / peer if peer else None
        report[segment] = {"best_peer": best, "peer": peer, "ours": float(ndcg[in_segment].mean()), "ratio": ratio}
        report[segment] |= asdict(lead)
    return report
