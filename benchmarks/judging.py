"""Judges systems on folds: per user how good the lists are, per segment how varied."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.folds import Fold, is_hit
from benchmarks.peers import Evidence, Peer
from shared.evaluation.metrics import ndcg_and_recall, self_information, unlikeness
from shared.ranking import topk
from shared.ranking.batch import lists
from shared.selection.gate import difference
from shared.services.training.dataset import fit
from shared.settings import Settings

ALL, WARM, COLD, NEW = "all", "warm", "cold", "new events"
USERS: Final = (ALL, WARM, COLD)
"""Everybody, and users with and without a booking or save before the cutoff."""

_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class Judged:
    """How one system did at one cutoff.

    Attributes
    ----------
    ndcg, recall, recall_of_all : float64 of shape (u,) – of each judged user; `recall` divides the hits by
        min(k, what the user took), `recall_of_all` by all that the user took.
    new_ndcg : float64 of shape (u,) – NDCG where only events without feedback count as hits; NaN for users who took
        none of those.
    variety : segment → coverage, novelty and unlikeness of the lists of its users; see `evaluation`.
    fit_s : seconds.
    """

    ndcg: NDArray[np.float64]
    recall: NDArray[np.float64]
    recall_of_all: NDArray[np.float64]
    new_ndcg: NDArray[np.float64]
    variety: Mapping[str, Mapping[str, float]]
    fit_s: float


@dataclass(frozen=True, slots=True)
class People:
    """Who is judged, over all folds one after the other; a user may occur in several.

    Attributes
    ----------
    owners : int64 of shape (n,) – the same number for the same user.
    warm : bool of shape (n,).
    """

    owners: NDArray[np.int64]
    warm: NDArray[np.bool_]

    def of(self, segment: str) -> NDArray[np.bool_]:
        """Who belongs to one of `USERS`, bool of shape (n,)."""
        return {ALL: np.ones_like(self.warm), WARM: self.warm, COLD: ~self.warm}[segment]


def judge_model(model: str, fold: Fold, k: int) -> Judged:
    """One of our models, trained and asked as `jobs.backtest` does it."""
    started = time.perf_counter()
    recommender, catalog, past = fit(fold.data, model=model, now=fold.cutoff, half_life_days=Settings().half_life_days)
    fit_s = time.perf_counter() - started
    column = np.full(len(catalog) + 1, -1)
    column[fold.candidates] = np.arange(len(fold.candidates))
    shown = [
        column[rows] for _, rows, _ in lists(recommender, fold.users(), past, fold.candidates, now=fold.cutoff, k=k)
    ]
    return judged(np.vstack(shown), fold, fit_s)


def judge_peer(peer: Peer, evidence: Evidence, fold: Fold, k: int) -> Judged:
    """One peer; candidates and ties go in the order of the files."""
    started = time.perf_counter()
    score = peer.fit(evidence)
    fit_s = time.perf_counter() - started
    places = evidence.event_rows[fold.candidates]
    order = np.argsort(places)
    users = evidence.places(fold.user_ids)
    shown = []
    for begin in range(0, len(users), _CHUNK):
        chunk = users[begin : begin + _CHUNK]
        allowed = evidence.taken[chunk][:, places[order]].toarray() == 0
        columns, _ = topk.top(np.asarray(score(chunk, places[order]), np.float64), allowed, k)
        shown.append(np.where(columns >= 0, order[columns], -1))
    return judged(np.vstack(shown), fold, fit_s)


def judged(shown: NDArray[np.integer], fold: Fold, fit_s: float) -> Judged:
    """The verdict on lists of candidate columns, int of shape (u, k), -1 where a list ends early."""
    count, k = shown.shape
    ndcg, recall, recall_of_all = np.empty(count), np.empty(count), np.empty(count)
    new_ndcg = np.full(count, np.nan)
    for begin in range(0, count, _CHUNK):
        chunk = slice(begin, min(begin + _CHUNK, count))
        relevant = fold.relevant(chunk.start, chunk.stop)
        ndcg[chunk], recall[chunk] = ndcg_and_recall(shown[chunk], relevant)
        sizes = relevant.sum(axis=1)
        recall_of_all[chunk] = recall[chunk] * np.minimum(sizes, k) / sizes
        relevant &= fold.is_new
        some = np.flatnonzero(relevant.any(axis=1))
        new_ndcg[begin + some], _ = ndcg_and_recall(shown[begin + some], relevant[some])
    return Judged(ndcg, recall, recall_of_all, new_ndcg, _variety(shown, fold), fit_s)


def _variety(shown: NDArray[np.integer], fold: Fold) -> dict[str, dict[str, float]]:
    hits = is_hit(fold.past)
    pairs = np.unique(np.stack([fold.past.event_rows[hits], fold.past.user_rows[hits]]), axis=1)
    takers = np.bincount(pairs[0], minlength=len(fold.catalog))[fold.candidates]
    information = self_information(takers, len(np.unique(pairs[1])))
    people = People(np.arange(len(shown)), fold.warm)
    variety = {}
    for segment in USERS:
        mine = shown[people.of(segment)]
        entries = mine[mine >= 0]
        if len(entries):
            variety[segment] = {
                "coverage": len(np.unique(entries)) / len(fold.candidates),
                "novelty": float(information[entries].mean()),
                "unlikeness": unlikeness(mine),
            }
    return variety


def people(folds: Sequence[tuple[Sequence[str], NDArray[np.bool_]]]) -> People:
    """The judged users of all folds, of each of which ids and warmth are given."""
    ids = [user_id for user_ids, _ in folds for user_id in user_ids]
    _, owners = np.unique(ids, return_inverse=True)
    return People(owners, np.concatenate([warm for _, warm in folds]))


def summary(who: People, verdicts: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """One system's measures by segment of users.

    Accuracy is the mean over users and cutoffs together, variety and seconds the mean over cutoffs.
    """
    new_ndcg = np.concatenate([one.new_ndcg for one in verdicts])
    report: dict[str, dict[str, float]] = {}
    for segment in USERS:
        mine = who.of(segment)
        took_new = mine & ~np.isnan(new_ndcg)
        if not mine.any():
            continue
        report[segment] = {"lists": float(mine.sum()), "lists_new_events": float(took_new.sum())}
        for name in ("ndcg", "recall", "recall_of_all"):
            report[segment][name] = float(np.concatenate([getattr(one, name) for one in verdicts])[mine].mean())
        if took_new.any():
            report[segment]["ndcg_new_events"] = float(new_ndcg[took_new].mean())
        varieties = [one.variety[segment] for one in verdicts if segment in one.variety]
        for name in varieties[0] if varieties else ():
            report[segment][name] = float(np.mean([variety[name] for variety in varieties]))
        report[segment]["fit_s"] = float(np.mean([one.fit_s for one in verdicts]))
    return report


def compare(
    who: People, ours: Sequence[Judged], others: Mapping[str, Sequence[Judged]], segments: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """By segment the best of `others` there in NDCG, and how far ours is ahead of it, with an interval.

    `NEW` is everybody, judged on events without feedback. Without ours or others there is nothing to compare.
    """
    report: dict[str, dict[str, Any]] = {}
    if not ours or not others:
        return report
    for segment in segments:
        field = "new_ndcg" if segment == NEW else "ndcg"
        own = np.concatenate([getattr(one, field) for one in ours])
        mine = ~np.isnan(own) if segment == NEW else who.of(segment)
        if not mine.any():
            continue
        theirs = {
            name: np.concatenate([getattr(one, field) for one in verdicts])[mine] for name, verdicts in others.items()
        }
        best = max(theirs, key=lambda name: (theirs[name].mean(), name))
        _, owners = np.unique(who.owners[mine], return_inverse=True)
        lead = difference(own[mine], theirs[best], owners=owners)
        peer = float(theirs[best].mean())
        ratio = float(own[mine].mean()) / peer if peer else None
        report[segment] = {"best_peer": best, "peer": peer, "ours": float(own[mine].mean()), "ratio": ratio}
        report[segment] |= asdict(lead)
    return report
