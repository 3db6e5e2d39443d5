"""Command-line arguments of temporal splits, see `folds.Plan`."""

import argparse

from benchmarks.folds import Plan
from shared.entities import fields


def add_split_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `plan_of`."""
    parser.add_argument("--cutoff", action="append", default=[], help="time that counts as now; may be repeated")
    parser.add_argument(
        "--share",
        type=float,
        default=0.8,
        help="without --cutoff: share of the hits before the single cutoff",
    )
    parser.add_argument("--window-days", type=float, help="evaluate by hits within this many days of a cutoff")
    parser.add_argument("--horizon-days", type=float, help="only events that start within this many days of a cutoff")
    parser.add_argument(
        "--announced-later",
        action="store_true",
        help="events created after a cutoff are candidates, too; for data whose created_at is not the announcement",
    )
    parser.add_argument(
        "--ids-only", action="store_true", help="give systems no attributes of events and users, only ids"
    )


def plan_of(given: argparse.Namespace, default: Plan) -> Plan:
    """Plan of a command line; what is not given is that of `default`. Raises `InvalidField` naming the argument."""
    options = {f"--{name}": getattr(given, name.replace("-", "_")) for name in ("share", "window-days", "horizon-days")}
    share = fields.number(options, "--share", low=0, high=1)
    window_days, horizon_days = (
        fields.number(options, name, low=0, high=36_500) for name in ("--window-days", "--horizon-days")
    )
    cutoffs = tuple(fields.required_time({"--cutoff": cutoff}, "--cutoff") for cutoff in given.cutoff)
    return Plan(
        cutoffs=cutoffs or default.cutoffs,
        share=share or 0.0,
        window_days=default.window_days if window_days is None else window_days,
        horizon_days=default.horizon_days if horizon_days is None else horizon_days,
        announced_later=given.announced_later,
        ids_only=given.ids_only,
    )
