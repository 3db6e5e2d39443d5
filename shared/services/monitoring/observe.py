"""Observation: the monitoring part of a run of the scheduled job, after it has settled what is new.

Each step may be repeated, and a run that is killed between two leaves what the next one needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.monitoring import alerts
from shared.monitoring.cost import usage
from shared.monitoring.operations import HOUR, HourFigures, hour_of
from shared.monitoring.report import DAY, day_figures
from shared.ports import Documents, ObjectStore
from shared.services.ingest.reconcile import Reconciliation
from shared.services.monitoring import hours, reports
from shared.services.monitoring.alerts import watch
from shared.services.monitoring.model import age_days, current_version, drifted, manifest_of, with_drift
from shared.services.monitoring.reports import Reporter
from shared.services.odd_documents import OddDocuments

_LOOKED_BACK: Final = timedelta(days=alerts.WEEK_DAYS + 1)
"""Time for which click-through rates are compared: yesterday and the week before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """Figures of a run of the scheduled job.

    Attributes
    ----------
    reconciliation : report of settling.
    expired : interactions that expired.
    odd : report of documents with odd values.
    reads : documents that list queries of the run read.
    """

    reconciliation: Reconciliation
    expired: int
    odd: OddDocuments
    reads: int


@dataclass(frozen=True, slots=True)
class Observation:
    """Result of an observation, for the answer of the scheduled job.

    Attributes
    ----------
    parts : parts of instances that were taken into the hours.
    alerts : names of the alerts that are open.
    closed : days whose reports were closed, as ISO 8601 texts.
    """

    parts: int
    alerts: list[str]
    closed: list[str]


def observe(
    documents: Documents,
    reporter: Reporter,
    run: RunFigures,
    thresholds: Mapping[str, float],
    *,
    now: datetime,
) -> Observation:
    """Roll-up of the hour, alerts, and reports; raises `Conflict` where another run does the same meanwhile."""
    objects = reporter.objects
    version, today = current_version(objects), now.astimezone(UTC).date()
    parts = hours.take_parts(objects, until=reports.closed_until(objects))
    hours.change(objects, hour_of(now), lambda figures: _noted(figures, run, version))
    recent = hours.read_hours(objects, hour_of(now) - DAY, now + HOUR)
    values = {
        **alerts.of_requests(recent, now),
        **alerts.lost_share(recent, now),
        **_of_model(objects, version, now),
        **alerts.click_loss(reports.clicks_by_day(objects, today - _LOOKED_BACK, today), today),
        "dead_letters": float(documents.dead_letters.count(now - DAY)),
        "hidden_events": float(sum(hour.odd[name] for hour in recent for name in ("events.hidden", "events.undated"))),
        "cost": usage(day_figures(recent)).usd(reporter.prices),
    }
    episodes = watch(objects, values, thresholds, now=now).episodes
    closed = reporter.update(episodes, settled_until=run.reconciliation.until, now=now)
    hours.prune(objects, now=now)
    reports.prune(objects, now=now)
    return Observation(
        parts=parts,
        alerts=[episode.alert for episode in episodes if episode.is_open()],
        closed=[day.isoformat() for day in closed],
    )


def _noted(figures: HourFigures, run: RunFigures, version: str) -> bool:
    """Addition of a run to the figures of its hour."""
    reconciliation = run.reconciliation
    figures.settled.update(
        runs=1,
        interactions=reconciliation.interactions,
        settled=reconciliation.settled,
        lost=reconciliation.lost,
        remembered=reconciliation.remembered,
        events=reconciliation.events,
        upgraded=reconciliation.upgraded,
        expired=run.expired,
    )
    figures.types.update(reconciliation.types)
    figures.odd.update(_odd(run.odd))
    figures.reads += run.reads
    figures.model_version = version or figures.model_version
    return True


def _odd(odd: OddDocuments) -> dict[str, int]:
    """Numbers of odd documents by collection, treatment and field."""
    counts = {"events.hidden": odd.events.hidden.count, "events.undated": odd.events.undated.count}
    for collection, found in (("events", odd.events), ("users", odd.users)):
        for treatment, fields in (("mended", found.mended), ("dropped", found.dropped)):
            counts |= {f"{collection}.{treatment}.{name}": number for name, number in fields.items()}
    return {name: number for name, number in counts.items() if number}


def _of_model(objects: ObjectStore, version: str, now: datetime) -> dict[str, float]:
    """Quantities of the model in service, by name of their alert."""
    values = {}
    if manifest := manifest_of(objects, version):
        values["model_age"] = age_days(manifest, now)
    if run := with_drift(objects, now + timedelta(seconds=1)):
        values["drift"] = float(len(drifted(run)))
    return values
