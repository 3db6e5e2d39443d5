"""Catalog of events as columns: the data of each event that signals, filters and responses read, a row per event."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.positions import distinct
from shared.arrays.vocabulary import Vocabulary
from shared.catalog.attributes import CategoricalAttribute, Codes, TfIdfAttribute, part, prefixed, words
from shared.catalog.geography import grid_cell, solar_shift_s
from shared.catalog.tags import Tags
from shared.entities import Event

NEVER: Final = np.inf
"""Time of an event without a date, POSIX seconds: later than any other."""

UNSEEN: Final = -np.inf
"""Time of an event that only interactions name, and an unknown `created_at`, POSIX seconds: earlier than any other."""

_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0
_NUMBERS: Final = ("starts_at", "ends_at", "created_at", "on_sale", "lat", "lng", "price")

FIELDS: Final[Mapping[str, Callable[[Event], str]]] = {
    "organizer": lambda event: event.organizer_id,
    "venue": lambda event: event.venue_id,
    "series": lambda event: _series(event),
    "category": lambda event: event.category.lower(),
    "subcategory": lambda event: event.subcategory.lower(),
    "city": lambda event: event.city.lower(),
    "district": lambda event: _cell(event, 20),
    "block": lambda event: _cell(event, 100),
    "slot": lambda event: _slot(event),
}
"""Categorical attributes by name; "" means unknown.

A district is a twentieth of a degree wide (some 5 km), a block a hundredth (some 1 km). A slot is three hours of the
week in local solar time.
"""

BAGS: Final[Mapping[str, Callable[[Event], Sequence[str]]]] = {
    "tags": lambda event: [tag.lower() for tag in event.tags],
    "title": lambda event: words(event.title),
    "text": lambda event: words(f"{event.title} {event.description}"),
}
"""TF-IDF attributes by name: the tags or the tokens of the texts of an event, in lower case."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Catalog of n events as columns, rows in the order of `events`.

    Attributes
    ----------
    events : vocabulary of the event ids.
    trained : int32 of shape (n,) – row of each event at training, -1 for newer events.
    starts_at, ends_at : float64 of shape (n,) – POSIX seconds, UTC; `ends_at` is the end of the event, else its
        start: from then on it is not a candidate. inf where undated, -inf where only interactions name the event.
    created_at : float64 of shape (n,) – POSIX seconds, -inf where unknown.
    on_sale : bool of shape (n,) – published and not sold out.
    lat, lng : float32 of shape (n,) – degrees, NaN where unknown.
    price : float32 of shape (n,) – in the currency of the event, NaN where unknown.
    titles : bytes ("S") of shape (n,) – UTF-8, cut at 100 bytes, for responses and reasons.
    tags : all tags in lower case, for filters.
    fields : categorical attributes by name, see `FIELDS`.
    bags : TF-IDF attributes by name, see `BAGS`.
    """

    events: Vocabulary
    trained: Codes
    starts_at: NDArray[np.float64]
    ends_at: NDArray[np.float64]
    created_at: NDArray[np.float64]
    on_sale: NDArray[np.bool_]
    lat: NDArray[np.float32]
    lng: NDArray[np.float32]
    price: NDArray[np.float32]
    titles: NDArray[np.bytes_]
    tags: Tags
    fields: Mapping[str, CategoricalAttribute]
    bags: Mapping[str, TfIdfAttribute]

    @classmethod
    def of(cls, events: Iterable[Event], *, mentioned: Iterable[str] = ()) -> Self:
        """Catalog of `events` at training.

        Parameters
        ----------
        events : the last of several with the same id counts.
        mentioned : event ids of interactions; an id without an event gets a row that is never live.
        """
        return cls._of(events, mentioned, None)

    @classmethod
    def _of(
        cls, events: Iterable[Event], mentioned: Iterable[str], trained_bags: Mapping[str, TfIdfAttribute] | None
    ) -> Self:
        by_id = {event.event_id: event for event in events}
        vocabulary = Vocabulary.of([*by_id, *mentioned])
        rows = [by_id.get(key) for key in vocabulary.ids()]
        locations = [event.location if event else None for event in rows]
        lists = {name: [read(event) if event else () for event in rows] for name, read in BAGS.items()}
        return cls(
            events=vocabulary,
            trained=np.arange(len(vocabulary), dtype=np.int32),
            starts_at=np.array([seconds(event.starts_at) if event else UNSEEN for event in rows], np.float64),
            ends_at=np.array([seconds(event.over_at()) if event else UNSEEN for event in rows], np.float64),
            created_at=np.array(
                [event.created_at.timestamp() if event and event.created_at else UNSEEN for event in rows], np.float64
            ),
            on_sale=np.array([event is not None and event.is_on_sale() for event in rows], np.bool_),
            lat=np.array([location.lat if location else np.nan for location in locations], np.float32),
            lng=np.array([location.lng if location else np.nan for location in locations], np.float32),
            price=np.array([np.nan if not event or event.price is None else event.price for event in rows], np.float32),
            titles=np.array([_title(event) for event in rows], np.bytes_),
            tags=Tags.of(lists["tags"]),
            fields={
                name: CategoricalAttribute.of([read(event) if event else "" for event in rows])
                for name, read in FIELDS.items()
            },
            bags={
                name: trained_bags[name].with_rows(lists[name]) if trained_bags else TfIdfAttribute.of(lists[name])
                for name in BAGS
            },
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

    def merged(self, events: Iterable[Event]) -> Self:
        """Catalog with `events` added or replaced.

        Its rows differ from those of this catalog: `trained` still gives the rows at training. IDF weights and the
        names of TF-IDF attributes stay as at training.
        """
        changed = self._of(events, (), self.bags)
        union = distinct(self.events.keys, changed.events.keys)
        old, new = (np.searchsorted(union, catalog.events.keys) for catalog in (self, changed))

        def column(name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
            merged = np.empty(len(union), dtype)
            merged[old], merged[new] = getattr(self, name), getattr(changed, name)
            return merged

        trained = np.full(len(union), -1, np.int32)
        trained[old] = self.trained
        numbers = {name: column(name, getattr(self, name).dtype) for name in _NUMBERS}
        return type(self)(
            events=Vocabulary(union),
            trained=trained,
            titles=column("titles", np.promote_types(self.titles.dtype, changed.titles.dtype)),
            tags=self.tags.merged(changed.tags, old, new, len(union)),
            fields={name: self.fields[name].merged(changed.fields[name], old, new, len(union)) for name in FIELDS},
            bags={name: self.bags[name].merged(changed.bags[name], old, new, len(union)) for name in BAGS},
            **numbers,
        )

    def title(self, row: int) -> str:
        """Title of the event of a row, or its id if it has no title."""
        return bytes(self.titles[row]).decode(errors="ignore") or self.events.ids(np.array([row]))[0]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the catalog, by names that begin with `catalog.`."""
        arrays = {"catalog.events": self.events.keys, "catalog.titles": self.titles}
        arrays |= {f"catalog.{name}": getattr(self, name) for name in _NUMBERS}
        arrays |= prefixed(self.tags.to_arrays(), "catalog.labels.")
        for name, field in self.fields.items():
            arrays |= prefixed(field.to_arrays(), f"catalog.{name}.")
        for name, bag in self.bags.items():
            arrays |= prefixed(bag.to_arrays(), f"catalog.{name}.")
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Catalog from its artifact arrays, as at training."""
        numbers = {name: arrays[f"catalog.{name}"] for name in _NUMBERS}
        return cls(
            events=Vocabulary(arrays["catalog.events"]),
            trained=np.arange(len(arrays["catalog.events"]), dtype=np.int32),
            titles=arrays["catalog.titles"],
            tags=Tags.from_arrays(part(arrays, "catalog.labels.")),
            fields={name: CategoricalAttribute.from_arrays(part(arrays, f"catalog.{name}.")) for name in FIELDS},
            bags={name: TfIdfAttribute.from_arrays(part(arrays, f"catalog.{name}.")) for name in BAGS},
            **numbers,
        )


def seconds(moment: datetime | None) -> float:
    """POSIX seconds of a time, `NEVER` (inf) for None."""
    return NEVER if moment is None else moment.timestamp()


def moment(posix_seconds: float) -> datetime | None:
    """UTC time of POSIX seconds, None for ±inf; the inverse of `seconds`."""
    return None if np.isinf(posix_seconds) else datetime.fromtimestamp(posix_seconds, UTC)


def _title(event: Event | None) -> bytes:
    return event.title.encode()[:100].replace(b"\0", b"") if event else b""


def _series(event: Event) -> str:
    """Series key: hash of organizer and title or, without a title, of organizer, venue and time of the week."""
    if not event.organizer_id:
        return ""
    name = event.title.lower() or f"{event.venue_id} {_slot(event)} {_hour(event)}"
    return blake2b(f"{event.organizer_id}\n{name}".encode(), digest_size=8).hexdigest()


def _cell(event: Event, cells_a_degree: int) -> str:
    if not event.location:
        return ""
    row, column = grid_cell(event.location.lat, event.location.lng, cells_a_degree)
    return f"{row},{column}"


def _solar(event: Event) -> float:
    """Local solar time of the start, as POSIX seconds shifted by `solar_shift_s`; NaN where undated."""
    start = event.starts_at.timestamp() if event.starts_at else np.nan
    return start + (solar_shift_s(event.location.lng) if event.location else 0.0)


def _slot(event: Event) -> str:
    time = _solar(event)
    return "" if np.isnan(time) else f"{(time // _DAY_S + 4) % 7 * 8 + time % _DAY_S // (3 * _HOUR_S):.0f}"


def _hour(event: Event) -> str:
    time = _solar(event)
    return "" if np.isnan(time) else f"{time % _DAY_S // _HOUR_S:.0f}"
