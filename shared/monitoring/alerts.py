"""Alerts: episodes during which a watched quantity exceeds its threshold, each raised once and closed by recovering."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.alert import ALERT_RULES
from shared.entities.stored import read_object, required, required_numbers
from shared.monitoring.operations import HOUR, HourFigures, OperationFigures
from shared.monitoring.rates import Tally, certain_loss

MIN_REQUESTS: Final = 100
"""Requests from which shares and percentiles are watched: of fewer, one slow one makes the 99th percentile."""
MIN_INTERACTIONS: Final = 100
"""Interactions from which the share of lost counts is watched."""
WEEK_DAYS: Final = 7
"""Days before a day that its click-through rate is compared with: one of each weekday."""
_HOURS: Final = 24
"""Hours to look back for enough requests."""
_KEPT: Final = timedelta(days=8)
"""Time for which closed episodes are kept, until the reports of their days are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Episode of an alert.

    Attributes
    ----------
    alert : name of the alert, of `ALERT_RULES`.
    since : time of the run that found it.
    value : the quantity at that time; `threshold` what it exceeded, in `unit`.
    until : time of the run that found it to be over; None while it is open.
    is_told : whether the log has it, in its present state.
    """

    alert: str
    since: datetime
    value: float
    threshold: float
    unit: str
    until: datetime | None = None
    is_told: bool = False

    def is_open(self) -> bool:
        """Whether the quantity has not recovered."""
        return self.until is None

    def concerns(self, begin: datetime, end: datetime) -> bool:
        """Whether it was open at any time from `begin` to before `end`."""
        return self.since < end and (self.until is None or self.until >= begin)

    def to_document(self) -> dict[str, Any]:
        """Part of a report."""
        document = asdict(self)
        del document["is_told"]
        return document | {"since": self.since.isoformat(), "until": self.until.isoformat() if self.until else None}


@dataclass(frozen=True, slots=True)
class Episodes:
    """Episodes of all alerts, open ones and those closed lately, oldest first."""

    episodes: tuple[Episode, ...] = ()

    def after(self, values: Mapping[str, float], thresholds: Mapping[str, float], now: datetime) -> "Episodes":
        """Episodes after a look at the quantities.

        A quantity above its threshold opens an episode unless one is open. One at or below it closes the open episode,
        and so does a threshold that is gone. A quantity without a value, since there is too little to judge by, changes
        nothing.

        Parameters
        ----------
        values : quantities by name of their alert.
        thresholds : thresholds by name of their alert; an alert without one is off.
        """
        is_above = {name: values[name] > thresholds[name] for name in values if name in thresholds}
        kept = []
        for episode in self.episodes:
            is_over = episode.alert not in thresholds or is_above.get(episode.alert) is False
            current = replace(episode, until=now, is_told=False) if episode.is_open() and is_over else episode
            if current.until is None or current.until > now - _KEPT:
                kept.append(current)
        are_open = {episode.alert for episode in kept if episode.is_open()}
        new = [
            Episode(alert=name, since=now, value=values[name], threshold=thresholds[name], unit=rule.unit)
            for name, rule in ALERT_RULES.items()
            if is_above.get(name) and name not in are_open
        ]
        return Episodes((*kept, *new))

    def untold(self) -> list[Episode]:
        """Episodes whose present state the log does not have."""
        return [episode for episode in self.episodes if not episode.is_told]

    def told(self) -> "Episodes":
        """Episodes whose present states the log has."""
        return Episodes(tuple(replace(episode, is_told=True) for episode in self.episodes))

    def to_document(self) -> dict[str, Any]:
        """Stored form."""
        return {"episodes": [{**episode.to_document(), "is_told": episode.is_told} for episode in self.episodes]}

    @classmethod
    def from_json(cls, data: bytes, name: str) -> Self:
        """Episodes from the JSON stored under `name`; raises `ArtifactError` saying what cannot be read."""
        return read_object(data, name, cls._from_document)

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        return cls(tuple(_episode(given) for given in required(document, "episodes", list)))


def _episode(document: dict[str, Any]) -> Episode:
    numbers = required_numbers({"episode": {name: document.get(name) for name in ("value", "threshold")}}, "episode")
    return Episode(
        alert=required(document, "alert", str),
        since=fields.required_time(document, "since"),
        value=numbers["value"],
        threshold=numbers["threshold"],
        unit=required(document, "unit", str),
        until=fields.time(document, "until"),
        is_told=fields.flag(document, "is_told"),
    )


def of_requests(hours: Sequence[HourFigures], now: datetime) -> dict[str, float]:
    """Quantities of the latest requests, by name of their alert: of the last hours that have enough of them.

    At least the last two hours count. Where they have fewer than `MIN_REQUESTS`, earlier ones do as well, up to a day;
    a quantity of still too few requests, or lists, is left out.
    """
    recent = sorted((hour for hour in hours if hour.hour > now - _HOURS * HOUR), key=lambda hour: hour.hour)
    requests = _enough([(hour.hour, hour.total()) for hour in recent], now)
    lists = _enough([(hour.hour, hour.lists()) for hour in recent], now)
    values = {}
    if requests.requests >= MIN_REQUESTS:
        values["errors"] = requests.errors / requests.requests
    if lists.requests >= MIN_REQUESTS:
        values["latency_p99"] = lists.latency.percentile(99)
    if (number := lists.lists.total()) >= MIN_REQUESTS:
        values["degraded"], values["fallback"] = lists.degraded / number, lists.fallback / number
    return values


def _enough(figures: Sequence[tuple[datetime, OperationFigures]], now: datetime) -> OperationFigures:
    taken = OperationFigures()
    for hour, each in reversed(figures):
        if hour <= now - 2 * HOUR and taken.requests >= MIN_REQUESTS:
            break
        taken.merge(each)
    return taken


def click_loss(days: Mapping[date, Tally], today: date) -> dict[str, float]:
    """Quantity of `click_through`: certain loss of the rate of today, or of yesterday if that is more.

    Yesterday as well, since a day that has just begun says nothing yet. See `rates.certain_loss`; each is compared with
    the `WEEK_DAYS` before it.

    Parameters
    ----------
    days : clicks of the impressions of each day.
    """
    losses = []
    for day in (today, today - timedelta(days=1)):
        before = [day - timedelta(days=number) for number in range(1, WEEK_DAYS + 1)]
        if day in days:
            losses.append(certain_loss(days[day], [days[earlier] for earlier in before if earlier in days]))
    certain = [loss for loss in losses if loss is not None]
    return {"click_through": max(certain)} if certain else {}


def lost_share(hours: Sequence[HourFigures], now: datetime) -> dict[str, float]:
    """Quantity of `lost_counts`: states that no trigger had counted, of the interactions settled in the last day."""
    recent = [hour for hour in hours if hour.hour > now - _HOURS * HOUR]
    read = sum(hour.settled["interactions"] for hour in recent)
    lost = sum(hour.settled["lost"] for hour in recent)
    return {"lost_counts": lost / read} if read >= MIN_INTERACTIONS else {}
