"""Leave-one-out of signals on a small city."""

import io
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.folds import Plan
from benchmarks.signals import measure, shown
from jobs.console import Console
from jobs.options import ReadingOptions
from jobs.sample import write_sample


def test_each_signal_that_has_values_is_left_out_once(tmp_path: Path) -> None:
    write_sample(tmp_path, users=300, events=250, interactions=6_000, seed=3, now=datetime(2026, 5, 1, tzinfo=UTC))
    plan = Plan(cutoffs=(datetime(2026, 4, 17, tzinfo=UTC),), window_days=14, horizon_days=60)
    result = measure(tmp_path, plan, 40, Console(io.StringIO()), ReadingOptions())
    assert {"all signals", "recent_organizer", "hand-set: all signals", "hand-set: popularity"} <= result.keys()
    assert 0 < result["all signals"]["all"] <= 1
    assert any(measured["all"] != result["all signals"]["all"] for measured in result.values())
    lines = shown(result).splitlines()
    assert len(lines) == len(result) + 1
