"""Cards of events: what an app shows of a listed event, kept in memory so that no list makes the app read events."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from shared.arrays.checked import checked, named
from shared.arrays.merge import Merge
from shared.arrays.vocabulary import Vocabulary
from shared.catalog.attributes import CategoricalAttribute, part, prefixed
from shared.catalog.catalog import Catalog, moment
from shared.catalog.titles import Titles
from shared.entities import Event
from shared.entities.event import MAX_PRICE

_PREFIX: Final = "catalog.cards."
_NAMES: Final = ("category", "city", "currency")


class Card(NamedTuple):
    """Card of a listed event, besides its title and start; None where unknown. `price` is in `currency`."""

    ends_at: datetime | None = None
    timezone: str | None = None
    category: str | None = None
    city: str | None = None
    venue_id: str | None = None
    price: float | None = None
    currency: str | None = None
    image_url: str | None = None
    organizer_id: str | None = None


NO_CARD: Final = Card()
"""Card of which nothing is known."""

_KEPT: Final = 10_000
"""Events whose cards are kept once they were listed, some 7 MB: most lists hold some of the same events."""


class ListedEvent(NamedTuple):
    """Event as lists show it: its id, its title (the id where it has none), its start and its card."""

    event_id: str
    title: str
    starts_at: datetime | None
    card: Card


CARD_FIELDS: Final = ("title", "starts_at", *Card._fields)
"""Fields of events that lists carry, in the order of answers."""


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards of the n events of a catalog: the columns that it lacks, empty for events that were over at training.

    An event takes 33 bytes and those of its image's URL, which are 2,000 at most.

    Attributes
    ----------
    has_end : bool of shape (n,) – whether the event's end is known; the catalog's may be an assumed one.
    price : float64 of shape (n,) – NaN where unknown; the catalog's is rounded to half the digits.
    names : category, city and currency as the event spells them, by field.
    images : URLs of images.
    """

    has_end: NDArray[np.bool_]
    price: NDArray[np.float64]
    names: Mapping[str, CategoricalAttribute]
    images: Titles
    _listed: dict[int, ListedEvent] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, events: Iterable[Event], keys: Vocabulary) -> Self:
        """Cards of the events of a vocabulary, empty for all but `events`; the last of several with the same id counts.

        Parameters
        ----------
        keys : ids of the n events, in the order of the catalog.
        """
        by_id = {event.event_id: event for event in events}
        rows = [by_id.get(key) for key in keys.ids()] if by_id else [None] * len(keys)
        prices = [np.nan if not event or event.price is None else event.price for event in rows]
        return cls(
            has_end=np.array([event is not None and event.ends_at is not None for event in rows], np.bool_),
            price=np.array(prices, np.float64),
            names={
                name: CategoricalAttribute.of([getattr(event, name) if event else "" for event in rows])
                for name in _NAMES
            },
            images=Titles.of([event.image_url if event else "" for event in rows]),
        )

    def with_changes(self, events: Iterable[Event], merge: Merge) -> Self:
        """Cards of a changed catalog; those of events that are not on sale, which no list holds, are empty.

        Parameters
        ----------
        merge : merge of the rows of all `events` with those of the catalog, see `Catalog.with_changes`.
        """
        latest = {event.event_id: event for event in events}
        on_sale = [event for event in latest.values() if event.is_on_sale()]
        changed = type(self).of(on_sale, Vocabulary(merge.keys.keys[merge.changed]))
        return replace(
            self,
            has_end=merge.column(self.has_end, changed.has_end),
            price=merge.column(self.price, changed.price),
            names={name: column.merged(changed.names[name], merge) for name, column in self.names.items()},
            images=self.images.merged(changed.images, merge),
        )

    def at(self, catalog: Catalog, rows: NDArray[np.integer]) -> list[Card]:
        """Cards of the events `rows` of the catalog, int of shape (k,)."""
        known, ends = self.has_end[rows].tolist(), catalog.ends_at[rows].tolist()
        columns = (
            (datetime.fromtimestamp(end, UTC) if is_known else None for is_known, end in zip(known, ends, strict=True)),
            _texts(catalog.fields["timezone"], rows),
            _texts(self.names["category"], rows),
            _texts(self.names["city"], rows),
            _texts(catalog.fields["venue"], rows),
            (None if isnan(price) else price for price in self.price[rows].tolist()),
            _texts(self.names["currency"], rows),
            (self.images.at(row) or None for row in rows.tolist()),
            _texts(catalog.fields["organizer"], rows),
        )
        return list(map(Card._make, zip(*columns, strict=True)))

    def listed(self, catalog: Catalog, rows: NDArray[np.integer]) -> list[ListedEvent]:
        """Events `rows` of the catalog, int of shape (k,), as lists show them; kept, since they change with neither.

        The catalog must be that of these cards.
        """
        numbers, kept = rows.tolist(), self._listed
        found = {row: event for row in numbers if (event := kept.get(row)) is not None}
        missing = np.array([row for row in numbers if row not in found], np.int64)
        if len(missing):
            ids, starts, cards = catalog.events.ids(missing), catalog.starts_at[missing], self.at(catalog, missing)
            made = {
                row: ListedEvent(event_id, catalog.title(row), moment(start), card)
                for row, event_id, start, card in zip(missing.tolist(), ids, starts, cards, strict=True)
            }
            found |= made
            if len(kept) >= _KEPT:
                kept.clear()
            kept |= made
        return [found[row] for row in numbers]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Artifact arrays of the cards, by names that begin with `catalog.cards.`."""
        arrays = {"has_end": self.has_end, "price": self.price, **prefixed(self.images.to_arrays(), "images.")}
        for name, column in self.names.items():
            arrays |= prefixed(column.to_arrays(), f"{name}.")
        return prefixed(arrays, _PREFIX)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], keys: Vocabulary) -> Self:
        """Cards from their artifact arrays; raises `ValueError` naming one that does not fit.

        Models of earlier versions have none: then all cards are empty until the next training.
        """
        arrays, size = part(arrays, _PREFIX), len(keys)
        if not arrays:
            return cls.of((), keys)
        with named(_PREFIX):
            names = {}
            for name in _NAMES:
                with named(f"{name}."):
                    names[name] = CategoricalAttribute.from_arrays(part(arrays, f"{name}."), size)
            with named("images."):
                images = Titles.from_arrays(part(arrays, "images."), size)
            has_end = checked(arrays, "has_end", "?", size)
            price = checked(arrays, "price", "f8", size, low=0, high=MAX_PRICE, has_unknown=True)
            return cls(has_end, price, names, images)


def _texts(column: CategoricalAttribute, rows: NDArray[np.integer]) -> Iterator[str | None]:
    """Values of the events `rows`, None where unknown."""
    keys = column.names.keys
    # One by one: lists are short, and an array of a few names costs more than the names.
    return (keys[code].decode() if code >= 0 else None for code in column.at(rows).tolist())
