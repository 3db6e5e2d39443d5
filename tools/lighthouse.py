"""Lighthouse audit of the site in the demo: `python -m tools.lighthouse`, or `make lighthouse`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools.emulators import programs
from tools.emulators.process import free_port, running

LEAST: Final = 95
"""Score of 100 that each category needs on each page."""
CATEGORIES: Final = ("performance", "accessibility", "best-practices")
PAGES: Final = ("", "event.html?id=event_1", "mine.html")
RUNS: Final = 3
"""Runs of each page, of which the median counts: one run differs from the next by some points."""
PHONE: Final = 264
"""Benchmark index of the phone that Lighthouse emulates, a Moto G Power, by the calibration of Chrome's DevTools."""
STEADY: Final = 0.8
"""Speed in a run, relative to that of the calibration, below which other work is in the figures."""
_CITY: Final = ("--users", "200", "--events", "220", "--interactions", "2500")
"""Options of a demo with more events than its lists show."""
_FLAGS: Final = "--headless --no-sandbox --disable-gpu"


def main() -> int:
    """Audit of each page as a phone with a slow network sees it; returns the exit status, 1 below `LEAST`."""
    port = free_port()
    url = f"http://localhost:{port}"
    command = [sys.executable, "-m", "jobs.demo", "--port", str(port), *_CITY]
    with running(command, answers=f"{url}/api/v1/health", success=True, cwd=programs.ROOT):
        index = float(_audited(url, 1.0)["environment"]["benchmarkIndex"])
        slowdown = slowdown_of(index)
        print(f"this machine is slowed down {slowdown:.1f} times")
        reports = {page: median([_audited(f"{url}/{page}", slowdown) for _ in range(RUNS)]) for page in PAGES}
    for page, report in reports.items():
        print(f"/{page}: {', '.join(f'{name} {score}' for name, score in scores(report).items())}")
        for line in faults(report):
            print(f"  {line}")
        if (speed := report["environment"]["benchmarkIndex"] / index) < STEADY:
            print(f"  this machine had {speed:.0%} of its speed: rate again while it does nothing else")
    return int(any(score < LEAST for report in reports.values() for score in scores(report).values()))


def slowdown_of(benchmark_index: float) -> float:
    """Factor that makes this machine as slow as the phone, 1 for one that is slower.

    >>> slowdown_of(1056.0), slowdown_of(150.0)
    (4.0, 1.0)
    """
    return max(1.0, benchmark_index / PHONE)


def median(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Report whose performance is the median of an odd number of reports."""
    return sorted(reports, key=lambda report: float(report["categories"]["performance"]["score"]))[len(reports) // 2]


def scores(report: Mapping[str, Any]) -> dict[str, int]:
    """Scores of a report by category, 0 to 100.

    >>> scores({"categories": {"performance": {"score": 0.97}}})
    {'performance': 97}
    """
    return {name: round(100 * category["score"]) for name, category in report["categories"].items()}


def faults(report: Mapping[str, Any]) -> list[str]:
    """Audits that cost a category below `LEAST` its points, with what they measured."""
    found = []
    for category in report["categories"].values():
        if round(100 * category["score"]) >= LEAST:
            continue
        for reference in category["auditRefs"]:
            audit = report["audits"][reference["id"]]
            if reference["weight"] and audit["score"] is not None and audit["score"] < LEAST / 100:
                found.append(f"{reference['id']}: {audit.get('displayValue') or audit['title']}")
    return found


def _audited(url: str, slowdown: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        command = [str(programs.lighthouse()), url, "--quiet", "--output=json", f"--output-path={report}"]
        command += [
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags={_FLAGS}",
            "--no-enable-error-reporting",
        ]
        command += [f"--throttling.cpuSlowdownMultiplier={slowdown:g}"]
        subprocess.run(command, env={**os.environ, "CHROME_PATH": programs.chromium()}, check=True, timeout=300)
        return dict(json.loads(report.read_bytes()))


if __name__ == "__main__":
    sys.exit(main())
