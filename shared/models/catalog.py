"""Events as columns: what ranking, models and answers need of each, one row an event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from shared.entities import Event
from shared.models.vocabulary import Vocabulary

NEVER = np.inf


@dataclass(frozen=True, slots=True)
class Catalog:
    """All known events, rows in the order of `events`.

    Attributes
    ----------
    events : ids.
    starts_at, ends_at : float64 of shape (n,) – POSIX seconds, UTC; `ends_at` is when the event stops being
        recommendable (its end, else its start). inf where undated.
    on_sale : bool of shape (n,) – published and not full.
    titles : bytes ("S") of shape (n,) – UTF-8, cut at 100 bytes, for answers and reasons.
    organizers : ids of organizers; `organizer_rows` int32 of shape (n,), -1 where unknown.
    """

    events: Vocabulary
    starts_at: NDArray[np.float64]
    ends_at: NDArray[np.float64]
    on_sale: NDArray[np.bool_]
    titles: NDArray[np.bytes_]
    organizers: Vocabulary
    organizer_rows: NDArray[np.int32]

    @classmethod
    def of(cls, events: Iterable[Event], *, mentioned: Iterable[str] = ()) -> Self:
        """The catalog of these events.

        `mentioned` are ids that interactions name; those without an event get a row that is never live.
        """
        by_id = {event.event_id: event for event in events}
        vocabulary = Vocabulary.of([*by_id, *mentioned])
        rows = [by_id.get(key) for key in vocabulary.ids()]
        organizers = Vocabulary.of(event.organizer_id for event in by_id.values() if event.organizer_id)
        return cls(
            events=vocabulary,
            starts_at=np.array([seconds(event.starts_at if event else None) for event in rows], np.float64),
            ends_at=np.array([seconds(event.over_at() if event else None) for event in rows], np.float64),
            on_sale=np.array([event is not None and event.is_on_sale() for event in rows], np.bool_),
            titles=np.array([_title(event) for event in rows], np.bytes_),
            organizers=organizers,
            organizer_rows=organizers.rows([event.organizer_id if event else "" for event in rows]).astype(np.int32),
        )

    def __len__(self) -> int:
        return len(self.events)

    def live(self, now: datetime) -> NDArray[np.bool_]:
        """Which events may be shown at `now`, bool of shape (n,): on sale and not over."""
        return self.on_sale & (self.ends_at > now.timestamp())

    def merged(self, events: Iterable[Event]) -> Self:
        """The catalog with these events put in or replaced; rows are new, so translate ids again."""
        changed = self.of(events)
        union = np.union1d(self.events.keys, changed.events.keys)
        organizers = np.union1d(self.organizers.keys, changed.organizers.keys)
        old, new = (np.searchsorted(union, part.events.keys) for part in (self, changed))

        def column(name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
            merged = np.empty(len(union), dtype)
            merged[old], merged[new] = getattr(self, name), getattr(changed, name)
            return merged

        organizer_rows = np.empty(len(union), np.int32)
        for part, rows in ((self, old), (changed, new)):
            translated = np.append(np.searchsorted(organizers, part.organizers.keys), -1)
            organizer_rows[rows] = translated[part.organizer_rows]
        return type(self)(
            events=Vocabulary(union),
            starts_at=column("starts_at", self.starts_at.dtype),
            ends_at=column("ends_at", self.ends_at.dtype),
            on_sale=column("on_sale", self.on_sale.dtype),
            titles=column("titles", np.promote_types(self.titles.dtype, changed.titles.dtype)),
            organizers=Vocabulary(organizers),
            organizer_rows=organizer_rows,
        )

    def title(self, row: int) -> str:
        """The event's title, its id when it has none."""
        return bytes(self.titles[row]).decode(errors="ignore") or self.events.ids(np.array([row]))[0]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays for the artifact."""
        return {
            "catalog.events": self.events.keys,
            "catalog.starts_at": self.starts_at,
            "catalog.ends_at": self.ends_at,
            "catalog.on_sale": self.on_sale,
            "catalog.titles": self.titles,
            "catalog.organizers": self.organizers.keys,
            "catalog.organizer_rows": self.organizer_rows,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_arrays`."""
        return cls(
            events=Vocabulary(arrays["catalog.events"]),
            starts_at=arrays["catalog.starts_at"],
            ends_at=arrays["catalog.ends_at"],
            on_sale=arrays["catalog.on_sale"],
            titles=arrays["catalog.titles"],
            organizers=Vocabulary(arrays["catalog.organizers"]),
            organizer_rows=arrays["catalog.organizer_rows"],
        )


def seconds(moment: datetime | None) -> float:
    """POSIX seconds of a time, inf for None."""
    return NEVER if moment is None else moment.timestamp()


def moment(posix_seconds: float) -> datetime | None:
    """The inverse of `seconds`."""
    return None if np.isinf(posix_seconds) else datetime.fromtimestamp(posix_seconds, UTC)


def _title(event: Event | None) -> bytes:
    return event.title.encode()[:100].replace(b"\0", b"") if event else b""
