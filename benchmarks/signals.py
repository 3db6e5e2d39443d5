"""Leave-one-out of the blend's signals on a temporal holdout: `python -m benchmarks.signals FOLDER`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.folds import Fold, Plan, folds
from benchmarks.judging import ALL, COLD, DISCOVERY, KNOWN, NEW, WARM, Evaluation, evaluate, evaluated_users, summary
from benchmarks.runs import run_on_folder
from benchmarks.splits import add_split_arguments, plan_of
from jobs.console import Console, table
from jobs.options import ReadingOptions, add_arguments, reading_parser
from shared.entities.profile import MAX_HISTORY
from shared.evaluation.metrics import LONG
from shared.feedback.history import Histories
from shared.feedback.popularity import popularity
from shared.learning.samples import score_signals
from shared.models.blend import HAND_SET, learn
from shared.ranking import topk
from shared.services.training.dataset import TrainingSet
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import EventSignal
from shared.signals.users import UserBatch

_K: Final = 10
_CHUNK: Final = 32
_ALL: Final = "all signals"
_HAND: Final = "hand-set: "
"""Beginning of the names of variants with hand-set weights, which a deployment without much data has."""
_PARTS: Final = {ALL: "all", WARM: "warm", COLD: "cold", KNOWN: "known", NEW: "new", DISCOVERY: "discovery"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the leave-one-out benchmark; returns the exit status."""
    parser = reading_parser(
        "benchmarks.signals",
        "At each cutoff, learn the weights of the blend again without each signal, and print by how many percent the "
        "NDCG changes: with all signals, and with hand-set weights for those that have one. Choose cutoffs before "
        "those by which the blend is judged.",
        example="FOLDER --cutoff 2015-01-01",
    )
    parser.add_argument("folder", type=Path, help="folder with events.csv, users.csv and interactions.csv")
    add_split_arguments(parser)
    parser.add_argument("--max-users", type=int, default=800, help="users judged at a cutoff (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    add_arguments(parser)
    given = parser.parse_args(arguments)

    def measured(console: Console) -> dict[str, dict[str, float]]:
        plan, options = plan_of(given, Plan()), ReadingOptions.parse(given)
        return measure(given.folder, plan, given.max_users, console, options)

    return run_on_folder(parser, measured, shown, given.out)


def measure(
    folder: Path, plan: Plan, max_users: int, console: Console, options: ReadingOptions
) -> dict[str, dict[str, float]]:
    """NDCG by part of each variant of the weights, by its name; the mean over all users of all cutoffs."""
    evaluations: dict[str, list[Evaluation]] = {}
    users = []
    for fold in folds(folder, plan, console, options):
        judged = fold.sample(max_users)
        console.say(f"{fold.cutoff:%Y-%m-%d}: {len(fold.candidates):,} candidates, {len(judged.user_ids):,} users")
        for name, evaluation in _evaluated(judged):
            evaluations.setdefault(name, []).append(evaluation)
        users.append((judged.user_ids, judged.warm))
    evaluated = evaluated_users(users)
    result = {}
    for name, of_folds in evaluations.items():
        by_segment = summary(evaluated, of_folds)
        apart = {kind: by_segment[ALL].get(f"ndcg_{kind}_apart") for kind in (KNOWN, NEW, DISCOVERY)}
        measured = {segment: by_segment[segment]["ndcg"] for segment in (ALL, WARM, COLD) if segment in by_segment}
        result[name] = measured | {kind: value for kind, value in apart.items() if value is not None}
    return result


def shown(result: dict[str, dict[str, float]]) -> str:
    """Table of a result: NDCG of the variants with all signals, and changes in percent of all others."""
    rows = []
    for name, measured in result.items():
        base = result[_HAND + _ALL] if name.startswith(_HAND) else result[_ALL]
        is_base = measured is base
        cells = [
            "–"
            if part not in base
            else f"{base[part]:.4f}"
            if is_base
            else f"{100 * (measured[part] / max(base[part], 1e-12) - 1):+.1f}%"
            for part in _PARTS
        ]
        rows.append([name if is_base else f"  − {name.removeprefix(_HAND)}", *cells])
    return table(["", *_PARTS.values()], rows)


def _evaluated(fold: Fold) -> Iterator[tuple[str, Evaluation]]:
    """Evaluation of each variant of the weights on a fold, by its name."""
    training = TrainingSet.of(fold.data, now=fold.cutoff, calendar=fold.catalog.calendar)
    weights = dict(_variants(training, fold))
    params = {signal.name: training.replay.params(signal.name, fold.cutoff) for signal in SIGNALS}
    past = training.table.before(fold.cutoff)
    popular = popularity(past, len(training.catalog))[fold.candidates]
    candidates = Candidates(training.catalog, fold.candidates, fold.cutoff.timestamp(), popular)
    event_scores = {s.name: s.score(params[s.name], candidates) for s in SIGNALS if isinstance(s, EventSignal)}
    users = fold.users()
    lists: dict[str, list[NDArray[np.int64]]] = {name: [] for name in weights}
    everyone = Histories.of_table(users, past, fold.cutoff, newest=MAX_HISTORY)
    for begin in range(0, len(users), _CHUNK):
        histories = everyone.part(begin, begin + _CHUNK)
        values, segments = score_signals(params, UserBatch(histories, candidates), event_scores)
        allowed = ~histories.consumed(len(training.catalog))[:, fold.candidates]
        for name, of_segments in weights.items():
            scores = np.einsum("bcf,bf->bc", values, of_segments[segments])
            lists[name].append(topk.top(scores, allowed, LONG)[0])
    for name, chunks in lists.items():
        made = np.vstack(chunks)
        yield name, evaluate(made, made[:, :_K], fold, 0.0)


def _variants(training: TrainingSet, fold: Fold) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Weights, float32 of shape (s, F), with all signals and without each."""
    draws = training.replay.draws(fold.cutoff)
    yield _ALL, learn(draws)[0]
    for column, signal in enumerate(SIGNALS):
        if any(groups.values[:, column].any() for groups in draws):
            yield signal.name, learn([groups.without(column) for groups in draws])[0]
    yield _HAND + _ALL, HAND_SET
    for column, signal in enumerate(SIGNALS):
        if HAND_SET[:, column].any():
            yield _HAND + signal.name, np.where(np.arange(len(SIGNALS)) == column, np.float32(0), HAND_SET)


if __name__ == "__main__":
    sys.exit(main())
