"""Daily reports in the bucket: one for each UTC day, made anew by the hour until the day is closed, then never changed.

A day is closed once it has ended, its interactions are settled, and what instances noted of it has had time to arrive.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from shared.entities import Experiment
from shared.entities.experiment import label_names
from shared.entities.prices import Prices
from shared.errors import ArtifactError, Conflict, InvalidField
from shared.monitoring.alerts import Episode
from shared.monitoring.bookings import WEEK
from shared.monitoring.cost import usage
from shared.monitoring.operations import HourFigures, hour_of
from shared.monitoring.rates import Tally
from shared.monitoring.report import (
    DAY,
    DailyReport,
    DeadLetterFigures,
    alerts_of,
    begin_of,
    calibration_section,
    day_figures,
    forecast_section,
    operations_section,
)
from shared.ports import LETTER_LIFE, DeadLetters, ObjectStore
from shared.services.forecasts import forecast_of
from shared.services.monitoring import hours
from shared.services.monitoring.experiments import add_day, analysis_of
from shared.services.monitoring.feedback import feedback
from shared.services.monitoring.model import holdout_accuracy, manifest_of, model_section
from shared.services.monitoring.rows import read_rows

CLOSED: Final = "monitoring/reports/"
OPEN: Final = "monitoring/open/"
"""Folders of closed reports, and of those of days that are not closed."""
CLOSED_AFTER: Final = timedelta(hours=3)
"""Time after the end of a day at which its report is closed at the earliest, for instances that were idle."""
KEPT: Final = timedelta(days=400)
"""Age at which reports are deleted: a year and a month can be compared with the year before."""
MAX_DAYS: Final = 92
"""Days of one question: a quarter."""
_DEFAULT_DAYS: Final = 7
_FIRST: Final = date(1970, 1, 8)
_BEYOND: Final = date(2200, 1, 1)
"""Days that can be asked for: those of `fields.time`, less the default number of days before the first."""
_log = logging.getLogger(__name__)
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Dependencies of reports.

    Attributes
    ----------
    objects : the bucket.
    dead_letters : the store of dead letters.
    prices : prices of the deployment.
    experiments : experiments whose users are kept, see `experiments.noted`.
    """

    objects: ObjectStore
    dead_letters: DeadLetters
    prices: Prices
    experiments: Sequence[Experiment] = ()

    def update(self, episodes: Sequence[Episode], *, settled_until: datetime, now: datetime) -> list[date]:
        """Reports of all days that are not closed, brought up to date; returns the days that it closed.

        Open reports are made anew by the first run of an hour.

        Parameters
        ----------
        settled_until : time before which all interactions are settled.
        """
        closed = []
        for day in self._unclosed(now):
            end = begin_of(day) + DAY
            if now >= end + CLOSED_AFTER and settled_until >= end:
                self._close(day, episodes, now=now)
                closed.append(day)
            elif self._is_old(day, now):
                report = self.make(day, episodes, now=now)
                _replace(self.objects, f"{OPEN}{day.isoformat()}.json", report.to_json())
        return closed

    def make(self, day: date, episodes: Sequence[Episode], *, now: datetime) -> DailyReport:
        """Report of a day as of now."""
        begin = begin_of(day)
        figures = hours.read_hours(self.objects, begin, begin + DAY)
        model = model_section(self.objects, day, figures, now=now)
        of_users: dict[str, Any] = _readable("feedback", lambda: self._feedback(day, figures), {})
        forecast = _readable("forecast", lambda: forecast_of(self.objects, day), None)
        before = _readable("calibration", lambda: forecast_of(self.objects, day - WEEK), None)
        holdout = holdout_accuracy(manifest_of(self.objects, model["version"] or ""))
        sections = {
            "feedback": of_users,
            "operations": self._operations(day, figures, model["training_reads"], now=now),
            "model": model,
            "forecast": forecast_section(forecast),
            "calibration": calibration_section(holdout, of_users, forecast, before),
        }
        sections["experiments"] = {
            each.experiment_id: found
            for each in self.experiments
            if (found := _readable("experiments", partial(self._analysis, each, day), None))
        }
        return DailyReport(day=day, made_at=now, is_closed=False, sections=sections, alerts=alerts_of(episodes, day))

    def _operations(
        self, day: date, figures: Sequence[HourFigures], training_reads: int, *, now: datetime
    ) -> dict[str, Any]:
        begin = begin_of(day)
        letters = DeadLetterFigures(
            open=self.dead_letters.count(now - LETTER_LIFE), new=self.dead_letters.count(begin, begin + DAY)
        )
        used = usage(day_figures(figures), training_reads=training_reads)
        return operations_section(figures, used=used, prices=self.prices, dead_letters=letters)

    def _feedback(self, day: date, figures: Sequence[HourFigures]) -> dict[str, Any]:
        live_events = day_figures(figures).live_events or None
        labels = label_names(self.experiments)
        return feedback(self.objects, day, live_events=live_events, labels=labels).to_document()

    def _analysis(self, experiment: Experiment, day: date) -> dict[str, Any] | None:
        """Latest analysis of an experiment that is on a day, without its history."""
        found = analysis_of(self.objects, experiment.experiment_id)
        is_of_day = experiment.starts_at.date() <= day <= experiment.ends_at.date()
        return {name: value for name, value in found.items() if name != "history"} if found and is_of_day else None

    def _settle_experiments(self, day: date) -> None:
        """Addition of a day that is about to be closed to its experiments."""
        if self.experiments:
            begin = begin_of(day)
            figures = day_figures(hours.read_hours(self.objects, begin, begin + DAY))
            add_day(self.objects, self.experiments, day, read_rows(self.objects, day), figures)

    def _close(self, day: date, episodes: Sequence[Episode], *, now: datetime) -> None:
        _readable("experiments", partial(self._settle_experiments, day), None)
        report = replace(self.make(day, episodes, now=now), is_closed=True)
        try:
            self.objects.write(f"{CLOSED}{day.isoformat()}.json", report.to_json(), generation=0)
        except Conflict:
            # Another run closed it meanwhile, and a closed report never changes.
            _log.info(json.dumps({"message": "a report is closed already", "day": day.isoformat()}))
        self.objects.delete(f"{OPEN}{day.isoformat()}.json")

    def _unclosed(self, now: datetime) -> list[date]:
        """Days with figures that have no closed report, up to today, in order."""
        closed, today = set(_days(self.objects, CLOSED)), now.astimezone(UTC).date()
        return [day for day in hours.days_of(self.objects) if day not in closed and day <= today]

    def _is_old(self, day: date, now: datetime) -> bool:
        report = _read(self.objects, f"{OPEN}{day.isoformat()}.json")
        return report is None or hour_of(report.made_at) < hour_of(now)


def closed_until(objects: ObjectStore) -> datetime:
    """End of the last day with a closed report, 1970 without one."""
    closed = _days(objects, CLOSED)
    return begin_of(closed[-1]) + DAY if closed else datetime(1970, 1, 1, tzinfo=UTC)


def prune(objects: ObjectStore, *, now: datetime) -> None:
    """Deletion of reports older than `KEPT`, and of open ones of days that are closed, which a killed run has left."""
    oldest, until = (now - KEPT).date(), closed_until(objects).date()
    for day in _days(objects, CLOSED):
        if day < oldest:
            objects.delete(f"{CLOSED}{day.isoformat()}.json")
    for day in _days(objects, OPEN):
        if day < until:
            objects.delete(f"{OPEN}{day.isoformat()}.json")


def read_reports(objects: ObjectStore, first: date, last: date) -> list[DailyReport]:
    """Reports of the days from `first` to `last`, in order; days without a report are left out.

    Of a day that is not closed it is the latest. A report that cannot be read is left out, and logged.
    """
    names = {day: f"{OPEN}{day.isoformat()}.json" for day in _days(objects, OPEN)}
    names |= {day: f"{CLOSED}{day.isoformat()}.json" for day in _days(objects, CLOSED)}
    found = (_read(objects, name) for day, name in sorted(names.items()) if first <= day <= last)
    return [report for report in found if report]


def clicks_by_day(objects: ObjectStore, first: date, last: date) -> dict[date, Tally]:
    """Clicks of the impressions of the days from `first` to `last` that have a report with feedback."""
    found = {report.day: report.sections["feedback"] for report in read_reports(objects, first, last)}
    return {
        day: Tally(int(figures["clicks"]), int(figures["impressions"]))
        for day, figures in found.items()
        if figures.get("impressions") and figures.get("clicks") is not None
    }


def asked_days(first: str | None, last: str | None, *, names: tuple[str, str], now: datetime) -> tuple[date, date]:
    """Days of a question, from texts as `2026-05-01` or None: up to today, and a week; raises `InvalidField`.

    Parameters
    ----------
    names : what errors call the two.
    """
    until = _day(last, names[1]) if last else now.astimezone(UTC).date()
    since = _day(first, names[0]) if first else until - timedelta(days=_DEFAULT_DAYS - 1)
    if since > until:
        raise InvalidField(names[0], since.isoformat(), f"a day up to that of {names[1]}, {until.isoformat()}")
    if (until - since).days >= MAX_DAYS:
        raise InvalidField(names[0], since.isoformat(), f"a day less than {MAX_DAYS} days before {until.isoformat()}")
    return since, until


def _readable(name: str, make: Callable[[], _Made], otherwise: _Made) -> _Made:
    """Part of a report; `otherwise`, and said in the log, where what it is made of cannot be read."""
    try:
        return make()
    except ArtifactError as error:
        _log.warning(json.dumps({"message": "a report lacks a section", "section": name, "reason": error.for_log()}))
        return otherwise


def _day(text: str, name: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidField(name, text, "a UTC day such as 2026-05-01") from error
    # Python also reads 20260501 and 2026-W18-5.
    if found.isoformat() != text or not _FIRST <= found < _BEYOND:
        raise InvalidField(name, text, "a UTC day such as 2026-05-01")
    return found


def _days(objects: ObjectStore, folder: str) -> list[date]:
    found = []
    for name in objects.names(folder):
        try:
            found.append(date.fromisoformat(name[len(folder) :].removesuffix(".json")))
        except ValueError:
            # No run gives such a name.
            continue
    return sorted(found)


def _read(objects: ObjectStore, name: str) -> DailyReport | None:
    blob = objects.read(name)
    try:
        return DailyReport.from_json(blob.data, name) if blob else None
    except ArtifactError as error:
        _log.warning(json.dumps({"message": "a report cannot be read", "reason": error.for_log()}))
        return None


def _replace(objects: ObjectStore, name: str, data: bytes) -> None:
    before = objects.read(name)
    try:
        objects.write(name, data, generation=before.generation if before else 0)
    except Conflict:
        # Another run has just made it.
        _log.info(json.dumps({"message": "another run has made a report", "name": name}))
