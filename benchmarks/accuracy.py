"""Offline evaluation of Marquee's models and peers on a temporal holdout: `python -m benchmarks.accuracy`."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from threadpoolctl import threadpool_limits

from benchmarks.folds import Fold, Plan, folds, stretches
from benchmarks.judging import (
    ALL,
    COLD,
    DISCOVERY,
    FAMILIAR,
    KNOWN,
    NEW,
    USERS,
    WARM,
    Evaluation,
    compare,
    evaluate_model,
    evaluate_peer,
    evaluated_users,
    mean_of_seeds,
    spread_of_seeds,
    strongest,
    summary,
)
from benchmarks.peer_data import PeerData
from benchmarks.peers import PEERS, SIMPLE, Peer
from benchmarks.splits import add_split_arguments, plan_of
from benchmarks.tuning import Stretch
from jobs.console import Console, table
from jobs.interruption import exit_status, interruptible
from jobs.options import ReadingOptions, add_arguments, reading_parser
from jobs.sample import write_sample
from shared.errors import InvalidField, MarqueeError
from shared.models.blend import Blend
from shared.models.registry import MODELS, trainable

_SAMPLE_NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
_SAMPLE_CUTOFFS: Final = tuple(datetime(2026, 4, day, tzinfo=UTC) for day in (3, 10, 17, 24))
CITY: Final = {"users": 2_000, "events": 1_500, "interactions": 40_000, "seed": 1}
"""Sizes and seed of the synthetic city, see `write_sample`."""
SAMPLE: Final = Plan(cutoffs=_SAMPLE_CUTOFFS, window_days=7, horizon_days=60)
_DEFAULTS: Final = ReadingOptions()
_INSTALL: Final = "venv/bin/pip install -r benchmarks/requirements.txt"
_TITLES: Final = {ALL: "all users", WARM: "warm users", COLD: "cold users"}
_PARTS: Final = {
    **_TITLES,
    KNOWN: "known candidates",
    NEW: "new candidates",
    FAMILIAR: "known organizers",
    DISCOVERY: "unknown organizers",
}
_COLUMNS: Final = {
    "ndcg": "NDCG@{k}",
    "one_date_ndcg": "one date",
    "recall": "recall@{k}",
    "recall_of_all": "hits/taken",
    "ndcg_new": "NDCG new",
    "ndcg_known_apart": "known only",
    "ndcg_new_apart": "new only",
    "ndcg_discovery": "discovery",
    "ndcg_familiar_apart": "known org.",
    "ndcg_discovery_apart": "unknown org.",
    "coverage": "coverage",
    "novelty": "novelty",
    "unlikeness": "differ",
    "fit_s": "fit s",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the accuracy benchmark; returns the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        plan, options = _plan(given), ReadingOptions.parse(given)
        with interruptible(), data_folder(given.folder, _sizes(given), console) as folder:
            peers = usable(PEERS if given.peers else (), console, ids_only=plan.ids_only)
            models, seeds = given.model, given.replay_seeds
            result = measure(folder, plan, peers, given.k, console, models, seeds=seeds, options=options)
    except InvalidField as error:
        parser.error(str(error))
    except (MarqueeError, OSError) as error:
        console.say(f"error: {error}")
        return 1
    except KeyboardInterrupt as interrupt:
        console.say("stopped before the end")
        return exit_status(interrupt)
    result["data"] = str(given.folder) if given.folder else f"sample, seed {given.seed}"
    print(shown(result))
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = reading_parser(
        "benchmarks.accuracy",
        "At each cutoff, train every model and peer on the earlier interactions of a CSV folder, let them "
        "rank the events that start after it, and evaluate the lists by the bookings, saves and attendances that "
        "follow. Without a folder, evaluate on a synthetic city with four weekly cutoffs, a window of a week and a "
        "horizon of 60 days.",
        example="FOLDER",
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder with events.csv, users.csv and interactions.csv")
    add_split_arguments(parser)
    parser.add_argument("--k", type=int, default=10, help="length of each list, 1..1000 (default: %(default)s)")
    parser.add_argument("--model", choices=MODELS, action="append", help="only this model of Marquee; may be repeated")
    parser.add_argument(
        "--peers", action=argparse.BooleanOptionalAction, default=True, help="measure peers (default: yes)"
    )
    for name, size in CITY.items():
        told = "seed" if name == "seed" else f"number of {name}"
        parser.add_argument(
            f"--{name}", type=int, default=size, help=f"{told} of the synthetic city (default: {size:,})"
        )
    parser.add_argument(
        "--replay-seeds",
        type=int,
        default=1,
        help="train the blend with so many seeds and average, 1..100 (default: 1)",
    )
    parser.add_argument("--out", type=Path, help="JSON file to write")
    add_arguments(parser)
    return parser


def _plan(given: argparse.Namespace) -> Plan:
    if not 1 <= given.replay_seeds <= 100:
        raise InvalidField("--replay-seeds", given.replay_seeds, "a whole number in 1..100")
    if not 1 <= given.k <= 1_000:
        raise InvalidField("--k", given.k, "a whole number in 1..1000")
    return plan_of(given, Plan() if given.folder else SAMPLE)


def _sizes(given: argparse.Namespace) -> dict[str, int]:
    return {name: getattr(given, name) for name in CITY}


@contextmanager
def data_folder(folder: Path | None, sizes: Mapping[str, int], console: Console) -> Iterator[Path]:
    """Data folder: the given folder, or a temporary folder with a synthetic city of these sizes and seed."""
    if folder:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="marquee-accuracy-") as made:
        users, events, interactions, seed = (sizes[name] for name in CITY)
        write_sample(Path(made), now=_SAMPLE_NOW, users=users, events=events, interactions=interactions, seed=seed)
        console.say(f"made up a city: {', '.join(f'{size:,} {name}' for name, size in sizes.items())}")
        yield Path(made)


def usable(peers: Sequence[Peer], console: Console, *, ids_only: bool = False) -> list[Peer]:
    """Installed peers; prints which peers are not installed and how to install them.

    With `ids_only`, peers that need attributes are left out.
    """
    wanted = [peer for peer in peers if not (ids_only and peer.needs_attributes)]
    for peer in wanted:
        if not peer.is_installed():
            console.say(f"not measured: {peer.name}, since {peer.package} is not installed; get it with {_INSTALL}")
    return [peer for peer in wanted if peer.is_installed()]


def measure(
    folder: Path,
    plan: Plan,
    peers: Sequence[Peer],
    k: int,
    console: Console,
    models: Collection[str] | None = None,
    *,
    seeds: int = 1,
    options: ReadingOptions = _DEFAULTS,
) -> dict[str, Any]:
    """Metrics of `models` and `peers` on the folds of a folder, as JSON values; the blend's are means over seeds.

    Without `models`, of all that can be trained here. Peers are tuned once, before the first cutoff.
    """
    models = models or trainable()
    by_system: dict[str, list[Evaluation]] = defaultdict(list)
    by_seed: list[list[Evaluation]] = [[] for _ in range(seeds)]
    cutoffs: list[str] = []
    users_of_folds = []
    for fold in folds(folder, plan, console, options):
        console.say(
            f"{fold.cutoff:%Y-%m-%d}: {len(fold.past):,} interactions before, "
            f"{len(fold.candidates):,} candidates, {len(fold.user_ids):,} users to evaluate"
        )
        if not cutoffs:
            peers = _tuned(peers, fold, plan, console)
        cutoffs.append(fold.cutoff.isoformat())
        users_of_folds.append((fold.user_ids, fold.warm))
        for model in models:
            # Only the blend draws anything.
            of_seeds = [
                evaluate_model(model, fold, k, seed=seed) for seed in range(seeds if model == Blend.name else 1)
            ]
            by_system[model].append(mean_of_seeds(of_seeds))
            if model == Blend.name:
                for of_seed, evaluation in zip(by_seed, of_seeds, strict=True):
                    of_seed.append(evaluation)
            console.say(f"  {model}: fitted in {by_system[model][-1].fit_s:.1f} s")
        if peers:
            peer_data = PeerData.of(fold)
        for peer in peers:
            with _threads():
                by_system[peer.name].append(evaluate_peer(peer, peer_data, fold, k))
            console.say(f"  {peer.name}: fitted in {by_system[peer.name][-1].fit_s:.1f} s")
    users = evaluated_users(users_of_folds)
    is_compared = Blend.name in models
    by_peer = {peer.name: compare(users, by_system[Blend.name], by_system[peer.name]) for peer in peers if is_compared}
    return {
        "cutoffs": cutoffs,
        "window_days": plan.window_days,
        "horizon_days": plan.horizon_days,
        "announced_later": plan.announced_later,
        "ids_only": plan.ids_only,
        "k": k,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "systems": {name: summary(users, evaluations) for name, evaluations in by_system.items()},
        "settings": {peer.name: dict(peer.settings) for peer in peers if peer.settings},
        "seeds": seeds,
        "blend_over_seeds": spread_of_seeds(users, by_seed) if is_compared else {},
        "blend_to_simple": strongest(by_peer, [peer.name for peer in SIMPLE]),
        "blend_to_best_peer": strongest(by_peer, list(by_peer)),
        "blend_to_peers": by_peer,
    }


def _tuned(peers: Sequence[Peer], first: Fold, plan: Plan, console: Console) -> list[Peer]:
    """Peers with settings chosen before the cutoff of the first fold."""
    if not any(peer.tune for peer in peers):
        return list(peers)
    earlier = [Stretch.of(stretch) for stretch in stretches(first, plan)]
    tuned = []
    for peer in peers:
        started = time.perf_counter()
        with _threads():
            tuned.append(peer.tuned(earlier))
        if peer.tune:
            console.say(f"  {peer.name}: tuned in {time.perf_counter() - started:.1f} s")
    return tuned


def _threads() -> AbstractContextManager[Any]:
    # implicit and LightFM start their own threads, which the threads of BLAS would slow down.
    limits: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limits


def shown(result: dict[str, Any]) -> str:
    """Report of a result: metrics of all systems by segment, and the blend compared to each peer by part."""
    hidden = "one_date_ndcg" if result["ids_only"] else "recall_of_all"
    columns = {name: title.format(k=result["k"]) for name, title in _COLUMNS.items() if name != hidden}
    rows: list[list[str]] = []
    for segment in USERS:
        of_segment = {name: by[segment] for name, by in result["systems"].items() if segment in by}
        if of_segment:
            lists = next(iter(of_segment.values()))["lists"]
            rows.append([f"{_TITLES[segment]} ({lists:,.0f} lists)", *[""] * len(columns)])
        rows += [[f"  {name}", *(_cell(by, column) for column in columns)] for name, by in of_segment.items()]
    lines = [f"{result['data']}; cutoffs {', '.join(cutoff[:10] for cutoff in result['cutoffs'])}"]
    lines.append(table(["", *columns.values()], rows))
    if result["seeds"] > 1 and result["blend_over_seeds"]:
        spreads = [
            [_PARTS[part], f"{spread['mean']:.4f}", f"{spread['sd']:.4f}", f"{spread['sd_to_mean']:.1%}"]
            for part, spread in result["blend_over_seeds"].items()
        ]
        lines.append(table([f"blend over {result['seeds']} seeds", "mean NDCG", "sd", "sd / mean"], spreads))
    if result["blend_to_peers"]:
        first = next(iter(result["blend_to_peers"].values()))
        titles = [f"{_PARTS[part]} ({first[part]['lists']:,} lists)" for part in first]
        leads = [[name, *(_lead(by[part]) for part in first)] for name, by in result["blend_to_peers"].items()]
        lines.append(table(["blend to", *titles], leads))
    for title, name in (("strongest simple baseline", "blend_to_simple"), ("best peer", "blend_to_best_peer")):
        lines += [
            f"{_PARTS[part]}: blend {lead['ours']:.4f}, {title} {lead['peer']:.4f} ({lead['best_peer']}), {_lead(lead)}"
            for part, lead in result[name].items()
        ]
    return "\n".join(lines)


def _lead(lead: dict[str, Any]) -> str:
    ratio = f"×{lead['ratio']:.2f}" if lead["ratio"] else "–"
    return f"{ratio} {lead['mean']:+.4f} ({lead['low']:+.4f} to {lead['high']:+.4f})"


def _cell(measures: dict[str, float], name: str) -> str:
    if name not in measures:
        return "–"
    return f"{measures[name]:.2f}" if name in ("novelty", "fit_s") else f"{measures[name]:.4f}"


if __name__ == "__main__":
    sys.exit(main())
