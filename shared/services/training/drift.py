"""Data drift between the training set and the data that the incumbent was trained on."""

from datetime import datetime
from typing import Any

from shared.entities.stored import required
from shared.feedback.interactions import DAY_S
from shared.models.artifact import Manifest
from shared.ranking.recommender import Recommender
from shared.selection import drift
from shared.selection.judging import Scores
from shared.services.training.dataset import TrainingSet


def measure(
    training_set: TrainingSet, served: tuple[Recommender, Manifest], incumbent: Scores, *, now: datetime
) -> dict[str, Any]:
    """Drift verdict and findings; `incumbent` are the scores of the model in service (`served`) on the holdout.

    Raises `InvalidField` where the manifest's references cannot be read.
    """
    recommender, manifest = served
    table = training_set.table
    recent = table.occurred_at >= now.timestamp() - drift.WINDOW_DAYS * DAY_S
    rows = table.event_rows[recent & (table.event_rows >= 0)]
    known = recommender.catalog.events.rows_of_keys(training_set.catalog.events.keys) >= 0
    coverage_at_training = manifest.metrics.get(manifest.model, {}).get("coverage", 0.0)
    findings = drift.detect(
        required({"references": {}, **manifest.details}, "references", dict),
        table,
        training_set.catalog,
        scores=incumbent.listed,
        now_s=now.timestamp(),
        unknown_share=float(1 - known[rows].mean()) if len(rows) else 0.0,
        coverage=(coverage_at_training, incumbent.coverage),
        per_event=training_set.totals.recent(),
    )
    return drift.summary(findings)
