"""False alarms and power of the analysis of experiments under daily looks: `python -m benchmarks.experiments`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.runs import Results, report, run
from shared.experiments.analysis import ALPHA, compare
from shared.experiments.confidence import power
from shared.experiments.ratios import Ratio, ratio
from shared.experiments.sampleratio import ALPHA as MISMATCH
from shared.experiments.sampleratio import mismatch_p_value

_PAGE: Final = 10
"""Impressions of a visit."""
_CLICKS: Final = (2.0, 18.0)
"""Parameters of the Beta distribution of users' click-through rates: a mean of .1, which differs much by user."""
_VISITS: Final = (0.8, 2.4)
"""Parameters of the Beta distribution of users' chances of a visit a day: few come every day."""
_LIFTS: Final = (0.0, 0.05, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class SimulatedArm:
    """Simulated users of an arm, whose acts of a day depend on them, so that those of one user are alike.

    Attributes
    ----------
    impressions, clicks : float64 of shape (days, users) – sums up to the end of each day.
    """

    impressions: NDArray[np.float64]
    clicks: NDArray[np.float64]

    @classmethod
    def of(cls, rng: np.random.Generator, *, users: int, days: int, lift: float = 0.0) -> "SimulatedArm":
        """Arm whose users click more often by a factor of 1 + `lift`; they come into the experiment day by day."""
        rates = np.minimum(rng.beta(*_CLICKS, users) * (1 + lift), 1.0)
        visits = rng.random((days, users)) < rng.beta(*_VISITS, users)
        clicks = rng.binomial(_PAGE, rates, (days, users)) * visits
        return cls(np.cumsum(visits * float(_PAGE), axis=0), np.cumsum(clicks, axis=0).astype(np.float64))

    def looks(self) -> Iterator[Ratio]:
        """Click-through rate at the end of each day."""
        for impressions, clicks in zip(self.impressions, self.clicks, strict=True):
            exposed = impressions > 0
            yield ratio(clicks[exposed], impressions[exposed])

    def exposed(self) -> NDArray[np.int64]:
        """Number of users with an impression up to the end of each day, int64 of shape (days,)."""
        return np.asarray(np.count_nonzero(self.impressions, axis=1))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a simulated experiment with daily looks.

    Attributes
    ----------
    is_found : whether any look found a difference.
    day : number of the first such look, -1 for none.
    stated : power that the analysis states for its last look, of the effect that was simulated.
    has_mismatch : whether any look found a sample-ratio mismatch.
    """

    is_found: bool
    day: int
    stated: float
    has_mismatch: bool


def simulated(seed: int, *, users: int, days: int, lift: float, effect: float) -> Outcome:
    """Experiment of two arms of `users` each, of which one has a `lift`, analysed after each of the `days`."""
    rng = np.random.default_rng(seed)
    control, treated = (SimulatedArm.of(rng, users=users, days=days, lift=each) for each in (0.0, lift))
    found = [
        compare("b", "ctr", after, before, effect=effect, alpha=ALPHA)
        for before, after in zip(control.looks(), treated.looks(), strict=True)
    ]
    hits = [
        number
        for number, each in enumerate(found)
        if each.low is not None and each.high is not None
        if each.low > 0 or each.high < 0
    ]
    last, base = found[-1], list(control.looks())[-1].value
    stated = power(lift * base, last.error or float("inf"), effect * base, alpha=ALPHA)
    counts = np.stack([control.exposed(), treated.exposed()], axis=1)
    return Outcome(bool(hits), hits[0] if hits else -1, stated, mismatch_p_value(counts, [0.5, 0.5]) < MISMATCH)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.experiments",
        description="Simulate experiments on users of whom each acts alike all the time, look every day, and print how "
        "often a difference is found, beside what the analysis states.",
    )
    parser.add_argument("--runs", type=int, default=500, help="experiments for each effect (default: %(default)s)")
    parser.add_argument("--users", type=int, default=2_000, help="users of an arm (default: %(default)s)")
    parser.add_argument("--days", type=int, default=30, help="days of an experiment (default: %(default)s)")
    parser.add_argument("--effect", type=float, default=0.1, help="effect that matters (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.runs, given.users, given.days) < 1 or not 0 < given.effect <= 1:
        parser.error("--runs, --users, --days and --effect: expected positive numbers, and an effect up to 1")

    def measure() -> Results:
        report(f"{'lift':>6}{'found':>9}{'stated':>9}{'day':>7}{'mismatch':>10}")
        results: dict[str, object] = {}
        for lift in _LIFTS:
            outcomes = [
                simulated(seed, users=given.users, days=given.days, lift=lift, effect=given.effect)
                for seed in range(given.runs)
            ]
            found = float(np.mean([each.is_found for each in outcomes]))
            stated = float(np.mean([each.stated for each in outcomes]))
            days = [each.day + 1 for each in outcomes if each.is_found]
            day = float(np.median(days)) if days else 0.0
            mismatch = float(np.mean([each.has_mismatch for each in outcomes]))
            report(f"{lift:>6.0%}{found:>9.1%}{stated:>9.1%}{day:>7.0f}{mismatch:>10.1%}")
            results[f"{lift:g}"] = {"found": found, "stated": stated, "day": day, "mismatch": mismatch}
            yield {"lifts": results}

    return run(measure, lambda _: None, given.out)


if __name__ == "__main__":
    sys.exit(main())
