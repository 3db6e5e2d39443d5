"""Section `model` of a daily report: the version in service, its age and size, trainings and drift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Any, Final

from shared.errors import ArtifactError, NotFound
from shared.models.artifact import Manifest
from shared.monitoring.operations import HourFigures
from shared.monitoring.report import DAY, begin_of
from shared.ports import ObjectStore
from shared.selection.drift import DRIFTED
from shared.selection.judging import K
from shared.services.registry import POINTER, Pointer, read_manifest
from shared.services.training import run
from shared.services.training.run import RunDocument

_DAY_S: Final = DAY.total_seconds()
_LOOKED_BACK: Final = 10
"""Trainings to look back for one that measured drift: failed ones and the first have not."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """Trainings of a day, and what is known of drift at its end.

    Attributes
    ----------
    of_day : trainings that were scheduled in the day before a time, newest first.
    drift : the newest training before that time with a verdict on drift, None without one.
    """

    of_day: Sequence[RunDocument]
    drift: RunDocument | None

    @classmethod
    def read(cls, objects: ObjectStore, until: datetime) -> "Trainings":
        """Trainings that were scheduled before `until`; documents that cannot be read are left out."""
        documents = list(
            takewhile(lambda document: document.scheduled_at >= until - DAY, run.newest(objects, until=until))
        )
        return cls(documents, with_drift(objects, until))

    def reads(self) -> int:
        """Documents that the trainings of the day read."""
        return sum(document.reads for document in self.of_day)


def with_drift(objects: ObjectStore, until: datetime) -> RunDocument | None:
    """Newest training before `until` with a verdict on drift, None without one among the last `_LOOKED_BACK`."""
    return next(
        (document for document in islice(run.newest(objects, until=until), _LOOKED_BACK) if document.drift), None
    )


def drifted(document: RunDocument) -> list[str]:
    """Names of the quantities that have drifted, in the order of the findings."""
    findings = document.drift.get("findings", [])
    return list(dict.fromkeys(str(found["quantity"]) for found in findings if found.get("verdict") == DRIFTED))


def current_version(objects: ObjectStore) -> str:
    """Version in service, "" without one, or where its pointer cannot be read."""
    blob = objects.read(POINTER)
    try:
        return Pointer.from_json(blob.data).version if blob else ""
    except ArtifactError:
        # Instances say that they are degraded.
        return ""


def manifest_of(objects: ObjectStore, version: str) -> Manifest | None:
    """Manifest of a version, None for no version and for one that is gone or cannot be read."""
    try:
        return read_manifest(objects, version) if version else None
    except (NotFound, ArtifactError):
        return None


def age_days(manifest: Manifest, now: datetime) -> float:
    """Age of a version in days."""
    return (now - manifest.trained_at).total_seconds() / _DAY_S


def model_section(objects: ObjectStore, day: date, hours: Sequence[HourFigures], *, now: datetime) -> dict[str, Any]:
    """Section `model` of a day as of its end, or as of now before that."""
    until = min(begin_of(day) + DAY, now)
    versions = [hour.model_version for hour in sorted(hours, key=lambda hour: hour.hour) if hour.model_version]
    manifest = manifest_of(objects, versions[-1]) if versions else None
    trainings = Trainings.read(objects, until)
    section: dict[str, Any] = {
        "version": versions[-1] if versions else None,
        "versions": list(dict.fromkeys(versions)),
        "trainings": [
            {name: getattr(document, name) for name in ("run_id", "decision", "reason", "version")}
            for document in reversed(trainings.of_day)
        ],
        "training_reads": trainings.reads(),
    }
    if manifest:
        section |= {
            "model": manifest.model,
            "trained_at": manifest.trained_at.isoformat(),
            "age_days": round(age_days(manifest, until), 3),
            "size_mb": round(manifest.size_bytes() / 1e6, 3),
        }
    if trainings.drift:
        section["drift"] = {
            "run_id": trainings.drift.run_id,
            "verdict": trainings.drift.drift.get("verdict"),
            "drifted": drifted(trainings.drift),
        }
    return section


def holdout_accuracy(manifest: Manifest | None) -> dict[str, float]:
    """Accuracy that the gate measured of a version before it was published, by metric: NDCG@10 and its error."""
    metrics = manifest.metrics.get(manifest.model, {}) if manifest else {}
    return {name: metrics[name] for name in (f"ndcg@{K}", f"ndcg@{K} error") if name in metrics}
