"""Learning from exposure, on and off, in the simulator: `python -m benchmarks.exposure --cities 4`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.runs import Results, report, run
from benchmarks.simulator.clock import Clock
from benchmarks.simulator.simulation import PAGE, Simulation
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from shared.arrays.vocabulary import Vocabulary
from shared.entities.profile import MAX_HISTORY
from shared.feedback.exposures import ExposureColumns
from shared.feedback.history import Histories
from shared.feedback.popularity import popularity
from shared.learning.samples import score_signals
from shared.models.blend import learn
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import EventSignal
from shared.signals.users import UserBatch

_START: Final = datetime(2026, 5, 4, tzinfo=UTC)
_CHUNK: Final = 32
"""Users who are scored at once: bounds memory."""
_AHEAD_DAYS: Final = 14
"""Days after the simulated ones for which the city still announces events."""
_FIGURES: Final = ("clicks", "bookings", "ndcg")
"""Figures of a list: expected clicks and bookings, and the NDCG of the chance to click and book each event."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exposure",
        description="Simulate cities whose users see, click and book events of the lists of a deployment, then learn "
        "the blend's weights with and without what was shown, and print what the next list of each user is worth by "
        "the tastes that the simulator gave them, as means with 95 %% intervals over users.",
    )
    parser.add_argument(
        "--cities", type=int, default=4, help="simulated cities, of seeds 1, 2, … (default: %(default)s)"
    )
    parser.add_argument("--days", type=int, default=12, help="simulated days (default: %(default)s)")
    parser.add_argument("--users", type=int, default=300, help="users of a city (default: %(default)s)")
    parser.add_argument("--events", type=int, default=600, help="events of a city (default: %(default)s)")
    parser.add_argument("--interactions", type=int, default=8_000, help="interactions of a city (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.cities, given.days, given.users, given.events, given.interactions) < 1:
        parser.error("--cities, --days, --users, --events and --interactions: expected positive numbers")

    def measure() -> Results:
        worth: list[NDArray[np.float64]] = []
        report(f"{'city':>5}{'clicks':>14}{'bookings':>14}{'NDCG':>14}   gain by learning from what was shown")
        for seed in range(1, given.cities + 1):
            world = World.of(
                users=given.users,
                events=given.events,
                interactions=given.interactions,
                seed=seed,
                start=_START,
                # Events go on after the days, so that the next lists have some.
                days=given.days + _AHEAD_DAYS,
            )
            with tempfile.TemporaryDirectory(prefix="marquee-exposure-") as folder:
                worth.append(_worth(Path(folder), world, seed, given.days))
            report(f"{seed:>5}" + "".join(f"{_gain(part):>14}" for part in worth[-1]))
            of_all = np.concatenate(worth, axis=2)
            yield {name: _summary(part) for name, part in zip(_FIGURES, of_all, strict=True)}
        report(f"{'all':>5}" + "".join(f"{_gain(part):>14}" for part in of_all))

    return run(measure, lambda _: None, given.out)


def _worth(folder: Path, world: World, seed: int, days: int) -> NDArray[np.float64]:
    """Worth of the next list of each of u users, float64 of shape (3, 2, u): figure, and without or with exposure."""
    with System.opened(folder, Clock(_START - timedelta(hours=2)), challengers_s=0.0) as system:
        system.load(world)
        system.retrain()
        simulation = Simulation(system, world, _START, seed=seed, train_every=0)
        for _ in simulation.days(days):
            pass
        # For the ledger; what it publishes is not asked.
        system.retrain()
        now = system.clock()
        known = TrainingSet.of_ledger(LedgerFiles(system.wired.objects), now=now)
    sets = [replace(known, exposed=_nothing), known]
    weights = [learn(training_set.replay.draws(now))[0] for training_set in sets]
    return _judged(simulation, known, weights, now, days)


def _nothing(_users: Vocabulary) -> ExposureColumns:
    return ExposureColumns.of(())


def _judged(
    simulation: Simulation, known: TrainingSet, weights: Sequence[NDArray[np.float32]], now: datetime, day: int
) -> NDArray[np.float64]:
    """Worth of the lists that each of w weights makes, float64 of shape (3, w, u)."""
    world, habits = simulation.world, simulation.habits
    rows = np.flatnonzero(known.catalog.live(now))
    columns = np.array([simulation.row_of(event_id) for event_id in known.catalog.events.ids(rows)])
    params = {signal.name: known.replay.params(signal.name, now) for signal in SIGNALS}
    popular = popularity(known.table, len(known.catalog))[rows]
    candidates = Candidates(known.catalog, rows, now.timestamp(), popular)
    event_scores = {s.name: s.score(params[s.name], candidates) for s in SIGNALS if isinstance(s, EventSignal)}
    theta = habits.examination(np.arange(PAGE))
    discount = 1 / np.log2(np.arange(PAGE) + 2)
    parts = []
    for begin in range(0, len(world.users), _CHUNK):
        users = np.arange(begin, min(begin + _CHUNK, len(world.users)))
        histories = Histories.of_table([world.users[user] for user in users], known.table, now, newest=MAX_HISTORY)
        values, segments = score_signals(params, UserBatch(histories, candidates), event_scores)
        cells = np.ix_(users, columns)
        utilities, is_open = simulation.utilities(day)[cells], ~simulation.taken()[cells]
        clicks = np.where(is_open, habits.attraction(utilities, simulation.seen()[cells]), 0.0)
        wanted = clicks * habits.booking(utilities)
        ideal = -np.sort(-wanted, axis=1)[:, :PAGE] @ discount
        for_weights = []
        for of_segments in weights:
            scores = np.where(is_open, np.einsum("bcf,bf->bc", values, of_segments[segments]), -np.inf)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :PAGE]
            listed = [np.take_along_axis(chance, best, axis=1) for chance in (clicks, wanted)]
            figures = [listed[0] @ theta, listed[1] @ theta, listed[1] @ discount / np.maximum(ideal, 1e-12)]
            for_weights.append(figures)
        parts.append(np.array(for_weights).transpose(1, 0, 2))
    return np.concatenate(parts, axis=2)


def _summary(part: NDArray[np.float64]) -> dict[str, float]:
    """Mean without and with exposure, and half the 95 % interval of their difference, of values of shape (2, u)."""
    gains = part[1] - part[0]
    half = 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))
    return {"without": float(part[0].mean()), "with": float(part[1].mean()), "half_interval": float(half)}


def _gain(part: NDArray[np.float64]) -> str:
    """Gain in percent of the mean without exposure."""
    found = _summary(part)
    scale = 100 / max(found["without"], 1e-12)
    return f"{scale * (found['with'] - found['without']):+.1f} ± {scale * found['half_interval']:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
