"""Business rules for lists: pinned, boosted and blocked events and organizers, whatever a model says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.errors import InvalidField

MAX_ENTRIES: Final = 200
MAX_PINNED: Final = 20
MAX_BOOST: Final = 10.0
_MAX_ID_BYTES: Final = 512
"""Size limit of an id: 128 characters, which the API accepts, of at most 4 bytes each in UTF-8."""

_PLACED: Final = {"pinned": "event_id", "boosted_events": "event_id", "boosted_organizers": "organizer_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Pin or boost of an event, or of all events of an organizer, by id and for a time.

    `strength` is what a boost adds, in standard deviations of the scores: 1 is a nudge, 3 is nearly the top.
    """

    target_id: str
    strength: float = 1.0
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    def is_on(self, now: datetime) -> bool:
        """Activity of the placement at `now`, from `starts_at` to before `ends_at`; a missing bound is open."""
        has_begun = self.starts_at is None or self.starts_at <= now
        return has_begun and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Business rules of a deployment; without any, lists are as ranked.

    Attributes
    ----------
    pinned : events that come first in recommendations, in this order.
    boosted_events, boosted_organizers : boosts, which raise scores.
    blocked_events, blocked_organizers : ids that no list holds.
    max_per_organizer : limit of events of an organizer in a list of recommendations, 1..100; None for no limit.
    """

    pinned: tuple[Placement, ...] = ()
    boosted_events: tuple[Placement, ...] = ()
    boosted_organizers: tuple[Placement, ...] = ()
    blocked_events: tuple[str, ...] = ()
    blocked_organizers: tuple[str, ...] = ()
    max_per_organizer: int | None = None

    @classmethod
    def from_document(cls, data: Document) -> Self:
        """Rules parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        return cls(
            pinned=_placements(data, "pinned", "event_id", high=MAX_PINNED),
            boosted_events=_placements(data, "boosted_events", "event_id", high=MAX_ENTRIES),
            boosted_organizers=_placements(data, "boosted_organizers", "organizer_id", high=MAX_ENTRIES),
            blocked_events=_ids(data, "blocked_events"),
            blocked_organizers=_ids(data, "blocked_organizers"),
            max_per_organizer=fields.integer(data, "max_per_organizer", low=1, high=100),
        )

    def check_change(self, before: Self, now: datetime) -> None:
        """Check that these may take the place of the rules `before`; raises `InvalidField` for a time that never comes.

        A placement that stays as it was may be over: its time has passed since it was stored.
        """
        for field in _PLACED:
            known: tuple[Placement, ...] = getattr(before, field)
            placements: tuple[Placement, ...] = getattr(self, field)
            for placement in placements:
                ends_at = placement.ends_at
                if ends_at is not None and ends_at <= max(now, placement.starts_at or now) and placement not in known:
                    got = f"{ends_at.isoformat()} for {placement.target_id!r} in {field}"
                    raise InvalidField("ends_at", got, "a time to come, after starts_at")

    def to_document(self) -> dict[str, Any]:
        """Rules as document fields, without empty values."""
        document = known_fields(self, *_PLACED)
        for field, name in _PLACED.items():
            placements: tuple[Placement, ...] = getattr(self, field)
            if placements:
                # A pinned event comes first whatever its strength.
                hidden = ("target_id", "strength") if field == "pinned" else ("target_id",)
                document[field] = [
                    {name: placement.target_id, **known_fields(placement, *hidden)} for placement in placements
                ]
        return document


def _placements(data: Document, field: str, name: str, *, high: int) -> tuple[Placement, ...]:
    value = data.get(field)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > high:
        got = f"{len(value)} entries" if isinstance(value, list) else value
        raise InvalidField(field, got, f"a list of at most {high} entries")
    return tuple(_placement(entry, field, name) for entry in value)


def _placement(entry: object, field: str, name: str) -> Placement:
    if not isinstance(entry, Mapping):
        raise InvalidField(field, entry, f"objects with {name}")
    strength = fields.number(entry, "strength", low=0, high=MAX_BOOST)
    return Placement(
        target_id=fields.identifier(entry, name, max_bytes=_MAX_ID_BYTES),
        strength=1.0 if strength is None else strength,
        starts_at=fields.time(entry, "starts_at"),
        ends_at=fields.time(entry, "ends_at"),
    )


def _ids(data: Document, field: str) -> tuple[str, ...]:
    return fields.texts(data, field, max_items=MAX_ENTRIES, max_bytes=_MAX_ID_BYTES)
