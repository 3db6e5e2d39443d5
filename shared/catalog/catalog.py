"""Catalog of events as columns: the data of each event that signals, filters and responses read, a row per event."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, checked_ids, named
from shared.arrays.merge import Merge
from shared.arrays.vocabulary import UNKNOWN, Vocabulary
from shared.catalog.attributes import CategoricalAttribute, Codes, TfIdfAttribute, part, prefixed
from shared.catalog.calendar import Calendar
from shared.catalog.geography import grid_cell, solar_shift_s
from shared.catalog.meaning import BAG, WordVectors
from shared.catalog.tags import Tags
from shared.catalog.titles import Titles
from shared.catalog.words import words
from shared.entities import Event
from shared.entities.event import MAX_ASSUMED
from shared.entities.fields import zone_names
from shared.entities.names import name_key, name_keys

NEVER: Final = np.inf
"""Time of an event without a date, POSIX seconds: later than any other."""

UNSEEN: Final = -np.inf
"""Time of an event that only interactions name, and an unknown `created_at`, POSIX seconds: earlier than any other."""

_DEFAULT_CALENDAR: Final = Calendar()
_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0
_TIMES: Final = ("starts_at", "ends_at", "created_at")
_SHIFTS: Final = ("start_shift_s", "end_shift_s")
_NUMBERS: Final = (*_TIMES, *_SHIFTS, "on_sale", "visible", "lat", "lng", "price")

_LATEST_S: Final = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
"""Time before which all dated events begin, and end where that is known, see `fields.time`, POSIX seconds."""

FIELDS: Final[Mapping[str, Callable[[Event, float], str]]] = {
    "organizer": lambda event, _: event.organizer_id,
    "venue": lambda event, _: event.venue_id,
    "series": lambda event, local_s: _series(event, local_s),
    "category": lambda event, _: name_key(event.category),
    "subcategory": lambda event, _: name_key(event.subcategory),
    "city": lambda event, _: name_key(event.city),
    "district": lambda event, _: _cell(event, 20),
    "block": lambda event, _: _cell(event, 100),
    "slot": lambda _, local_s: _slot(local_s),
    "timezone": lambda event, _: event.timezone,
}
"""Categorical attributes by name, of an event and the local time of its start; "" means unknown.

The local time is in POSIX seconds shifted as by `Calendar.shift_s`, NaN where undated. A district is a twentieth of a
degree wide (some 5 km), a block a hundredth (some 1 km). A slot is three hours of the week.
"""

BAGS: Final[Mapping[str, Callable[[Event], Sequence[str]]]] = {
    "tags": lambda event: name_keys(event.tags),
    "title": lambda event: words(event.title),
    "text": lambda event: words(f"{event.title} {event.description}"),
}
"""TF-IDF attributes by name: the keys of the tags or the words of the texts of an event."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Catalog of n events as columns, rows in the order of `events`.

    Attributes
    ----------
    events : vocabulary of the event ids.
    trained : int32 of shape (n,) – row of each event at training, -1 for newer events.
    starts_at, ends_at : float64 of shape (n,) – POSIX seconds, UTC. `ends_at` is the end of the event, or the assumed
        one: from then on it is not a candidate; -inf where undated. `starts_at` is inf where undated. Both are -inf
        where only interactions name the event.
    start_shift_s, end_shift_s : float32 of shape (n,) – seconds by which local time is ahead of UTC at the start and at
        the end; NaN where undated.
    created_at : float64 of shape (n,) – POSIX seconds, -inf where unknown.
    on_sale : bool of shape (n,) – published and not sold out.
    visible : bool of shape (n,) – known and not hidden: what everybody may see, live or not.
    lat, lng : float32 of shape (n,) – degrees, NaN where unknown.
    price : float32 of shape (n,) – in the currency of the event, NaN where unknown.
    titles : whole titles, for responses and reasons.
    tags : keys of all tags, for filters.
    fields : categorical attributes by name, see `FIELDS`.
    bags : TF-IDF attributes by name, see `BAGS`.
    meaning : vectors of the words of the bag `meaning.BAG`, as at training.
    calendar : local time of events that name no time zone, and the assumed end of those without one.
    """

    events: Vocabulary
    trained: Codes
    starts_at: NDArray[np.float64]
    ends_at: NDArray[np.float64]
    start_shift_s: NDArray[np.float32]
    end_shift_s: NDArray[np.float32]
    created_at: NDArray[np.float64]
    on_sale: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    lat: NDArray[np.float32]
    lng: NDArray[np.float32]
    price: NDArray[np.float32]
    titles: Titles
    tags: Tags
    fields: Mapping[str, CategoricalAttribute]
    bags: Mapping[str, TfIdfAttribute]
    meaning: WordVectors
    calendar: Calendar

    @classmethod
    def of(
        cls, events: Iterable[Event], *, mentioned: Iterable[str] = (), calendar: Calendar = _DEFAULT_CALENDAR
    ) -> Self:
        """Catalog of `events` at training.

        Parameters
        ----------
        events : the last of several with the same id counts.
        mentioned : event ids of interactions; an id without an event gets a row that is never live.
        calendar : local time of events that name no time zone.
        """
        return cls._of(events, mentioned, None, calendar)

    @classmethod
    def _of(
        cls,
        events: Iterable[Event],
        mentioned: Iterable[str],
        trained: "Catalog | None",
        calendar: Calendar,
    ) -> Self:
        by_id = {event.event_id: event for event in events}
        vocabulary = Vocabulary.of([*by_id, *mentioned])
        rows = [by_id.get(key) for key in vocabulary.ids()]
        locations = [event.location if event else None for event in rows]
        ends = [calendar.over_at(event) if event else None for event in rows]
        start_shifts = [calendar.shift_s(event, event.starts_at) if event else np.nan for event in rows]
        local = [
            event.starts_at.timestamp() + shift if event and event.starts_at else np.nan
            for event, shift in zip(rows, start_shifts, strict=True)
        ]
        lists = {name: [read(event) if event else () for event in rows] for name, read in BAGS.items()}
        bags = {
            name: trained.bags[name].with_rows(lists[name]) if trained is not None else TfIdfAttribute.of(lists[name])
            for name in BAGS
        }
        return cls(
            events=vocabulary,
            trained=np.arange(len(vocabulary), dtype=np.int32),
            starts_at=np.array([seconds(event.starts_at) if event else UNSEEN for event in rows], np.float64),
            ends_at=np.array([UNSEEN if end is None else end.timestamp() for end in ends], np.float64),
            start_shift_s=np.array(start_shifts, np.float32),
            end_shift_s=np.array(
                [calendar.shift_s(event, end) if event else np.nan for event, end in zip(rows, ends, strict=True)],
                np.float32,
            ),
            created_at=np.array(
                [event.created_at.timestamp() if event and event.created_at else UNSEEN for event in rows], np.float64
            ),
            on_sale=np.array([event is not None and event.is_on_sale() for event in rows], np.bool_),
            visible=np.array([event is not None and event.is_visible() for event in rows], np.bool_),
            lat=np.array([location.lat if location else np.nan for location in locations], np.float32),
            lng=np.array([location.lng if location else np.nan for location in locations], np.float32),
            price=np.array([np.nan if not event or event.price is None else event.price for event in rows], np.float32),
            titles=Titles.of([event.title if event else "" for event in rows]),
            tags=Tags.of(lists["tags"]),
            fields={
                name: CategoricalAttribute.of(
                    [read(event, local_s) if event else "" for event, local_s in zip(rows, local, strict=True)]
                )
                for name, read in FIELDS.items()
            },
            bags=bags,
            meaning=trained.meaning if trained is not None else WordVectors.of(bags[BAG]),
            calendar=calendar,
        )

    def __len__(self) -> int:
        return len(self.events)

    @property
    def organizers(self) -> Vocabulary:
        """Vocabulary of the organizers of the events."""
        return self.fields["organizer"].names

    def live(self, now: datetime) -> NDArray[np.bool_]:
        """Mask of the live events at `now`, bool of shape (n,): on sale and not over."""
        return self.on_sale & (self.ends_at > now.timestamp())

    def are_live(self, rows: NDArray[np.integer], now: datetime) -> NDArray[np.bool_]:
        """Mask of the live events among `rows` at `now`, bool of the shape of `rows`: on sale and not over."""
        live: NDArray[np.bool_] = self.on_sale[rows] & (self.ends_at[rows] > now.timestamp())
        return live

    def days_ahead(self, rows: NDArray[np.integer], now: datetime) -> NDArray[np.float64]:
        """Days by the calendar from `now` to the starts of n events, where they are, float64 of shape (n,).

        0 is today, NaN where the event has begun or has no start.
        """
        start_days, _ = self.days(rows)
        begins = self.starts_at[rows]
        return np.where((begins > now.timestamp()) & np.isfinite(begins), start_days - self.today(rows, now), np.nan)

    def days(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """First and last local day of n events, days since 1970, float64 of shape (n,); NaN where undated.

        An event that ends at midnight is not on the day that begins then.
        """
        first = np.floor((self.starts_at[rows] + self.start_shift_s[rows]) / _DAY_S)
        last = np.ceil((self.ends_at[rows] + self.end_shift_s[rows]) / _DAY_S) - 1
        return first, np.fmax(first, last)

    def today(self, rows: NDArray[np.integer], now: datetime) -> NDArray[np.float64]:
        """Local day at `now` where n events are, days since 1970, float64 of shape (n,)."""
        shifts = self.calendar.shifts_s(self.fields["timezone"], rows, self.lng[rows], now)
        return np.floor((now.timestamp() + shifts) / _DAY_S)

    def visible_rows(self, rows: NDArray[np.integer]) -> NDArray[np.int32]:
        """Rows with -1 in the place of events that not everybody may see, as for an unknown id; int32, same shape."""
        shown = rows.astype(np.int32)
        known = np.flatnonzero(rows >= 0)
        shown[known[~self.visible[rows[known]]]] = -1
        return shown

    def merged(self, events: Iterable[Event]) -> Self:
        """Catalog with `events` added or replaced, see `with_changes`."""
        return self.with_changes(events)[0]

    def with_changes(self, events: Iterable[Event]) -> tuple[Self, Merge]:
        """Catalog with `events` added or replaced, and how its rows follow from those of this catalog.

        `trained` still gives the rows at training. IDF weights, the names of TF-IDF attributes and the vectors of
        words stay as at training.
        A column, attribute or bag that no event changes is that of this catalog, not a copy.
        """
        changed = self._of(events, (), self, self.calendar)
        merge = Merge.of(self.events, changed.events)
        numbers: dict[str, Any] = {name: merge.column(getattr(self, name), getattr(changed, name)) for name in _NUMBERS}
        merged = replace(
            self,
            events=merge.keys,
            trained=merge.carried(self.trained, UNKNOWN),
            titles=self.titles.merged(changed.titles, merge),
            tags=self.tags.merged(changed.tags, merge),
            fields={name: self.fields[name].merged(changed.fields[name], merge) for name in FIELDS},
            bags={name: self.bags[name].merged(changed.bags[name], merge) for name in BAGS},
            **numbers,
        )
        return merged, merge

    def prepared(self, now: datetime) -> Self:
        """Catalog with stored vectors of the texts of events that are live at `now`: no start waits for them then."""
        live = np.flatnonzero(self.live(now))
        return replace(self, meaning=self.meaning.keeping(self.bags[BAG], live))

    def title(self, row: int) -> str:
        """Title of the event of a row, or its id if it has no title."""
        return self.titles.at(row) or self.events.ids(np.array([row]))[0]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the catalog, by names that begin with `catalog.`."""
        arrays = {"catalog.events": self.events.keys, **prefixed(self.titles.to_arrays(), "catalog.titles.")}
        arrays |= {f"catalog.{name}": getattr(self, name) for name in _NUMBERS}
        arrays["catalog.default_timezone"] = np.array([self.calendar.timezone.encode()], np.bytes_)
        arrays["catalog.assumed_hours"] = np.array([self.calendar.assumed_hours])
        arrays |= prefixed(self.tags.to_arrays(), "catalog.labels.")
        for name, field in self.fields.items():
            arrays |= prefixed(field.to_arrays(), f"catalog.{name}.")
        for name, bag in self.bags.items():
            arrays |= prefixed(bag.to_arrays(), f"catalog.{name}.")
        return arrays | prefixed(self.meaning.to_arrays(), "catalog.meaning.")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Catalog from its artifact arrays, as at training; raises `ValueError` naming one that does not fit.

        Earlier versions knew no time zones, cut titles under another name, and did not tell hidden events from others
        that are not on sale.
        """
        arrays = {"catalog.visible": arrays.get("catalog.on_sale", np.empty(0, np.bool_)), **arrays}
        events = Vocabulary(checked_ids(arrays, "catalog.events"))
        size = len(events)
        if "catalog.default_timezone" not in arrays:
            arrays = {**arrays, **_solar_time(checked(arrays, "catalog.lng", "f4", size, has_unknown=True))}
        calendar = _checked_calendar(arrays)
        former = arrays.get("catalog.titles")
        with named("catalog.titles."):
            titles = (
                Titles.from_arrays(part(arrays, "catalog.titles."), size)
                if former is None
                else Titles.of_former(checked({"": former}, "", "S", size))
            )
        with named("catalog.labels."):
            tags = Tags.from_arrays(part(arrays, "catalog.labels."), size)
        fields, bags = {}, {}
        for name in FIELDS:
            with named(f"catalog.{name}."):
                fields[name] = CategoricalAttribute.from_arrays(part(arrays, f"catalog.{name}."), size)
        for name in BAGS:
            with named(f"catalog.{name}."):
                bags[name] = TfIdfAttribute.from_arrays(part(arrays, f"catalog.{name}."), size)
        with named("catalog.meaning."):
            meaning = WordVectors.from_arrays(part(arrays, "catalog.meaning."), bags[BAG])
        times: dict[str, Any] = {name: _checked_times(arrays, f"catalog.{name}", size) for name in _TIMES}
        dated = np.isfinite(times["starts_at"])
        if not bool((times["ends_at"][dated] >= times["starts_at"][dated]).all()):
            # All of such a catalog may seem to be over, and lists would be empty.
            raise ValueError("catalog.ends_at: expected no event to end before it starts")
        shifts: dict[str, Any] = {
            name: checked(arrays, f"catalog.{name}", "f4", size, low=-_DAY_S, high=_DAY_S, has_unknown=True)
            for name in _SHIFTS
        }
        return cls(
            events=events,
            trained=np.arange(size, dtype=np.int32),
            titles=titles,
            tags=tags,
            fields=fields,
            bags=bags,
            meaning=meaning,
            calendar=calendar,
            on_sale=checked(arrays, "catalog.on_sale", "?", size),
            visible=checked(arrays, "catalog.visible", "?", size),
            lat=checked(arrays, "catalog.lat", "f4", size, low=-90, high=90, has_unknown=True),
            lng=checked(arrays, "catalog.lng", "f4", size, low=-180, high=180, has_unknown=True),
            price=checked(arrays, "catalog.price", "f4", size, low=0, has_unknown=True),
            **times,
            **shifts,
        )


def _solar_time(lng: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Arrays of local time for artifacts of earlier versions: solar time, no time zones and no assumed length."""
    solar = solar_shift_s(np.nan_to_num(lng.astype(np.float64))).astype(np.float32)
    return {
        **dict.fromkeys((f"catalog.{name}" for name in _SHIFTS), solar),
        **prefixed(CategoricalAttribute.of([""] * len(lng)).to_arrays(), "catalog.timezone."),
        "catalog.default_timezone": np.array([b""]),
        "catalog.assumed_hours": np.array([0.0]),
    }


def _checked_calendar(arrays: Mapping[str, NDArray[Any]]) -> Calendar:
    """Calendar of an artifact; raises `ValueError` for a time zone that this program does not know."""
    default = checked(arrays, "catalog.default_timezone", "S", 1)[0]
    names = checked(arrays, "catalog.timezone.names", "S", -1)
    for name in {bytes(default), *names.tolist()} - {b""}:
        if name.decode(errors="replace") not in zone_names():
            raise ValueError(f"catalog.timezone: expected IANA names of time zones, got {name!r}")
    hours = checked(arrays, "catalog.assumed_hours", "f8", 1, low=0, high=24)[0]
    return Calendar(bytes(default).decode(), float(hours))


def _checked_times(arrays: Mapping[str, NDArray[Any]], name: str, size: int) -> NDArray[np.float64]:
    """Times of events, POSIX seconds, float64 of shape (size,): infinite or such that a date can hold them."""
    times = checked(arrays, name, "f8", size, low=UNSEEN, high=NEVER)
    checked({name: times[np.isfinite(times)]}, name, "f8", -1, low=0, high=_LATEST_S + MAX_ASSUMED.total_seconds())
    return times


def seconds(moment: datetime | None) -> float:
    """POSIX seconds of a time, `NEVER` (inf) for None."""
    return NEVER if moment is None else moment.timestamp()


def moment(posix_seconds: float) -> datetime | None:
    """UTC time of POSIX seconds, None for ±inf; the inverse of `seconds`."""
    return None if np.isinf(posix_seconds) else datetime.fromtimestamp(posix_seconds, UTC)


def _series(event: Event, local_s: float) -> str:
    """Series key: hash of organizer and title or, without a title, of organizer, venue and time of the week.

    Where no organizer is known, those of one title at a venue are a series.
    """
    if not event.organizer_id:
        name = name_key(event.title)
        return _hashed(f"\n{event.venue_id}\n{name}") if event.venue_id and name else ""
    name = name_key(event.title) or f"{event.venue_id} {_slot(local_s)} {_hour(local_s)}"
    return _hashed(f"{event.organizer_id}\n{name}")


def _hashed(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _cell(event: Event, cells_a_degree: int) -> str:
    if not event.location:
        return ""
    row, column = grid_cell(event.location.lat, event.location.lng, cells_a_degree)
    return f"{row},{column}"


def _slot(local_s: float) -> str:
    return "" if np.isnan(local_s) else f"{(local_s // _DAY_S + 4) % 7 * 8 + local_s % _DAY_S // (3 * _HOUR_S):.0f}"


def _hour(local_s: float) -> str:
    return "" if np.isnan(local_s) else f"{local_s % _DAY_S // _HOUR_S:.0f}"
