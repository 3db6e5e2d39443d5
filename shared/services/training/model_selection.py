"""Lets models compete on the latest window: the champion, its challengers, the one in service, and popularity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.evaluation.holdout import Holdout, latest_cutoff
from shared.models.artifact import Manifest
from shared.models.baselines import MostPopular
from shared.models.registry import MODELS
from shared.ranking.recommender import Recommender
from shared.selection.gate import MIN_USERS, Verdict, decide, difference
from shared.selection.judging import Scores, judge, judge_served
from shared.services.training.dataset import HOLDOUT_SHARE, TrainingSet
from shared.services.training.run import Run

Served = tuple[Recommender, Manifest]


@dataclass(frozen=True, slots=True)
class Selection:
    """How the contenders did.

    Attributes
    ----------
    model : the contender to publish.
    scores : by model; "served" is the one in service.
    """

    model: str
    scores: Mapping[str, Scores]
    verdict: Verdict
    notes: tuple[str, ...] = field(default=())


class ChampionChallenger:
    """One comparison of models.

    Parameters
    ----------
    champion : the model that is published unless another is better beyond the interval.
    half_life_days : see `Settings`.
    challengers_s : seconds for trials; after that no other challenger begins.
    running : the run that it belongs to.
    """

    def __init__(self, champion: str, *, half_life_days: float, challengers_s: float, running: Run) -> None:
        self._champion = champion
        self._half_life_days = half_life_days
        self._challengers_s = challengers_s
        self._run = running

    def run(self, training_set: TrainingSet, served: Served | None) -> Selection:
        """Fit everybody to what came before the window, judge them on it, and decide."""
        table, catalog = training_set.table, training_set.catalog
        cutoff = training_set.replay.cutoff() or latest_cutoff(table, share=HOLDOUT_SHARE)
        if cutoff is None:
            return Selection(
                self._champion, {}, Verdict(publish=True, reason="there is no history yet to judge a model by")
            )
        window, is_unseen, notes = Holdout.of(table, catalog, cutoff), True, list[str]()
        if served and served[1].trained_at > cutoff:
            recent = Holdout.of(table, catalog, served[1].trained_at)
            is_unseen = len(recent) >= MIN_USERS
            window = recent if is_unseen else window
        scores = {MostPopular.name: self._judge(MostPopular.name, training_set, window)}
        started = self._run.left_s()
        for name in sorted(MODELS, key=lambda name: name != self._champion):
            if name in scores:
                continue
            if name != self._champion and started - self._run.left_s() >= self._challengers_s:
                notes.append(f"no time left to try {name}")
                continue
            scores[name] = self._judge(name, training_set, window)
            self._run.step(f"{name} tried", f"{name}: {scores[name].metrics()}")
        model = self._winner(scores, notes)
        incumbent = self._incumbent(served, is_unseen, scores, training_set, window, notes)
        popular = scores[MostPopular.name] if model != MostPopular.name else None
        verdict = decide(scores[model], served=incumbent, popular=popular)
        if not verdict.publish and served is None:
            notes.append(f"{model} {verdict.reason}; nothing is in service yet, so popularity is to serve first")
            model, verdict = MostPopular.name, decide(scores[MostPopular.name], served=None, popular=None)
        self._run.step("models compared", verdict.reason)
        return Selection(model, scores | ({"served": incumbent} if incumbent else {}), verdict, tuple(notes))

    def _winner(self, scores: Mapping[str, Scores], notes: list[str]) -> str:
        """The champion, unless a challenger is better beyond the interval."""
        champion = self._champion
        ahead = {
            name: lead
            for name, own in scores.items()
            if name not in {champion, MostPopular.name}
            and (lead := difference(own.ndcg["all"], scores[champion].ndcg["all"])).low > 0
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
        window: Holdout,
        notes: list[str],
    ) -> Scores | None:
        """The scores of the model in service on a window that it has not seen.

        Where too little has happened since its training, a model of its kind is trained on what came before the window
        and stands in for it: comparing it on what it learned from would favour it.
        """
        if served is None:
            return None
        recommender, manifest = served
        if not is_unseen:
            notes.append(f"the model in service was trained too lately to be judged itself; {manifest.model} stands in")
            return scores.get(manifest.model) or self._judge(manifest.model, training_set, window)
        known = recommender.catalog.events.places(training_set.catalog.events.keys) >= 0
        missing = {key for key, is_known in zip(training_set.catalog.events.ids(), known, strict=True) if not is_known}
        current = recommender.with_events([one for one in training_set.events if one.event_id in missing])
        return judge_served(current, window, training_set.table, training_set.catalog, training_set.users)

    def _judge(self, model: str, training_set: TrainingSet, window: Holdout) -> Scores:
        self._run.check()
        recommender = training_set.fit(model, window.cutoff, half_life_days=self._half_life_days)
        self._run.check()
        return judge(recommender, window, training_set.table, training_set.catalog, training_set.users)
