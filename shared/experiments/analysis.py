"""Analysis of an experiment: figures of its arms, differences to the control, checks, and a verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from math import isfinite, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import Experiment
from shared.entities.experiment import HOLDOUT, METRICS
from shared.experiments.arms import ArmState
from shared.experiments.confidence import detectable, needed_error, p_value, radius
from shared.experiments.ratios import Ratio, ratio
from shared.experiments.sampleratio import ALPHA as MISMATCH
from shared.experiments.sampleratio import mismatch_p_value

ALPHA: Final = 0.05
"""Chance of any wrong verdict over all looks of an experiment; its comparisons share it (Bonferroni)."""
MIN_USERS: Final = 100
"""Users of each arm below which there is no verdict: for fewer, a mean is not nearly normal."""
MIN_EVENTS: Final = 20
"""Clicks, bookings or ratings of each arm below which there is no verdict, for the same reason."""
MIN_LISTS: Final = 1_000
"""Lists of each arm below which latency and fallbacks are not judged: a percentile of fewer is luck."""
SLOWER: Final = 1.5
"""Ratio of the p95 latencies above which a variant is slower: those of two equal arms differ by less."""
MORE_FALLBACKS: Final = 0.01
"""Difference of the shares of fallbacks above which a variant has more of them."""
_LONGEST: Final = timedelta(days=3_650)
"""Time after which an effect counts as out of reach."""
_RATES: Final = (0.1, 0.5)
"""Bounds of the exponent by which errors fall with time: 1/2 for users who come once, less for those who come back."""
_FITTED: Final = 4
"""Days from which on that exponent is estimated; before, it is 1/2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Difference of an arm's metric to that of the control, with its confidence sequence at this look.

    Attributes
    ----------
    difference, low, high : of the arm − the control; None where a metric is unknown, or has no bound.
    relative, relative_low, relative_high : the same relative to the control's value.
    error : standard error of the difference; None where it cannot be estimated.
    p_value : always-valid p-value, before it is compared to the part of `ALPHA` that the comparison has.
    is_judged : whether both arms have `MIN_USERS` and `MIN_EVENTS`.
    """

    arm: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    error: float | None
    p_value: float
    is_judged: bool

    @property
    def is_better(self) -> bool:
        """Whether the arm is better than the control."""
        return self.is_judged and self.low is not None and self.low > 0

    @property
    def is_worse(self) -> bool:
        """Whether the arm is worse than the control."""
        return self.is_judged and self.high is not None and self.high < 0


def metric_of(users: NDArray[Any], metric: str) -> Ratio:
    """Metric of the users of an arm, of dtype `USERS`, by its name in `METRICS`."""
    match metric:
        case "ctr":
            above, below = users["clicks"], users["impressions"]
        case "conversion":
            above, below = users["bookings"], users["impressions"]
        case "stars":
            above, below = users["stars"], users["ratings"]
        case _:
            above, below = users["bookings"], np.ones(len(users))
    return ratio(above.astype(np.float64), below.astype(np.float64))


def compare(arm: str, metric: str, treated: Ratio, control: Ratio, *, effect: float, alpha: float) -> Comparison:
    """Comparison of two arms' ratios.

    Parameters
    ----------
    effect : relative change of the control's value that matters, for which intervals are narrowest.
    alpha : chance that any of all intervals misses the truth.
    """
    difference, error = treated.value - control.value, float(np.hypot(treated.error, control.error))
    scale = effect * abs(control.value)
    width = radius(error, scale, alpha=alpha)
    base = abs(control.value)

    def bound(value: float) -> float | None:
        return value if isfinite(value) else None

    def relative(value: float) -> float | None:
        return bound(value / base) if base else None

    return Comparison(
        arm=arm,
        metric=metric,
        difference=difference if treated.denominator and control.denominator else None,
        low=bound(difference - width),
        high=bound(difference + width),
        relative=relative(difference) if treated.denominator else None,
        relative_low=relative(difference - width),
        relative_high=relative(difference + width),
        error=bound(error),
        p_value=p_value(difference, error, scale),
        is_judged=False,
    )


def analyse(
    experiment: Experiment,
    arms: Mapping[str, ArmState],
    day: date,
    *,
    history: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Analysis of an experiment after a day, as a JSON object.

    Parameters
    ----------
    arms : state of each arm by name, see `Experiment.arms`.
    history : the `history` of the analysis of the day before, to which this day is added.
    """
    control, *others = experiment.arms()
    users = {name: arms[name].exposed() for name in (control, *others)}
    ratios = {name: {metric: metric_of(users[name], metric) for metric in METRICS} for name in users}
    alpha = ALPHA / len(others)
    comparisons = [
        _judged(
            compare(name, metric, ratios[name][metric], ratios[control][metric], effect=experiment.effect, alpha=alpha),
            [(len(users[arm]), ratios[arm][metric]) for arm in (name, control)],
        )
        for name in others
        for metric in METRICS
    ]
    primary = {each.arm: each for each in comparisons if each.metric == experiment.metric}
    mismatch = _mismatch(experiment, users)
    guardrails = _guardrails(experiment, arms, comparisons)
    looks = [*history, *(_look(day, each) for each in primary.values())]
    reach = _reach(experiment, ratios[control][experiment.metric].value, primary, looks, day, alpha)
    return {
        "experiment_id": experiment.experiment_id,
        "day": day.isoformat(),
        "metric": experiment.metric,
        "effect": experiment.effect,
        "arms": [_figures(experiment, name, arms[name], users[name], ratios[name]) for name in users],
        "comparisons": [asdict(each) for each in comparisons],
        "sample_ratio": mismatch,
        "guardrails": guardrails,
        "reach": reach,
        "verdict": _verdict(experiment, primary, mismatch, guardrails, reach, day),
        "history": looks,
    }


def _judged(found: Comparison, given: Sequence[tuple[int, Ratio]]) -> Comparison:
    is_judged = all(n >= MIN_USERS and _events(found.metric, value) >= MIN_EVENTS for n, value in given)
    return Comparison(**{**asdict(found), "is_judged": is_judged})


def _events(metric: str, value: Ratio) -> float:
    return value.denominator if metric == "stars" else value.numerator


def _figures(
    experiment: Experiment, name: str, state: ArmState, users: NDArray[Any], ratios: Mapping[str, Ratio]
) -> dict[str, Any]:
    lists = state.lists.lists.total()
    return {
        "name": name,
        "label": experiment.label(name),
        "users": len(users),
        "impressions": int(users["impressions"].sum()),
        "clicks": int(users["clicks"].sum()),
        "bookings": int(users["bookings"].sum()),
        "ratings": int(users["ratings"].sum()),
        **{metric: found.value if found.denominator else None for metric, found in ratios.items()},
        "lists": lists,
        "latency_p95_s": state.lists.latency.percentile(95) if state.lists.latency.count else None,
        "fallback_share": state.lists.fallback / lists if lists else None,
    }


def _mismatch(experiment: Experiment, users: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Sample-ratio mismatch of the variants; users of the hold-out are assigned apart."""
    names = [variant.name for variant in experiment.variants]
    shares = [variant.share for variant in experiment.variants]
    days = np.unique(np.concatenate([users[name]["first"] for name in names]))
    counts = np.stack([np.searchsorted(np.sort(users[name]["first"]), days, side="right") for name in names], axis=1)
    found = mismatch_p_value(counts, shares) if len(names) > 1 else 1.0
    return {
        "p_value": found,
        "is_mismatch": found < MISMATCH,
        "users": {name: len(users[name]) for name in names},
        "expected_shares": {name: share / sum(shares) for name, share in zip(names, shares, strict=True)},
    }


def _guardrails(
    experiment: Experiment, arms: Mapping[str, ArmState], comparisons: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """Guardrails of each arm but the hold-out, which is not to be launched, with what was found in words."""
    control = experiment.arms()[0]
    found = []
    for variant in experiment.variants[1:]:
        for guardrail in experiment.guardrails:
            if guardrail in METRICS:
                each = next(each for each in comparisons if (each.arm, each.metric) == (variant.name, guardrail))
                is_broken, text = each.is_worse, f"{guardrail} {_percent(each)}"
            else:
                is_broken, text = _operational(guardrail, arms[variant.name], arms[control])
            found.append({"arm": variant.name, "guardrail": guardrail, "is_broken": is_broken, "found": text})
    return found


def _operational(guardrail: str, treated: ArmState, control: ArmState) -> tuple[bool, str]:
    counts = [state.lists.lists.total() for state in (treated, control)]
    if min(counts) < MIN_LISTS:
        return False, f"{guardrail}: fewer than {MIN_LISTS:,} lists"
    if guardrail == "latency":
        seconds, usual = (state.lists.latency.percentile(95) for state in (treated, control))
        return seconds > SLOWER * usual, f"p95 of {seconds * 1_000:,.1f} ms, against {usual * 1_000:,.1f} ms"
    share, usual = (state.lists.fallback / count for state, count in zip((treated, control), counts, strict=True))
    return share - usual > MORE_FALLBACKS, f"fallbacks {share:.2%}, against {usual:.2%}"


def _look(day: date, found: Comparison) -> dict[str, Any]:
    return {
        "day": day.isoformat(),
        **{name: getattr(found, name) for name in ("arm", "difference", "low", "high", "error")},
    }


def _reach(
    experiment: Experiment,
    base: float,
    primary: Mapping[str, Comparison],
    looks: Sequence[Mapping[str, Any]],
    day: date,
    alpha: float,
) -> dict[str, Any]:
    """Effect that will be detectable at the end, and the day at which that of the experiment is, both with `POWER`.

    Of several arms that with the greatest error counts; errors fall with time as they have so far.
    """
    errors = [each.error for each in primary.values()]
    known = [error for error in errors if error]
    begin = experiment.starts_at.astimezone(UTC)
    passed = (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) - begin) / timedelta(days=1)
    if len(known) < len(errors) or passed <= 0 or not base:
        return {"effect_at_end": None, "day": None}
    worst = max(primary.values(), key=lambda each: each.error or 0.0)
    error, scale = max(known), experiment.effect * abs(base)
    rate = _rate([each for each in looks if each["arm"] == worst.arm and each["error"]], begin)
    whole = (experiment.ends_at - begin) / timedelta(days=1)
    at_end = error * (passed / max(whole, passed)) ** rate
    needed = needed_error(scale, scale, alpha=alpha)
    days = passed * (error / needed) ** (1 / rate)
    is_near = days < _LONGEST.days
    return {
        "effect_at_end": detectable(at_end, scale, alpha=alpha) / abs(base),
        "day": (begin + timedelta(days=days)).date().isoformat() if is_near else None,
    }


def _rate(looks: Sequence[Mapping[str, Any]], begin: datetime) -> float:
    """Exponent of the power law by which errors have fallen with time, 1/2 as long as too few days tell."""
    low, high = _RATES
    if len(looks) < _FITTED:
        return high
    ends = [date.fromisoformat(each["day"]).toordinal() + 1 - begin.date().toordinal() for each in looks]
    slope = np.polyfit([log(max(end, 1)) for end in ends], [log(each["error"]) for each in looks], 1)[0]
    return float(np.clip(-slope, low, high))


def _percent(found: Comparison) -> str:
    if found.relative is None or found.relative_low is None or found.relative_high is None:
        return "unknown"
    return f"{found.relative:+.1%} ({found.relative_low:+.1%} to {found.relative_high:+.1%})"


def _verdict(
    experiment: Experiment,
    primary: Mapping[str, Comparison],
    mismatch: Mapping[str, Any],
    guardrails: Sequence[Mapping[str, Any]],
    reach: Mapping[str, Any],
    day: date,
) -> dict[str, Any]:
    """Verdict: its kind, the arm that it is about, "" for none, and a text for people."""
    control = experiment.arms()[0]
    about = {name: found for name, found in primary.items() if name != HOLDOUT}
    broken = [each for each in guardrails if each["is_broken"]]
    better = [each for each in about.values() if each.is_better and each.arm not in {found["arm"] for found in broken}]
    worse = [each for each in about.values() if each.is_worse]
    if mismatch["is_mismatch"]:
        users = ", ".join(f"{name} {number:,}" for name, number in mismatch["users"].items())
        text = (
            f"Do not use the figures: users are not split as the shares say ({users}; p = {mismatch['p_value']:.1g}). "
            "Find out in which arm users get lost, or lists are not reported, and begin again."
        )
        return {"kind": "mismatch", "arm": "", "text": text}
    if better:
        best = max(better, key=lambda each: each.difference or 0.0)
        text = f"{best.arm} is better than {control}: {experiment.metric} {_percent(best)}. Use it for everybody."
        return {"kind": "better", "arm": best.arm, "text": text}
    if broken:
        first = broken[0]
        text = f"Stop {first['arm']}: it breaks the guardrail {first['guardrail']}, {first['found']}."
        return {"kind": "guardrail", "arm": first["arm"], "text": text}
    if about and len(worse) == len(about):
        names = " and ".join(f"{each.arm}: {experiment.metric} {_percent(each)}" for each in worse)
        return {"kind": "worse", "arm": control, "text": f"{control} is better. Keep it. {names}."}
    if not about:
        held_out = primary.get(HOLDOUT)
        text = f"{HOLDOUT} beside {control}: {experiment.metric} {_percent(held_out)}." if held_out else ""
        return {"kind": "holdout", "arm": "", "text": text}
    is_over = day + timedelta(days=1) >= experiment.ends_at.date()
    state = "Ended undecided" if is_over else "Undecided so far"
    seen = "; ".join(f"{each.arm} {_percent(each)}" for each in about.values())
    parts = [f"{state}: {experiment.metric} {seen} beside {control}."]
    if not all(each.is_judged for each in about.values()):
        parts.append(f"Each arm needs {MIN_USERS} users and {MIN_EVENTS} events of the metric for a verdict.")
    if reach["effect_at_end"] is not None:
        when = f"on {reach['day']}" if reach["day"] else "not within ten years"
        parts.append(
            f"With the traffic so far, an effect of {reach['effect_at_end']:.1%} is found by the end, and one of "
            f"{experiment.effect:.1%} {when}, each with 80 % chance."
        )
    return {"kind": "undecided", "arm": "", "text": " ".join(parts)}
