"""Ratings of Lighthouse: which fail, and what cost them their points."""

from pathlib import Path
from typing import Any

import pytest

from tools.emulators.programs import ProgramMissing, lighthouse
from tools.lighthouse import faults, scores


def _report(score: float) -> dict[str, Any]:
    weighed = [("slow", 10, 0.2), ("fast", 10, 1.0), ("unweighed", 0, 0.0), ("not-applicable", 10, None)]
    return {
        "categories": {
            "performance": {
                "score": score,
                "auditRefs": [{"id": name, "weight": weight} for name, weight, _ in weighed],
            }
        },
        "audits": {name: {"score": given, "title": name, "displayValue": "9 s"} for name, _, given in weighed},
    }


def test_a_rating_below_the_least_names_the_audits_that_weigh() -> None:
    assert scores(_report(0.944)) == {"performance": 94}
    assert faults(_report(0.944)) == ["slow: 9 s"]
    assert faults(_report(0.95)) == []


def test_a_missing_lighthouse_is_named_with_advice(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match="make tools"):
        lighthouse(tmp_path)
