"""Blend with and without the two towers, towers and graph alone, on temporal holdouts: `python -m benchmarks.deep`."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.accuracy import CITY, SAMPLE, data_folder
from benchmarks.folds import Fold, Plan, folds
from benchmarks.judging import (
    ALL,
    COLD,
    DISCOVERY,
    KNOWN,
    NEW,
    WARM,
    EvaluatedUsers,
    Evaluation,
    compare,
    evaluate_recommender,
    evaluated_users,
    mean_of_seeds,
    spread_of_seeds,
    summary,
)
from benchmarks.runs import run_on_folder
from benchmarks.splits import add_split_arguments, plan_of
from jobs.console import Console, table
from jobs.options import ReadingOptions, add_arguments, reading_parser
from shared.deep.extra import HOW_TO_INSTALL, is_installed
from shared.errors import InvalidField
from shared.learning.windows import windows_of
from shared.models.blend import Blend
from shared.models.graph import Graph
from shared.models.scorer import Scorer, TrainingInput
from shared.models.towers import Towers
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import TrainingSet
from shared.settings import Settings
from shared.signals.towers import Towers as TowersSignal

BLEND, WITH_TOWERS, TOWERS, GRAPH = "blend", "blend with towers", "towers", "graph"
SYSTEMS: Final = (BLEND, WITH_TOWERS, TOWERS, GRAPH)
_K: Final = 10
_PARTS: Final = {ALL: "all", WARM: "warm", COLD: "cold", KNOWN: "known", NEW: "new", DISCOVERY: "unknown org."}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the benchmark; returns the exit status."""
    parser = reading_parser(
        "benchmarks.deep",
        "At each cutoff and for each seed, train the blend without and with the signal of the two towers, the towers "
        "and LightGCN, and judge their lists by what followed. All of a seed share their training groups, so that "
        "differences come from the signal. Without a folder, on the synthetic city of `benchmarks.accuracy`.",
        example="FOLDER",
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder with events.csv, users.csv and interactions.csv")
    add_split_arguments(parser)
    parser.add_argument("--seeds", type=int, default=4, help="seeds, 1..100, over which is averaged (default: 4)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    if not is_installed():
        print(f"error: deep models need packages that are not installed: {HOW_TO_INSTALL}", file=sys.stderr)
        return 1

    def measured(console: Console) -> dict[str, Any]:
        if not 1 <= given.seeds <= 100:
            raise InvalidField("--seeds", given.seeds, "a whole number in 1..100")
        plan, options = plan_of(given, Plan() if given.folder else SAMPLE), ReadingOptions.parse(given)
        with data_folder(given.folder, CITY, console) as folder:
            return measure(folder, plan, given.seeds, console, options)

    return run_on_folder(parser, measured, shown, given.out)


def measure(folder: Path, plan: Plan, seeds: int, console: Console, options: ReadingOptions) -> dict[str, Any]:
    """Metrics of the `SYSTEMS` and their differences to the blend, means over seeds, as JSON values."""
    by_seed: dict[str, list[list[Evaluation]]] = {name: [[] for _ in range(seeds)] for name in SYSTEMS}
    users, cutoffs = [], []
    for fold in folds(folder, plan, console, options):
        console.say(f"{fold.cutoff:%Y-%m-%d}: {len(fold.candidates):,} candidates, {len(fold.user_ids):,} users")
        cutoffs.append(fold.cutoff.isoformat())
        users.append((fold.user_ids, fold.warm))
        for seed in range(seeds):
            for name, evaluation in _evaluated(fold, seed):
                by_seed[name][seed].append(evaluation)
                console.say(f"  seed {seed}, {name}: {evaluation.ndcg.mean():.4f}, {evaluation.fit_s:.1f} s")
    towers_s = _towers_s(fold)
    return {
        "cutoffs": cutoffs,
        "seeds": seeds,
        "towers_add_s": towers_s,
        **_report(evaluated_users(users), by_seed),
    }


def _evaluated(fold: Fold, seed: int) -> Iterator[tuple[str, Evaluation]]:
    """Evaluation of each system on a fold, all trained with the same seed."""
    training = TrainingSet.of(fold.data, now=fold.cutoff, seed=seed, calendar=fold.catalog.calendar)
    half_life_days = Settings().half_life_days
    frame = training.fit("popularity", fold.cutoff, half_life_days=half_life_days)
    past = training.table.before(fold.cutoff)
    given = TrainingInput(past, len(training.catalog), fold.cutoff, half_life_days, lambda: training.replay)

    def fitted(name: str) -> Scorer:
        if name == BLEND:
            return Blend.learned(training.replay, fold.cutoff, without=[TowersSignal.name])
        model: type[Scorer] = {WITH_TOWERS: Blend, TOWERS: Towers, GRAPH: Graph}[name]
        return model.train(given)

    # The blend with towers first: its time of a fit is that of all signals, which the blend without them shares.
    for name in (WITH_TOWERS, BLEND, TOWERS, GRAPH):
        started = time.perf_counter()
        scorer = fitted(name)
        recommender: Recommender = replace(frame, scorer=scorer)
        recommender.scorer.prepare()
        fit_s = time.perf_counter() - started
        yield name, evaluate_recommender(recommender, training.catalog, past, fold, _K, fit_s, has_one_date=False)


def _towers_s(fold: Fold) -> float:
    """Processor seconds of the towers in one fit of the blend: a fit before each window, and one at the cutoff."""
    training = TrainingSet.of(fold.data, now=fold.cutoff, calendar=fold.catalog.calendar)
    table, now_s = training.table.before(fold.cutoff), fold.cutoff.timestamp()
    total = 0.0
    for moment_s in [*(window.start_s for window in windows_of(table, now_s)), now_s]:
        data = training.replay.data(datetime.fromtimestamp(moment_s, UTC))
        started = time.process_time()
        TowersSignal().fit(data)
        total += time.process_time() - started
    return total


def _report(users: EvaluatedUsers, by_seed: dict[str, list[list[Evaluation]]]) -> dict[str, Any]:
    means = {name: [mean_of_seeds(fold) for fold in zip(*of_seeds, strict=True)] for name, of_seeds in by_seed.items()}
    return {
        "systems": {name: summary(users, evaluations) for name, evaluations in means.items()},
        "over_seeds": {name: spread_of_seeds(users, of_seeds) for name, of_seeds in by_seed.items()},
        "to_blend": {name: compare(users, means[name], means[BLEND]) for name in SYSTEMS if name != BLEND},
    }


def shown(result: dict[str, Any]) -> str:
    """Tables of a result: NDCG of each system by part, and its difference to the blend with a 95 % interval."""
    first = result["to_blend"][WITH_TOWERS]
    parts = [part for part in _PARTS if part in first]
    titles = [f"{_PARTS[part]} ({first[part]['lists']:,})" for part in parts]
    spread = result["over_seeds"]
    figures = [
        [name, *(f"{spread[name][part]['mean']:.4f} ± {spread[name][part]['sd']:.4f}" for part in parts)]
        for name in SYSTEMS
    ]
    leads = [
        [f"{name} − blend", *(_lead(by_part[part]) for part in parts)] for name, by_part in result["to_blend"].items()
    ]
    lines = [f"cutoffs {', '.join(cutoff[:10] for cutoff in result['cutoffs'])}; {result['seeds']} seeds"]
    lines += [table(["NDCG@10", *titles], figures), table(["95 %", *titles], leads)]
    lines.append(f"the towers add {result['towers_add_s']:.1f} s to a fit of the blend")
    return "\n".join(lines)


def _lead(lead: dict[str, Any]) -> str:
    return f"{lead['mean']:+.4f} ({lead['low']:+.4f} to {lead['high']:+.4f})"


if __name__ == "__main__":
    sys.exit(main())
