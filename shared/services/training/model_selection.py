"""Model selection on the latest holdout: the champion, its challengers, the incumbent and popularity."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.entities import KeySource
from shared.evaluation.holdout import Holdout
from shared.models.artifact import Manifest
from shared.models.baselines import MostPopular
from shared.models.registry import check_trainable, trainable
from shared.ranking.recommender import Recommender
from shared.selection.gate import MIN_USERS, Difference, Verdict, decide, difference
from shared.selection.judging import K, Scores, judge, judge_served
from shared.services.training.dataset import TrainingSet
from shared.services.training.explored import ExploredSlots
from shared.services.training.run import Run

Served = tuple[Recommender, Manifest]
"""Incumbent: the model in service, with its manifest."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Result of model selection.

    Attributes
    ----------
    model : name of the selected model.
    scores : evaluation scores on the holdout by model name; "served" is the incumbent.
    verdict : decision of the gate on publishing the selected model.
    notes : remarks on the selection, for people.
    explored : what users clicked in explored slots, estimated for each model's policy, see `ExploredSlots.compared`.
    """

    model: str
    scores: Mapping[str, Scores]
    verdict: Verdict
    notes: tuple[str, ...] = field(default=())
    explored: Mapping[str, Difference] = field(default_factory=dict)

    def comparisons(self) -> dict[str, Any]:
        """Differences of the gate and estimates from explored slots as plain values, for the run document."""
        return self.verdict.comparisons() | {name: asdict(found) for name, found in self.explored.items()}


class ChampionChallenger:
    """Champion/challenger comparison of models on a holdout.

    Parameters
    ----------
    champion : name of the model that is selected unless a challenger is better beyond the confidence interval.
    half_life_days : half-life of an interaction's confidence, see `Settings`.
    challengers_s : seconds for fits, the champion's included; after that no further challenger begins.
    running : the training run that it belongs to.
    keys : source of the keys by which lists say what was explored in them; None to leave that out.
    """

    def __init__(
        self,
        champion: str,
        *,
        half_life_days: float,
        challengers_s: float,
        running: Run,
        keys: KeySource | None = None,
    ) -> None:
        self._champion = champion
        self._half_life_days = half_life_days
        self._challengers_s = challengers_s
        self._run = running
        self._keys = keys
        self._explored: ExploredSlots | None = None
        self._chances: dict[str, NDArray[np.float64]] = {}

    def run(self, training_set: TrainingSet, served: Served | None) -> Selection:
        """Selection of a model: fits all models to the data before the holdout, evaluates them on it, and decides.

        Raises `InvalidField` where the champion cannot be trained here.
        """
        check_trainable(self._champion)
        cutoff = training_set.cutoff
        if cutoff is None:
            return Selection(
                self._champion, {}, Verdict(publish=True, reason="there is no history yet to judge a model by")
            )
        holdout, is_unseen, notes = _holdout(training_set, cutoff), True, list[str]()
        if served and served[1].trained_at > cutoff:
            recent = _holdout(training_set, served[1].trained_at)
            is_unseen = len(recent) >= MIN_USERS
            holdout = recent if is_unseen else holdout
        if self._keys is not None:
            columns = training_set.explored(self._keys())
            self._explored = ExploredSlots.of(training_set, columns, holdout.cutoff) if len(columns) else None
        scores = {MostPopular.name: self._judge(MostPopular.name, training_set, holdout)}
        started = self._run.left_s()
        for name in sorted(trainable(), key=lambda name: name != self._champion):
            if name in scores:
                continue
            if name != self._champion and started - self._run.left_s() >= self._challengers_s:
                notes.append(f"no time left to try {name}")
                continue
            scores[name] = self._judge(name, training_set, holdout)
            judged = scores[name].ndcg["all"]
            quality = (
                f"NDCG@{K} {judged.mean():.3f} for {len(judged):,} users" if len(judged) else "no user to judge by"
            )
            self._run.step(f"{name} tried", f"{name}: {quality}")
        model = self._winner(scores, notes)
        incumbent = self._incumbent(served, is_unseen, scores, training_set, holdout, notes)
        popular = scores[MostPopular.name] if model != MostPopular.name else None
        verdict = decide(scores[model], served=incumbent, popular=popular)
        if not verdict.publish and served is None:
            notes.append(f"{model} {verdict.reason}; nothing is in service yet, so popularity is to serve first")
            model, verdict = MostPopular.name, decide(scores[MostPopular.name], served=None, popular=None)
        self._run.step("models compared", verdict.reason)
        explored = self._explored.compared(self._chances, MostPopular.name) if self._explored else {}
        return Selection(model, scores | ({"served": incumbent} if incumbent else {}), verdict, tuple(notes), explored)

    def _winner(self, scores: Mapping[str, Scores], notes: list[str]) -> str:
        """Winner: the best challenger that beats the champion beyond the confidence interval, else the champion."""
        champion = self._champion
        ahead = {
            name: lead
            for name, challenger in scores.items()
            if name not in {champion, MostPopular.name}
            and (lead := difference(challenger.ndcg["all"], scores[champion].ndcg["all"])).low > 0
            and lead.users >= MIN_USERS
        }
        if not ahead:
            return champion
        best = max(ahead, key=lambda name: (ahead[name].mean, name))
        notes.append(f"the challenger {best} is better than {champion}: {ahead[best]}")
        return best

    def _incumbent(
        self,
        served: Served | None,
        is_unseen: bool,  # noqa: FBT001  # private
        scores: Mapping[str, Scores],
        training_set: TrainingSet,
        holdout: Holdout,
        notes: list[str],
    ) -> Scores | None:
        """Scores of the incumbent on a holdout that it was not trained on; None without an incumbent.

        With too few users since its training, a model of the same kind is fitted to the data before the holdout and
        evaluated in its place: an evaluation on its own training data would favour the incumbent.
        """
        if served is None:
            return None
        recommender, manifest = served
        if not is_unseen and manifest.model not in trainable():
            notes.append(
                f"the model in service was trained too lately to be judged, and {manifest.model} cannot be trained here"
            )
            return None
        if not is_unseen:
            notes.append(f"the model in service was trained too lately to be judged itself; {manifest.model} stands in")
            return scores.get(manifest.model) or self._judge(manifest.model, training_set, holdout)
        known = recommender.catalog.events.rows_of_keys(training_set.catalog.events.keys) >= 0
        missing = {key for key, is_known in zip(training_set.catalog.events.ids(), known, strict=True) if not is_known}
        current = recommender.with_events([event for event in training_set.events if event.event_id in missing])
        popular = training_set.totals.popularity(holdout.cutoff).sums
        table, catalog, users = training_set.table, training_set.catalog, training_set.users
        return judge_served(current, holdout, table, catalog, users, popular=popular)

    def _judge(self, model: str, training_set: TrainingSet, holdout: Holdout) -> Scores:
        self._run.check()
        recommender = training_set.fit(model, holdout.cutoff, half_life_days=self._half_life_days)
        self._run.check()
        if self._explored:
            self._chances[model] = self._explored.chances(recommender)
        return judge(recommender, holdout, training_set.table, training_set.catalog, training_set.users)


def _holdout(training_set: TrainingSet, cutoff: datetime) -> Holdout:
    known = training_set.totals.is_known(cutoff)
    return Holdout.of(training_set.table, training_set.catalog, cutoff, known=known)
