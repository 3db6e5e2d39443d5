"""Model size benchmark: what stored neighbours that are over, and codes of 8 bits, would take or save.

`python -m benchmarks.artifact` trains on a synthetic ledger, and compares three forms of the same model: with all
neighbours; as published, without those that are over; and with its half-precision arrays as codes of 8 bits and a scale
for each row. Each form scores the same users for all events to come.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks import market
from benchmarks.digest import PER_USER, ledger
from benchmarks.runs import Results, report, run
from jobs.console import table
from shared.adapters.stores import open_objects
from shared.arrays.ragged import Ragged
from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.history import Histories
from shared.models.artifact import pack
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles
from shared.signals.item_graph import EventGraph
from shared.signals.signal import SignalParams, TrainingData
from shared.signals.users import UserBatch

_TOP: Final = 10
_LARGEST: Final = 8
"""Arrays that the table names."""
_STEPS: Final = 127
"""Steps of a signed code of 8 bits on each side of zero."""

Arrays = Mapping[str, NDArray[Any]]
"""Arrays of an artifact by name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the model size benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.artifact", description=__doc__)
    parser.add_argument("--interactions", type=int, default=1_000_000, help="size of the ledger (default: %(default)s)")
    parser.add_argument("--users", type=int, default=200, help="users whose scores are compared (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args(arguments)
    if min(given.interactions, given.users) < 1:
        parser.error("--interactions and --users: expected at least 1")

    def measure() -> Results:
        with ledger(None, given.interactions) as folder:
            report("training")
            files = LedgerFiles(open_objects(f"folder:{folder}"))
            yield _compared(TrainingSet.of_ledger(files, now=market.NOW), given.users)

    return run(measure, _print, given.out)


def _compared(training_set: TrainingSet, users: int) -> dict[str, Any]:
    published, everything = _trained(training_set)
    coded, saved = _coded(published)
    forms = {"all neighbours": (everything, 0), "as published": (published, 0), "codes of 8 bits": (coded, saved)}
    sample = training_set.table.of_some_users(users * PER_USER)
    known = [User(user_id=user_id) for user_id in sample.users.ids()]
    histories = Histories.of_table(known, sample, market.NOW, newest=MAX_HISTORY)
    scored = {name: _scored(arrays, histories) for name, (arrays, _) in forms.items()}
    scores, best = scored["as published"]
    return {
        "interactions": len(training_set.table),
        "users": len(best),
        "forms": {
            name: {
                "bytes": len(pack(arrays)) - smaller,
                "same_scores": bool(np.array_equal(scored[name][0], scores)),
                "overlap": round(float((scored[name][1][:, :, None] == best[:, None, :]).any(axis=2).mean()), 4),
            }
            for name, (arrays, smaller) in forms.items()
        },
        "largest": {
            name: [array.dtype.name, round(array.nbytes / 1e6, 1)]
            for name, array in sorted(published.items(), key=lambda item: -item[1].nbytes)[:_LARGEST]
        },
    }


def _trained(training_set: TrainingSet) -> tuple[Arrays, Arrays]:
    """Arrays of the blend as it is published, and with the neighbours that are over."""
    fitted = list[SignalParams]()

    def keep(signal: EventGraph, params: SignalParams, data: TrainingData) -> SignalParams:
        fitted.append(params)
        return to_come(signal, params, data)

    to_come = EventGraph.to_come
    with patch.object(EventGraph, "to_come", keep):
        published = training_set.fit("blend", market.NOW, half_life_days=90.0).to_arrays()
    # The last ones are those of the model, after those of the cutoffs that it learns from.
    whole = {f"{EventGraph.name}.{name}": array for name, array in fitted[-1].items()}
    return published, {name: whole.get(name.removeprefix("signal."), array) for name, array in published.items()}


def _coded(arrays: Arrays) -> tuple[Arrays, int]:
    """Arrays whose half-precision ones were codes of 8 bits with a scale for each row, and the bytes that this saves.

    Rows of neighbour lists are those of `starts`.
    """
    coded, saved = dict(arrays), 0
    for name, array in arrays.items():
        if array.dtype != np.float16 or not array.size:
            continue
        starts = arrays.get(f"{name.rpartition('.')[0]}.starts") if array.ndim == 1 else None
        flat = array.astype(np.float32)
        if starts is not None:
            rows = Ragged(starts, ()).row_of_entry()
            scale = np.zeros(len(starts) - 1, np.float32)
            np.maximum.at(scale, rows, np.abs(flat))
            scales = scale[rows]
        else:
            scale = np.abs(flat).max(axis=-1, keepdims=True)
            scales = np.broadcast_to(scale, flat.shape)
        steps = np.rint(flat / np.where(scales > 0, scales, 1) * _STEPS)
        coded[name] = (steps * (scales / _STEPS)).astype(np.float16)
        saved += array.nbytes - array.size - scale.size * 2
    return coded, saved


def _scored(arrays: Arrays, histories: Histories) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Scores of the events to come for each user, and the ten best, int64 of shape (b, 10)."""
    recommender = Recommender.from_arrays("blend", arrays)
    candidates = recommender.candidates(np.flatnonzero(recommender.catalog.live(market.NOW)), market.NOW)
    scores = recommender.scorer.score(UserBatch(histories, candidates))
    return scores, np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]


def _print(result: dict[str, Any]) -> None:
    rows = [
        [name, f"{form['bytes'] / 1e6:.1f}", "yes" if form["same_scores"] else "no", f"{form['overlap']:.4f}"]
        for name, form in result["forms"].items()
    ]
    print(table([f"{result['interactions']:,} interactions", "MB", "same scores", "top ten"], rows))
    print()
    print(table(["largest arrays", "dtype", "MB"], [[name, *map(str, of)] for name, of in result["largest"].items()]))


if __name__ == "__main__":
    sys.exit(main())
