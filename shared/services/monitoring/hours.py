"""Hourly roll-ups: figures of all instances and of the scheduled job's runs, an object for each hour.

A roll-up names the parts that are in it. It is written before they are deleted, so a run that is killed anywhere, or
overtaken, counts none twice and loses none.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

from shared.errors import ArtifactError, Conflict
from shared.monitoring.operations import HourFigures, hour_of
from shared.ports import ObjectStore
from shared.services.monitoring.telemetry import PARTS

FOLDER: Final = "monitoring/hours/"
KEPT: Final = timedelta(days=7)
"""Age at which hours are deleted: their days' reports are closed long before."""
_ATTEMPTS: Final = 5
"""Attempts to change an hour while another run does."""
_log = logging.getLogger(__name__)


def name_of(hour: datetime) -> str:
    """Name of an hour's object."""
    return f"{FOLDER}{hour:%Y-%m-%dT%H}.json"


def take_parts(objects: ObjectStore, *, until: datetime) -> int:
    """Roll-up of the parts that instances have stored; returns their number.

    Parts of a day that ended at or before `until` are deleted without being counted: its report is closed.
    """
    by_hour: dict[str, list[str]] = defaultdict(list)
    for name in objects.names(PARTS):
        by_hour[name[len(PARTS) :].partition("/")[0]].append(name)
    taken = 0
    for text, names in sorted(by_hour.items()):
        hour = _hour(text)
        if hour is None or hour < until:
            _log.info(json.dumps({"message": "figures of requests came too late", "hour": text, "parts": len(names)}))
        else:
            _merge(objects, hour, names)
            taken += len(names)
        for name in names:
            objects.delete(name)
    return taken


def _merge(objects: ObjectStore, hour: datetime, names: list[str]) -> None:
    parts: dict[str, HourFigures] = {}
    for name in names:
        blob = objects.read(name)
        if blob is None:
            continue
        try:
            parts[name] = HourFigures.from_json(blob.data, name)
        except ArtifactError as error:
            _log.warning(json.dumps({"message": "figures of requests cannot be read", "reason": error.for_log()}))

    def add(figures: HourFigures) -> bool:
        new = [name for name in parts if name not in figures.parts]
        for name in new:
            figures.merge(parts[name])
            figures.parts.add(name)
        return bool(new)

    change(objects, hour, add)


def change(objects: ObjectStore, hour: datetime, add: Callable[[HourFigures], bool]) -> None:
    """Change of an hour's figures by compare-and-swap: `add` changes them, and says whether it did.

    Figures that cannot be read are begun anew. Raises `Conflict` where other runs are always first.
    """
    name = name_of(hour)
    for _ in range(_ATTEMPTS):
        blob = objects.read(name)
        figures = HourFigures(hour=hour)
        if blob:
            try:
                figures = HourFigures.from_json(blob.data, name)
            except ArtifactError as error:
                _log.warning(json.dumps({"message": "figures of an hour cannot be read", "reason": error.for_log()}))
        if not add(figures):
            return
        data = json.dumps(figures.to_document()).encode()
        try:
            objects.write(name, data, generation=blob.generation if blob else 0)
        except Conflict:
            continue
        return
    raise Conflict(f"{name}: lost against other writers {_ATTEMPTS} times")


def read_hours(objects: ObjectStore, begin: datetime, end: datetime) -> list[HourFigures]:
    """Figures of the hours that begin from `begin` to before `end`, in order; unreadable ones are left out."""
    found = []
    for name in objects.names(FOLDER):
        hour = _hour(name[len(FOLDER) :].removesuffix(".json"))
        if hour is None or not begin <= hour < end:
            continue
        blob = objects.read(name)
        if blob is None:
            continue
        try:
            found.append(HourFigures.from_json(blob.data, name))
        except ArtifactError as error:
            _log.warning(json.dumps({"message": "figures of an hour cannot be read", "reason": error.for_log()}))
    return found


def days_of(objects: ObjectStore) -> list[date]:
    """Days of which there are hours, in order."""
    hours = (_hour(name[len(FOLDER) :].removesuffix(".json")) for name in objects.names(FOLDER))
    return sorted({hour.date() for hour in hours if hour})


def prune(objects: ObjectStore, *, now: datetime) -> None:
    """Deletion of the hours older than `KEPT`."""
    for name in objects.names(FOLDER):
        hour = _hour(name[len(FOLDER) :].removesuffix(".json"))
        if hour is None or hour < hour_of(now) - KEPT:
            objects.delete(name)


def _hour(text: str) -> datetime | None:
    """Hour of a name, None for a name that no instance and no run gives."""
    try:
        found = datetime.fromisoformat(f"{text}:00+00:00")
    except ValueError:
        return None
    return found if f"{found:%Y-%m-%dT%H}" == text else None
