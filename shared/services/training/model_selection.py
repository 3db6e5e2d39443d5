"""Lets models compete on the latest window: the champion, its challengers, the one in service, and popularity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.evaluation.holdout import Window, latest_cutoff
from shared.models.artifact import Manifest
from shared.models.registry import MODELS, POPULARITY
from shared.ranking.recommender import Recommender
from shared.selection.gate import MIN_USERS, Verdict, decide, difference
from shared.selection.judging import Scores, judge, judge_served
from shared.services.training.dataset import HOLDOUT_SHARE, Material
from shared.services.training.run import Run

Served = tuple[Recommender, Manifest]


@dataclass(frozen=True, slots=True)
class Trial:
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


class Contest:
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

    def held(self, material: Material, served: Served | None) -> Trial:
        """Fit everybody to what came before the window, judge them on it, and decide."""
        table, catalog = material.table, material.catalog
        cutoff = material.replay.cutoff() or latest_cutoff(table, share=HOLDOUT_SHARE)
        if cutoff is None:
            return Trial(
                self._champion, {}, Verdict(publish=True, reason="there is no history yet to judge a model by")
            )
        window, is_unseen, notes = Window.of(table, catalog, cutoff), True, list[str]()
        if served and served[1].trained_at > cutoff:
            recent = Window.of(table, catalog, served[1].trained_at)
            is_unseen = len(recent) >= MIN_USERS
            window = recent if is_unseen else window
        scores = {POPULARITY: self._judge(POPULARITY, material, window)}
        started = self._run.left_s()
        for name in sorted(MODELS, key=lambda name: name != self._champion):
            if name in scores:
                continue
            if name != self._champion and started - self._run.left_s() >= self._challengers_s:
                notes.append(f"no time left to try {name}")
                continue
            scores[name] = self._judge(name, material, window)
            self._run.step(f"{name} tried", f"{name}: {scores[name].metrics()}")
        model = self._winner(scores, notes)
        rival = self._rival(served, is_unseen, scores, material, window, notes)
        popular = scores[POPULARITY] if model != POPULARITY else None
        verdict = decide(scores[model], served=rival, popular=popular)
        if not verdict.publish and served is None:
            notes.append(f"{model} {verdict.reason}; nothing is in service yet, so popularity is to serve first")
            model, verdict = POPULARITY, decide(scores[POPULARITY], served=None, popular=None)
        self._run.step("models compared", verdict.reason)
        return Trial(model, scores | ({"served": rival} if rival else {}), verdict, tuple(notes))

    def _winner(self, scores: Mapping[str, Scores], notes: list[str]) -> str:
        """The champion, unless a challenger is better beyond the interval."""
        champion = self._champion
        ahead = {
            name: lead
            for name, own in scores.items()
            if name not in {champion, POPULARITY}
            and (lead := difference(own.ndcg["all"], scores[champion].ndcg["all"])).low > 0
            and lead.users >= MIN_USERS
        }
        if not ahead:
            return champion
        best = max(ahead, key=lambda name: (ahead[name].mean, name))
        notes.append(f"the challenger {best} is better than {champion}: {ahead[best]}")
        return best

    def _rival(
        self,
        served: Served | None,
        is_unseen: bool,  # noqa: FBT001  # private
        scores: Mapping[str, Scores],
        material: Material,
        window: Window,
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
            return scores.get(manifest.model) or self._judge(manifest.model, material, window)
        known = recommender.catalog.events.places(material.catalog.events.keys) >= 0
        missing = {key for key, is_known in zip(material.catalog.events.ids(), known, strict=True) if not is_known}
        current = recommender.with_events([one for one in material.events if one.event_id in missing])
        return judge_served(current, window, material.table, material.catalog, material.users)

    def _judge(self, model: str, material: Material, window: Window) -> Scores:
        self._run.check()
        recommender = material.fit(model, window.cutoff, half_life_days=self._half_life_days)
        self._run.check()
        return judge(recommender, window, material.table, material.catalog, material.users)
