"""Compares models on the latest stretch of time, user by user, none of them having learned from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import User
from shared.evaluation.holdout import Holdout
from shared.evaluation.metrics import of_hits
from shared.feedback.interactions import InteractionTable
from shared.feedback.popularity import popularity
from shared.ranking.batch import lists
from shared.ranking.recommender import Recommender

MAX_LISTED: Final = 5_000
K: Final = 10
SEGMENTS: Final = ("all", "warm", "cold", "new_events")
"""Everybody; users with and without a hit before the window; and hits on events that nobody had touched before it."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How good one model's lists are.

    Attributes
    ----------
    ndcg : segment → float64 of shape (users of the segment,), NDCG@10 of each, in one order for all models.
    recall : mean recall@10; `coverage` the share of candidates in any list.
    listed : float of shape (m,) – the scores in the lists, at most `MAX_LISTED` of them.
    """

    ndcg: Mapping[str, NDArray[np.float64]]
    recall: float
    coverage: float
    listed: NDArray[np.floating]

    def metrics(self) -> dict[str, float]:
        """As the manifest and the run document hold them; segments without users are left out."""
        metrics = {"users": float(len(self.ndcg["all"])), f"ndcg@{K}": _mean(self.ndcg["all"])}
        metrics |= {f"recall@{K}": self.recall, "coverage": self.coverage}
        metrics |= {f"ndcg@{K} {name}": _mean(self.ndcg[name]) for name in SEGMENTS[1:] if len(self.ndcg[name])}
        return metrics


def judge(
    model: Recommender,
    window: Holdout,
    table: InteractionTable,
    catalog: Catalog,
    users: Mapping[str, User],
    *,
    k: int = K,
) -> Scores:
    """The scores of a model that was made for `catalog` and knows nothing of the window, by its lists of `k`."""
    past = table.before(window.cutoff)
    past = past.where(np.isin(past.user_rows, window.user_rows))
    judged = [users.get(key) or User(user_id=key) for key in table.users.ids(window.user_rows)]
    shown = [(rows, own) for _, rows, own in lists(model, judged, past, window.candidates, now=window.cutoff, k=k)]
    listed = np.vstack([rows for rows, _ in shown]) if shown else np.empty((0, k), np.int64)
    scores = np.concatenate([own[rows >= 0] for rows, own in shown]) if shown else np.empty(0)
    n = max(len(catalog), 1)
    cells = np.arange(len(listed))[:, None] * n + listed
    relevant = window.owners * n + window.hits
    is_hit = np.isin(cells, relevant) & (listed >= 0)
    is_new_hit = np.isin(cells, relevant[window.is_new]) & (listed >= 0)
    counts = np.bincount(window.owners, minlength=len(window))
    new_counts = np.bincount(window.owners[window.is_new], minlength=len(window))
    ndcg, recall = of_hits(is_hit, counts)
    new_ndcg, _ = of_hits(is_new_hit, new_counts)
    return Scores(
        {
            "all": ndcg,
            "warm": ndcg[window.warm],
            "cold": ndcg[~window.warm],
            "new_events": new_ndcg[new_counts > 0],
        },
        _mean(recall),
        len(np.unique(listed[listed >= 0])) / max(len(window.candidates), 1),
        scores[:MAX_LISTED],
    )


def judge_served(
    served: Recommender, window: Holdout, table: InteractionTable, catalog: Catalog, users: Mapping[str, User]
) -> Scores:
    """The same for a model that was made for another catalog, an earlier one, of which `catalog` holds all events.

    Popularity is that of the cutoff, as an instance that serves the model has it.
    """
    rows = catalog.events.places(served.catalog.events.keys)
    known = served.catalog.events.places(catalog.events.keys)
    organizers = served.catalog.organizers.places(catalog.organizers.keys)
    theirs = replace(
        table,
        event_rows=_translated(table.event_rows, known),
        organizer_rows=_translated(table.organizer_rows, organizers),
    )
    popular = popularity(table.before(window.cutoff), len(catalog))
    model = replace(served, popularity=np.append(popular, 0.0)[rows])
    moved = replace(window, candidates=known[window.candidates], hits=known[window.hits])
    return judge(model, moved, theirs, served.catalog, users)


def _translated(rows: NDArray[np.int32], places: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.append(places, -1).astype(np.int32)[rows]


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0
