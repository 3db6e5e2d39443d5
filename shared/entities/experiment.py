"""Experiments: variants of recommendations that are shown to shares of the users at the same time (A/B tests)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.entities.provenance import Segment
from shared.errors import Conflict, InvalidField

MAX_VARIANTS: Final = 8
MAX_UNFINISHED: Final = 10
"""Limit of experiments that are not over: instances read all of them at each look."""
MAX_LIFE: Final = timedelta(days=92)
"""Longest time of an experiment, a quarter: for so long the figures of its users are kept."""
MAX_EXPLORATION: Final = 0.5
"""Greatest share of explored slots: with more of them a list is no recommendation."""
HOLDOUT: Final = "holdout"
"""Name of the arm of the users who see popularity only, the same users in all experiments."""
POPULARITY: Final = "popularity"
"""Model of a variant that ranks by popularity."""
WEIGHTS: Final = ("learned", "hand")
"""Weights of the blend: those that the training learned, or 0.6 × collaborative + 0.4 × content."""
METRICS: Final = ("ctr", "conversion", "bookings_per_user", "stars")
"""Metrics by which variants are compared, see `experiments/analysis.py`."""
GUARDRAILS: Final = (*METRICS, "latency", "fallback")
"""Figures that a variant must not worsen."""
AUDIENCE: Final[Mapping[str, Segment]] = {
    segment.label: segment for segment in (Segment.WARM, Segment.COLD, Segment.VISITOR)
}
"""Segments of users by name of which an experiment may be; users who do not wish to be profiled are in none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Variant of the recommendations; without settings they are as for everybody.

    Attributes
    ----------
    name : name in reports.
    share : share of the users of the audience who see it, above 0 up to 1.
    model : version of a published model, or `POPULARITY`; "" for the one in service.
    weights : weights of the blend, of `WEIGHTS`; other models have none.
    diversity : weight of dissimilarity against relevance, 0..1; None for what the request asks for.
    exploration : share of slots that are explored, 0..`MAX_EXPLORATION`; None for the deployment's.
    """

    name: str
    share: float
    model: str = ""
    weights: str = WEIGHTS[0]
    diversity: float | None = None
    exploration: float | None = None

    def ranker(self) -> tuple[str, str]:
        """Model and weights, by which instances know what ranks its lists."""
        return self.model, WEIGHTS[0] if self.model == POPULARITY else self.weights

    def is_default(self) -> bool:
        """Whether the model in service ranks, with the weights that it has learned."""
        return self.ranker() == ("", WEIGHTS[0])

    @classmethod
    def from_document(cls, data: Document) -> Self:
        """Variant parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        share = fields.number(data, "share", low=0, high=1)
        if not share:
            raise InvalidField("share", data.get("share"), "a number above 0 up to 1")
        return cls(
            name=fields.identifier(data, "name"),
            share=share,
            model=fields.identifier(data, "model", required=False),
            weights=_one_of(data, "weights", WEIGHTS, WEIGHTS[0]),
            diversity=fields.number(data, "diversity", low=0, high=1),
            exploration=fields.number(data, "exploration", low=0, high=MAX_EXPLORATION),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Experiment on the lists of recommendations.

    Attributes
    ----------
    variants : variants, the first of which is the control; their shares add up to at most 1, the rest of the audience
        is not in the experiment.
    starts_at, ends_at : time of the experiment, UTC; it is on from the start to before the end.
    audience : names of `AUDIENCE`, the segments of its users.
    metric : metric that decides, of `METRICS`.
    effect : smallest relative change of the metric that matters, for which intervals are made, 0.001..1.
    guardrails : figures that no variant may worsen, of `GUARDRAILS`.
    holdout : share of all users who see popularity only, 0..0.5; the same users in all experiments.
    """

    experiment_id: str
    variants: tuple[Variant, ...]
    starts_at: datetime
    ends_at: datetime
    audience: tuple[str, ...] = tuple(AUDIENCE)
    metric: str = METRICS[0]
    effect: float = 0.05
    guardrails: tuple[str, ...] = ()
    holdout: float = 0.0

    @classmethod
    def from_document(cls, experiment_id: str, data: Document) -> Self:
        """Experiment parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        effect = fields.number(data, "effect", low=0.001, high=1)
        experiment = cls(
            experiment_id=fields.identifier({"experiment_id": experiment_id}, "experiment_id"),
            variants=_variants(data),
            starts_at=fields.required_time(data, "starts_at"),
            ends_at=fields.required_time(data, "ends_at"),
            audience=_some_of(data, "audience", tuple(AUDIENCE)) or tuple(AUDIENCE),
            metric=_one_of(data, "metric", METRICS, METRICS[0]),
            effect=0.05 if effect is None else effect,
            guardrails=_some_of(data, "guardrails", GUARDRAILS),
            holdout=fields.number(data, "holdout", low=0, high=0.5) or 0.0,
        )
        lasts = experiment.ends_at - experiment.starts_at
        if not timedelta(0) < lasts <= MAX_LIFE:
            expected = f"a time after starts_at, at most {MAX_LIFE.days} days later"
            raise InvalidField("ends_at", experiment.ends_at.isoformat(), expected)
        if len(experiment.arms()) < 2:
            raise InvalidField("variants", "one variant and no holdout", "two variants, or one and a holdout")
        return experiment

    def to_document(self) -> dict[str, Any]:
        """Experiment as document fields, without its id."""
        document = known_fields(self, "experiment_id", "variants")
        return {**document, "variants": [known_fields(variant) for variant in self.variants]}

    def is_on(self, now: datetime) -> bool:
        """Whether the experiment is on at `now`."""
        return self.starts_at <= now < self.ends_at

    def arms(self) -> tuple[str, ...]:
        """Names of its groups of users: the variants, the control first, and the hold-out where there is one."""
        return (*(variant.name for variant in self.variants), *((HOLDOUT,) if self.holdout else ()))

    def label(self, arm: str) -> str:
        """Name of an arm in ids of lists and reports; that of the hold-out is the same in all experiments.

        No id has a slash, so that different arms have different names.
        """
        return HOLDOUT if arm == HOLDOUT else f"{self.experiment_id}/{arm}"

    def check_change(self, before: Self, now: datetime) -> None:
        """Check that this may take the place of an experiment; raises `Conflict` for what would spoil its figures.

        Of one that has begun, only the end may change, and the shares if they keep their ratio, so that no user changes
        from one variant to another.
        """
        if now < before.starts_at:
            return
        if now >= before.ends_at:
            raise Conflict(f"experiment {before.experiment_id}: it is over; give another one an id of its own")
        pairs = list(zip(self.variants, before.variants, strict=False))
        scales = [variant.share / former.share for variant, former in pairs]
        variants = (*(replace(each, share=former.share) for each, former in pairs), *self.variants[len(pairs) :])
        as_before = replace(self, ends_at=before.ends_at, variants=variants)
        if as_before != before or max(scales) - min(scales) > _ROUNDING:
            raise Conflict(
                f"experiment {before.experiment_id}: it has begun, so that only ends_at may change, and the shares in "
                "proportion; end it and begin another one"
            )


def label_names(experiments: Iterable[Experiment]) -> list[str]:
    """Labels of all arms of experiments, each once."""
    return list(dict.fromkeys(each.label(arm) for each in experiments for arm in each.arms()))


_ROUNDING: Final = 1e-9
"""Bound of what the sum of shares exceeds 1 by rounding."""


def _variants(data: Document) -> tuple[Variant, ...]:
    value = data.get("variants")
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_VARIANTS:
        got = f"{len(value)} entries" if isinstance(value, list | tuple) else value
        raise InvalidField("variants", got, f"a list of 1 to {MAX_VARIANTS} variants")
    if not all(isinstance(entry, Mapping) for entry in value):
        raise InvalidField("variants", value, "objects with a name and a share")
    variants = tuple(Variant.from_document(entry) for entry in value)
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names) or HOLDOUT in names:
        raise InvalidField("variants", ", ".join(names), f"different names, none of which is {HOLDOUT}")
    total = sum(variant.share for variant in variants)
    if total > 1 + _ROUNDING:
        raise InvalidField("variants", f"shares of {total:g} in all", "shares of at most 1 in all")
    return variants


def _one_of(data: Document, field: str, allowed: tuple[str, ...], default: str) -> str:
    value = fields.text(data, field, max_bytes=100) or default
    if value not in allowed:
        raise InvalidField(field, value, f"one of {', '.join(allowed)}")
    return value


def _some_of(data: Document, field: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    given = fields.texts(data, field, max_items=len(allowed), max_bytes=100)
    for value in given:
        if value not in allowed:
            raise InvalidField(field, value, f"some of {', '.join(allowed)}")
    return given
