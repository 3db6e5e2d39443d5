"""Evaluation of systems on folds: accuracy per user, and coverage, novelty and diversity per segment."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.folds import Fold
from benchmarks.peer_data import PeerData
from benchmarks.peers import Peer
from shared.catalog.catalog import Catalog
from shared.evaluation.metrics import LONG, ndcg_and_recall, restricted, self_information, unlikeness
from shared.feedback.interactions import InteractionTable
from shared.ranking import topk
from shared.ranking.batch import recommend_batch
from shared.ranking.recommender import Recommender
from shared.ranking.rerank import Cap, top_within
from shared.selection.gate import difference
from shared.services.training.dataset import fit
from shared.settings import Settings

ALL, WARM, COLD = "all", "warm", "cold"
USERS: Final = (ALL, WARM, COLD)
"""Segments: all users, warm users and cold-start users (without a hit before the cutoff)."""

KNOWN, NEW, FAMILIAR, DISCOVERY = "known", "new", "familiar", "discovery"
KINDS: Final[Mapping[str, Callable[[Fold, int, int], NDArray[np.bool_]]]] = {
    KNOWN: lambda fold, begin, end: np.broadcast_to(~fold.is_new, (end - begin, len(fold.is_new))),
    NEW: lambda fold, begin, end: np.broadcast_to(fold.is_new, (end - begin, len(fold.is_new))),
    FAMILIAR: lambda fold, begin, end: fold.is_familiar(begin, end),
    DISCOVERY: lambda fold, begin, end: fold.is_discovery(begin, end),
}
"""Kinds of candidates by name, as masks for the users `begin`..`end` − 1: with and without feedback before the cutoff;
of organizers whom warm users know and do not know."""

PARTS: Final = (*USERS, *KINDS)
"""Parts of a comparison: segments of users, and lists and hits restricted to a kind of candidates."""

_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics of a system at a cutoff.

    Attributes
    ----------
    ndcg, recall, recall_of_all : float64 of shape (u,) – per evaluated user; `recall` divides the hits in the list by
        min(k, relevant events), `recall_of_all` by all relevant events.
    within : kind → float64 of shape (u,) – NDCG of the whole list where only hits of the kind are relevant; NaN for
        users without such a hit. Kinds are those of `KINDS`.
    one_date_ndcg : float64 of shape (u,) – NDCG of the lists that hold one date of a series, as those of requests do.
    apart : kind → float64 of shape (u,) – NDCG of the list and the hits restricted to candidates of the kind; NaN for
        users without such a hit.
    variety : segment → coverage, novelty and unlikeness of the lists of its users; see `evaluation.metrics`.
    fit_s : training time in seconds.
    """

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    recall_of_all: NDArray[np.float64]
    within: Mapping[str, NDArray[np.float64]]
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
    return evaluate_recommender(recommender, catalog, past, fold, k, time.perf_counter() - started)


def evaluate_recommender(
    recommender: Recommender,
    catalog: Catalog,
    past: InteractionTable,
    fold: Fold,
    k: int,
    fit_s: float,
    *,
    has_one_date: bool = True,
) -> Evaluation:
    """Evaluation of a trained model on a fold, with the catalog and the interactions that it was trained on.

    Without `has_one_date`, which halves the time, the lists of one date are taken to be those of all.
    """
    column = np.full(len(catalog) + 1, -1)
    column[fold.candidates] = np.arange(len(fold.candidates))

    def lists(size: int, per_series: int | None) -> NDArray[np.int64]:
        made = recommend_batch(
            recommender, fold.users(), past, fold.candidates, now=fold.cutoff, k=size, per_series=per_series
        )
        return np.vstack([column[rows] for _, rows, _ in made])

    long = lists(max(k, LONG), None)
    return evaluate(long, lists(k, 1) if has_one_date else long[:, :k], fold, fit_s)


def evaluate_peer(peer: Peer, peer_data: PeerData, fold: Fold, k: int) -> Evaluation:
    """Evaluation of a peer; ties are broken by the order of events in the files."""
    started = time.perf_counter()
    score = peer.fit(peer_data)
    fit_s = time.perf_counter() - started
    users = peer_data.rows_of(fold.user_ids)
    one_date = Cap(fold.series[peer_data.columns], 1)
    shown, shown_one_date = [], []
    for begin in range(0, len(users), _CHUNK):
        chunk = users[begin : begin + _CHUNK]
        allowed = peer_data.allowed(chunk)
        scores = np.asarray(score(chunk, peer_data.candidates), np.float64)
        columns, _ = topk.top(scores, allowed, max(k, LONG))
        shown.append(np.where(columns >= 0, peer_data.columns[columns], -1))
        columns, _ = top_within(scores, allowed, k, one_date)
        shown_one_date.append(np.where(columns >= 0, peer_data.columns[columns], -1))
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
        within={kind: mean([evaluation.within[kind] for evaluation in evaluations]) for kind in first.within},
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


def spread_of_seeds(users: EvaluatedUsers, by_seed: Sequence[Sequence[Evaluation]]) -> dict[str, dict[str, float]]:
    """Mean over seeds of the NDCG of each part, and its standard deviation, absolute and divided by the mean.

    `by_seed` holds the evaluations of all folds for each seed. Parts without users are left out.
    """
    report = {}
    for part in PARTS:
        values = [_of_folds(part, users, evaluations) for evaluations in by_seed]
        if np.isnan(values[0]).all():
            continue
        means = [float(np.nanmean(of_seed)) for of_seed in values]
        mean, deviation = float(np.mean(means)), float(np.std(means, ddof=1)) if len(means) > 1 else 0.0
        report[part] = {"mean": mean, "sd": deviation, "sd_to_mean": deviation / max(mean, 1e-12)}
    return report


def evaluate(lists: NDArray[np.integer], one_date: NDArray[np.integer], fold: Fold, fit_s: float) -> Evaluation:
    """Metrics of lists of candidate columns, -1 where a list ends.

    Parameters
    ----------
    lists : int of shape (u, m) with m ≥ k – the first k columns are the list; the rest serves the lists that are
        restricted to a kind of candidates.
    one_date : int of shape (u, k) – lists with one date of each series.
    """
    count, k = one_date.shape
    shown = lists[:, :k]
    ndcg, recall, recall_of_all, one_date_ndcg = np.empty((4, count))
    within, apart = ({kind: np.full(count, np.nan) for kind in KINDS} for _ in range(2))
    for begin in range(0, count, _CHUNK):
        chunk = slice(begin, min(begin + _CHUNK, count))
        relevant = fold.relevant(chunk.start, chunk.stop)
        ndcg[chunk], recall[chunk] = ndcg_and_recall(shown[chunk], relevant)
        one_date_ndcg[chunk], _ = ndcg_and_recall(one_date[chunk], relevant)
        sizes = relevant.sum(axis=1)
        recall_of_all[chunk] = recall[chunk] * np.minimum(sizes, k) / sizes
        for kind, mask in KINDS.items():
            is_of_kind = mask(fold, chunk.start, chunk.stop)
            hits = relevant & is_of_kind
            has_hit = np.flatnonzero(hits.any(axis=1))
            hits, listed = hits[has_hit], lists[chunk][has_hit]
            entries = np.take_along_axis(is_of_kind[has_hit], listed, axis=1)
            within[kind][begin + has_hit], _ = ndcg_and_recall(listed[:, :k], hits)
            apart[kind][begin + has_hit], _ = ndcg_and_recall(restricted(listed, entries, k), hits)
    return Evaluation(ndcg, recall, recall_of_all, within, one_date_ndcg, apart, _variety(shown, fold), fit_s)


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
    report: dict[str, dict[str, float]] = {}
    for segment in USERS:
        in_segment = users.of(segment)
        if not in_segment.any():
            continue
        report[segment] = {"lists": float(in_segment.sum())}
        for name in ("ndcg", "one_date_ndcg", "recall", "recall_of_all"):
            report[segment][name] = float(
                np.concatenate([getattr(evaluation, name) for evaluation in evaluations])[in_segment].mean()
            )
        for kind in KINDS:
            within, apart = (
                np.concatenate([by_kind[kind] for by_kind in values])[in_segment]
                for values in ([one.within for one in evaluations], [one.apart for one in evaluations])
            )
            report[segment][f"lists_{kind}"] = float((~np.isnan(within)).sum())
            if report[segment][f"lists_{kind}"]:
                report[segment][f"ndcg_{kind}"] = float(np.nanmean(within))
                report[segment][f"ndcg_{kind}_apart"] = float(np.nanmean(apart))
        varieties = [evaluation.variety[segment] for evaluation in evaluations if segment in evaluation.variety]
        for name in varieties[0] if varieties else ():
            report[segment][name] = float(np.mean([variety[name] for variety in varieties]))
        report[segment]["fit_s"] = float(np.mean([evaluation.fit_s for evaluation in evaluations]))
    return report


Leads = Mapping[str, Mapping[str, Any]]
"""Comparison to a peer by part: number of `lists`, NDCG `ours` and `peer`, their `ratio` (None if `peer` is 0), and the
paired difference with its interval, see `gate.Difference`."""


def compare(users: EvaluatedUsers, ours: Sequence[Evaluation], peer: Sequence[Evaluation]) -> Leads:
    """Comparison of a system to a peer for each part that has users; intervals are those of `gate.difference`."""
    report: dict[str, dict[str, Any]] = {}
    for part in PARTS:
        mine, theirs = (_of_folds(part, users, evaluations) for evaluations in (ours, peer))
        inside = ~np.isnan(mine)
        if not inside.any():
            continue
        _, owners = np.unique(users.owners[inside], return_inverse=True)
        lead = difference(mine[inside], theirs[inside], owners=owners)
        of_us, of_peer = float(mine[inside].mean()), float(theirs[inside].mean())
        ratio = of_us / of_peer if of_peer else None
        report[part] = {"lists": int(inside.sum()), "ours": of_us, "peer": of_peer, "ratio": ratio, **asdict(lead)}
    return report


def strongest(by_peer: Mapping[str, Leads], names: Collection[str]) -> dict[str, dict[str, Any]]:
    """Comparison to the best peer among `names` by part: the one with the highest NDCG, named as `best_peer`."""
    among = {name: leads for name, leads in by_peer.items() if name in names}
    report: dict[str, dict[str, Any]] = {}
    for part in next(iter(among.values()), {}):
        best = max(among, key=lambda name: (among[name][part]["peer"], name))
        report[part] = {"best_peer": best, **among[best][part]}
    return report


def _of_folds(part: str, users: EvaluatedUsers, evaluations: Sequence[Evaluation]) -> NDArray[np.float64]:
    """NDCG of a part over all folds, float64 of shape (n,); NaN for users who are not in it."""
    if part in KINDS:
        return np.concatenate([evaluation.apart[part] for evaluation in evaluations])
    ndcg = np.concatenate([evaluation.ndcg for evaluation in evaluations])
    return np.where(users.of(part), ndcg, np.nan)
