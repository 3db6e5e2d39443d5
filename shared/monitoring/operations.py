"""Figures of operations: requests, failures, latency and how lists were made, by operation of the API and by hour.

Figures add up: those of an instance, of all instances in an hour, of a day. `HourFigures` is what is stored of an hour.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.provenance import Provenance
from shared.entities.stored import read_object, required, required_numbers
from shared.errors import InvalidField
from shared.monitoring.latency import LatencySketch

HOUR: Final = timedelta(hours=1)


@dataclass(slots=True)
class OperationFigures:
    """Figures of one operation.

    Attributes
    ----------
    requests : number of requests.
    statuses : numbers of requests by class of status, such as `2xx`.
    latency : latencies of all requests.
    lists : numbers of lists that were answered, by segment of the viewer.
    fallback : lists that no model ranked.
    degraded : lists without a part of the data.
    """

    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    latency: LatencySketch = field(default_factory=LatencySketch)
    lists: Counter[str] = field(default_factory=Counter)
    fallback: int = 0
    degraded: int = 0

    @property
    def errors(self) -> int:
        """Requests that ended with a failure of the server."""
        return self.statuses["5xx"]

    def add(self, status: int, seconds: float, provenance: Provenance | None) -> None:
        """Count one request; `provenance` is that of the list that it was answered with, None without one."""
        self.requests += 1
        self.statuses[f"{status // 100}xx"] += 1
        self.latency.add(seconds)
        if provenance is not None:
            self.lists[provenance.segment.label] += 1
            self.fallback += provenance.is_fallback
            self.degraded += provenance.is_degraded

    def merge(self, other: "OperationFigures") -> None:
        """Count all requests of other figures as well, which stay as they are."""
        self.requests += other.requests
        self.statuses.update(other.statuses)
        self.latency.merge(other.latency)
        self.lists.update(other.lists)
        self.fallback += other.fallback
        self.degraded += other.degraded

    def to_document(self) -> dict[str, Any]:
        """Stored form."""
        return {
            "requests": self.requests,
            "statuses": dict(self.statuses),
            "latency": self.latency.to_document(),
            "lists": dict(self.lists),
            "fallback": self.fallback,
            "degraded": self.degraded,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Figures from their stored form; raises `InvalidField` for what is none."""
        return cls(
            requests=_count(document, "requests"),
            statuses=Counter(_counts(document, "statuses")),
            latency=LatencySketch.from_document(document, "latency"),
            lists=Counter(_counts(document, "lists")),
            fallback=_count(document, "fallback"),
            degraded=_count(document, "degraded"),
        )


@dataclass(slots=True, kw_only=True)
class HourFigures:
    """Figures of an hour: of the requests that instances answered, and of the runs of the scheduled job.

    Attributes
    ----------
    hour : beginning of the hour, UTC.
    operations : figures by operation of the API.
    variants : figures of the lists of experiments, by the hash of the variant as hexadecimal digits.
    reads : documents that list queries of the API's instances and of the scheduled job read.
    live_events : events that could be in a list, the greatest number that an instance has seen.
    settled : sums over the runs: `runs`, what settling found, `expired`.
    types : interactions that the runs read, by type.
    odd : documents with odd values that the runs found, by collection, treatment and field, such as
        `events.mended.price`.
    model_version : version in service at the last run of the hour, "" without one.
    parts : names of the parts that are in these figures, so that none counts twice.
    """

    hour: datetime
    operations: dict[str, OperationFigures] = field(default_factory=dict)
    variants: dict[str, OperationFigures] = field(default_factory=dict)
    reads: int = 0
    live_events: int = 0
    settled: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    model_version: str = ""
    parts: set[str] = field(default_factory=set)

    def add(self, operation: str, status: int, seconds: float, provenance: Provenance | None) -> None:
        """Count one request, see `OperationFigures.add`."""
        _of(self.operations, operation).add(status, seconds, provenance)
        if provenance is not None and provenance.variant:
            _of(self.variants, hexadecimal(provenance.variant)).add(status, seconds, provenance)

    def merge(self, other: "HourFigures") -> None:
        """Add other figures to these, which stay as they are; a version of other figures replaces this one."""
        for operation, figures in other.operations.items():
            _of(self.operations, operation).merge(figures)
        for variant, figures in other.variants.items():
            _of(self.variants, variant).merge(figures)
        self.reads += other.reads
        self.live_events = max(self.live_events, other.live_events)
        self.settled.update(other.settled)
        self.types.update(other.types)
        self.odd.update(other.odd)
        self.model_version = other.model_version or self.model_version
        self.parts |= other.parts

    def total(self) -> OperationFigures:
        """Figures of all operations together."""
        return total(self.operations.values())

    def lists(self) -> OperationFigures:
        """Figures of all operations that answered lists, together."""
        return total(figures for figures in self.operations.values() if figures.lists)

    def to_document(self) -> dict[str, Any]:
        """Stored form."""
        return {
            "hour": self.hour.isoformat(),
            "operations": {name: figures.to_document() for name, figures in sorted(self.operations.items())},
            "variants": {name: figures.to_document() for name, figures in sorted(self.variants.items())},
            "reads": self.reads,
            "live_events": self.live_events,
            "settled": dict(self.settled),
            "types": dict(self.types),
            "odd": dict(self.odd),
            "model_version": self.model_version,
            "parts": sorted(self.parts),
        }

    @classmethod
    def from_json(cls, data: bytes, name: str) -> Self:
        """Figures from the JSON stored under `name`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, name, cls._from_document, remedy="delete the object; its requests are not reported")

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        operations = required(document, "operations", dict)
        variants, parts = required(document, "variants", dict), required(document, "parts", list)
        if not all(isinstance(part, str) for part in parts):
            raise InvalidField("parts", parts, "a list of names")
        return cls(
            hour=fields.required_time(document, "hour"),
            operations={name: OperationFigures.from_document(operations[name]) for name in operations},
            variants={name: OperationFigures.from_document(variants[name]) for name in variants},
            reads=_count(document, "reads"),
            live_events=_count(document, "live_events"),
            settled=Counter(_counts(document, "settled")),
            types=Counter(_counts(document, "types")),
            odd=Counter(_counts(document, "odd")),
            model_version=required(document, "model_version", str),
            parts=set(parts),
        )


def hour_of(moment: datetime) -> datetime:
    """Beginning of the hour of a time, UTC.

    >>> hour_of(datetime(2026, 5, 1, 12, 59, tzinfo=UTC)).isoformat()
    '2026-05-01T12:00:00+00:00'
    """
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def total(figures: Iterable[OperationFigures]) -> OperationFigures:
    """Sum of figures."""
    added = OperationFigures()
    for each in figures:
        added.merge(each)
    return added


def hexadecimal(variant: int) -> str:
    """Hash of a variant as eight hexadecimal digits."""
    return f"{variant:08x}"


def _of(figures: dict[str, OperationFigures], name: str) -> OperationFigures:
    return figures.setdefault(name, OperationFigures())


def _count(document: Mapping[str, Any], name: str) -> int:
    value = required(document, name, int)
    if value < 0:
        raise InvalidField(name, value, "a number of at least 0")
    return value


def _counts(document: Mapping[str, Any], name: str) -> dict[str, int]:
    given = required_numbers(document, name)
    for key, value in given.items():
        if not 0 <= value == int(value):
            raise InvalidField(f"{name}.{key}", value, "a whole number of at least 0")
    return {key: int(value) for key, value in given.items()}
