"""Offline evaluation: NDCG@10, recall@10 and coverage of models on a holdout, by user and segment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import User
from shared.evaluation.holdout import Holdout
from shared.evaluation.metrics import LONG, of_hits, restricted
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import popularity
from shared.ranking.batch import recommend_batch
from shared.ranking.recommender import Recommender

MAX_LISTED: Final = 5_000
"""Scores of listed events that are kept, for drift detection."""

K: Final = 10
"""Length of the evaluated lists."""

SEGMENTS: Final = ("all", "warm", "cold", "new_events")
"""Segments by which the gate decides: all users; users with and without a hit before the cutoff; hits on events
without earlier interactions."""

KINDS: Final = ("known_candidates", "new_candidates")
"""Kinds of candidates, with and without earlier interactions, to which lists and hits are restricted for the report."""

REPORTED: Final = (*SEGMENTS, *KINDS)
"""Segments and kinds whose NDCG and differences a training reports."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Evaluation result of one model on a holdout.

    Attributes
    ----------
    ndcg : NDCG@10 of each user by name in `REPORTED`, float64 of shape (users with such hits,), in one order for all
        models.
    recall : mean recall@10.
    coverage : share of the candidates that are in any list, 0..1.
    listed : float of shape (m,) – scores of listed events, at most `MAX_LISTED`.
    """

    ndcg: Mapping[str, NDArray[np.float64]]
    recall: float
    coverage: float
    listed: NDArray[np.floating]

    def metrics(self) -> dict[str, float]:
        """Mean metrics by name, for the manifest and the run document; segments without users are left out.

        The error is the standard error of the mean NDCG over users.
        """
        metrics = {"users": float(len(self.ndcg["all"])), f"ndcg@{K}": _mean(self.ndcg["all"])}
        if len(self.ndcg["all"]) > 1:
            metrics[f"ndcg@{K} error"] = float(self.ndcg["all"].std(ddof=1) / np.sqrt(len(self.ndcg["all"])))
        metrics |= {f"recall@{K}": self.recall, "coverage": self.coverage}
        metrics |= {f"ndcg@{K} {name}": _mean(self.ndcg[name]) for name in REPORTED[1:] if len(self.ndcg[name])}
        return metrics


def judge(
    model: Recommender,
    holdout: Holdout,
    table: InteractionTable,
    catalog: Catalog,
    users: Mapping[str, User],
    *,
    k: int = K,
) -> Scores:
    """Evaluation of a model with the rows of `catalog`, trained before the holdout's cutoff, by its top-k lists.

    Parameters
    ----------
    table : all interactions; those before the cutoff are the histories.
    users : declared profiles by id; a missing one counts as empty.
    """
    past = table.before(holdout.cutoff)
    past = past.where(np.isin(past.user_rows, holdout.user_rows))
    judged = [users.get(key) or User(user_id=key) for key in table.users.ids(holdout.user_rows)]
    chunks = [
        (rows, scores)
        for _, rows, scores in recommend_batch(
            model, judged, past, holdout.candidates, now=holdout.cutoff, k=max(k, LONG)
        )
    ]
    column = np.full(len(catalog) + 1, -1)
    column[holdout.candidates] = np.arange(len(holdout.candidates))
    lists = np.vstack([column[rows] for rows, _ in chunks]) if chunks else np.empty((0, k), np.int64)
    shown = lists[:, :k]
    listed_scores = np.concatenate([scores[:, :k][rows[:, :k] >= 0] for rows, scores in chunks] or [np.empty(0)])
    ndcg, recall, _ = _of_lists(shown, holdout, np.ones_like(holdout.is_new))
    new_ndcg, _, has_new = _of_lists(shown, holdout, holdout.is_new)
    by_name = {
        "all": ndcg,
        "warm": ndcg[holdout.warm],
        "cold": ndcg[~holdout.warm],
        "new_events": new_ndcg[has_new],
    }
    for kind, mask in zip(KINDS, (~holdout.is_new, holdout.is_new), strict=True):
        of_kind, _, has_hit = _of_lists(restricted(lists, mask[lists], k), holdout, mask)
        by_name[kind] = of_kind[has_hit]
    return Scores(
        by_name,
        _mean(recall),
        len(np.unique(shown[shown >= 0])) / max(len(holdout.candidates), 1),
        listed_scores[:MAX_LISTED],
    )


def _of_lists(
    lists: NDArray[np.int64], holdout: Holdout, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """NDCG and recall by user of lists of candidate columns where the hits on candidates in `mask` are relevant.

    Returns
    -------
    ndcg, recall : float64 of shape (u,); 0 for a user without such a hit.
    has_hit : bool of shape (u,) – users with such a hit.
    """
    kept, size = mask[holdout.columns], max(len(holdout.candidates), 1)
    owners = holdout.owners[kept]
    cells = np.arange(len(lists))[:, None] * size + lists
    is_hit = np.isin(cells, owners * size + holdout.columns[kept]) & (lists >= 0)
    counts = np.bincount(owners, minlength=len(holdout))
    return *of_hits(is_hit, counts), counts > 0


def judge_served(
    served: Recommender,
    holdout: Holdout,
    table: InteractionTable,
    catalog: Catalog,
    users: Mapping[str, User],
    *,
    popular: NDArray[np.float64] | None = None,
) -> Scores:
    """Evaluation of the model in service, whose catalog is an earlier one; `catalog` must hold all of its events.

    Rows of the holdout and of the table are translated to the model's catalog. Popularity is that of the cutoff, as an
    instance that serves the model would have it.

    Parameters
    ----------
    popular : float64 of shape (len(catalog),) – popularity at the cutoff; None for that of `table`.
    """
    rows = catalog.events.rows_of_keys(served.catalog.events.keys)
    known = served.catalog.events.rows_of_keys(catalog.events.keys)
    organizers = served.catalog.organizers.rows_of_keys(catalog.organizers.keys)
    translated = replace(
        table,
        event_rows=_translated(table.event_rows, known),
        organizer_rows=_translated(table.organizer_rows, organizers),
    )
    popular = popularity(table.before(holdout.cutoff), len(catalog)) if popular is None else popular
    model = replace(served, popularity=np.append(popular, 0.0)[rows])
    served_holdout = replace(holdout, candidates=known[holdout.candidates])
    return judge(model, served_holdout, translated, served.catalog, users)


def _translated(rows: NDArray[np.int32], new_rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """Rows of another vocabulary, int32 of the shape of `rows`; -1 stays -1."""
    return np.append(new_rows, -1).astype(np.int32)[rows]


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0
