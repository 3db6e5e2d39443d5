"""Experiment with its analysis as the API answers, for pages that show it."""

from typing import Any, Final

EXPERIMENT: Final[dict[str, Any]] = {
    "experiment_id": "diverse-lists",
    "variants": [{"name": "as-now", "share": 0.5}, {"name": "diverse", "share": 0.5, "diversity": 0.3}],
    "starts_at": "2020-01-01T00:00:00Z",
    "ends_at": "2199-01-01T00:00:00Z",
    "metric": "ctr",
}
_DIFFERENCE: Final = {"arm": "diverse", "relative": 0.113, "relative_low": 0.041, "relative_high": None}
ANALYSIS: Final[dict[str, Any]] = {
    "day": "2026-05-01",
    "arms": [{"name": name, "users": 2_000, "impressions": 60_000, "ctr": 0.1} for name in ("as-now", "diverse")],
    "comparisons": [{**_DIFFERENCE, "metric": metric} for metric in ("ctr", "conversion")],
    "guardrails": [],
    "reach": {"effect_at_end": 0.04, "day": None},
    "verdict": {"kind": "better", "arm": "diverse", "text": "diverse is better than as-now."},
}
