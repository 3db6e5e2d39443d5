"""Compares what there is to learn from with what the model in service learned from."""

from datetime import datetime
from typing import Any

from shared.feedback.interactions import DAY_S
from shared.models.artifact import Manifest
from shared.ranking.recommender import Recommender
from shared.selection import drift
from shared.selection.judging import Scores
from shared.services.training.dataset import TrainingSet


def measure(
    training_set: TrainingSet, served: tuple[Recommender, Manifest], incumbent: Scores, *, now: datetime
) -> dict[str, Any]:
    """The verdict and its findings; `incumbent` are the scores of the model in service on the latest window."""
    recommender, manifest = served
    table = training_set.table
    recent = table.occurred_at >= now.timestamp() - drift.WINDOW_DAYS * DAY_S
    rows = table.event_rows[recent & (table.event_rows >= 0)]
    known = recommender.catalog.events.places(training_set.catalog.events.keys) >= 0
    then = manifest.metrics.get(manifest.model, {}).get("coverage", 0.0)
    findings = drift.detect(
        manifest.details.get("references", {}),
        table,
        training_set.catalog,
        scores=incumbent.listed,
        now_s=now.timestamp(),
        unknown_share=float(1 - known[rows].mean()) if len(rows) else 0.0,
        coverage=(then, incumbent.coverage),
    )
    return drift.summary(findings)
