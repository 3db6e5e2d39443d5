"""Interactions: implicit and explicit feedback of users, one immutable document each."""

import re
from dataclasses import dataclass
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Self

from shared.entities import fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.entities.interaction_type import InteractionType
from shared.errors import InvalidField

MAX_INTERACTION_ID_BYTES = 400
"""Size limit of an interaction id: a user id of 128 bytes, a slug of 60 characters of up to 4 bytes, type and day."""

MAX_PAGE = 100
"""Limit of events in the page of an impression."""

_MAX_SLUG = 60
"""Length of a slug in characters, the same as in `firestore.rules`."""

# Security rules build the same id, and lower() there maps only these letters.
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """Interaction of one user, usually with one event.

    `value` is the stars (1..5) of a `rating`; `query` belongs to `search`, `category` to `category_click`,
    `organizer_id` to `follow`. An `impression` may name a page of events at once: `event_ids` in the order shown, of
    the list `recommendation_id`. `occurred_at` is the client's time; `recorded_at` is the store's, None before the
    interaction is stored.
    """

    interaction_id: str
    user_id: str
    type: InteractionType
    occurred_at: datetime
    event_id: str = ""
    event_ids: tuple[str, ...] = ()
    organizer_id: str = ""
    value: float | None = None
    query: str = ""
    category: str = ""
    recorded_at: datetime | None = None
    session_id: str = ""
    recommendation_id: str = ""
    position: int | None = None

    @classmethod
    def from_document(cls, document_id: str, data: Document) -> Self:
        """Interaction parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        kind = _type(data)
        page = fields.texts(data, "event_ids", max_items=MAX_PAGE, max_bytes=fields.MAX_ID_BYTES)
        is_page = bool(page) and kind is InteractionType.IMPRESSION
        if page and not is_page:
            raise InvalidField("event_ids", kind.value, "a page of events only for an impression")
        target = kind.meaning.target
        is_rating = kind is InteractionType.RATING
        interaction = cls(
            interaction_id=fields.identifier(
                {"interaction_id": document_id}, "interaction_id", max_bytes=MAX_INTERACTION_ID_BYTES
            ),
            user_id=fields.identifier(data, "user_id"),
            type=kind,
            occurred_at=fields.required_time(data, "occurred_at"),
            event_id=fields.identifier(data, "event_id", required=target == "event_id" and not is_page),
            event_ids=tuple(fields.identifier({"event_ids": event_id}, "event_ids") for event_id in page),
            organizer_id=fields.identifier(data, "organizer_id", required=target == "organizer_id"),
            value=fields.number(data, "value", low=1 if is_rating else 0, high=5 if is_rating else 1_000_000),
            query=fields.text(data, "query", max_bytes=500),
            category=fields.text(data, "category", max_bytes=200),
            recorded_at=fields.time(data, "recorded_at"),
            session_id=fields.identifier(data, "session_id", required=False),
            recommendation_id=fields.identifier(data, "recommendation_id", required=is_page),
            position=fields.integer(data, "position", low=0, high=10_000),
        )
        if is_page and interaction.event_id:
            raise InvalidField("event_id", interaction.event_id, "either one event or the page event_ids")
        if is_rating and interaction.value is None:
            raise InvalidField("value", None, "1 to 5 stars for a rating")
        if target == "query" and not interaction.query:
            raise InvalidField("query", None, "the words that were searched for")
        if target == "category" and not interaction.category:
            raise InvalidField("category", None, "the category that was clicked")
        return interaction

    def expected_id(self) -> str:
        """Deterministic document id, which makes a repeated interaction the same document.

        `{user}_{target}_{type}`, with the day for types that repeat. The target is the event, for a page of events
        their list's `recommendation_id`, else the organizer, else the category or query with A-Z in lower case and its
        words joined by "-".

        >>> from datetime import UTC, datetime
        >>> may = datetime(2026, 5, 1, tzinfo=UTC)
        >>> booking = Interaction(
        ...     interaction_id="", user_id="user_1", event_id="event_45", type=InteractionType.BOOKING, occurred_at=may
        ... )
        >>> booking.expected_id()
        'user_1_event_45_booking'
        >>> search = Interaction(
        ...     interaction_id="", user_id="user_1", query="Live Jazz", type=InteractionType.SEARCH, occurred_at=may
        ... )
        >>> search.expected_id()
        'user_1_live-jazz_search_20260501'
        """
        words = re.findall(r"\w+", (self.category or self.query).translate(_LOWER))
        page = self.recommendation_id if self.event_ids else ""
        target = self.event_id or page or self.organizer_id or "-".join(words)[:_MAX_SLUG]
        day = f"_{self.occurred_at:%Y%m%d}" if self.type.meaning.repeats else ""
        return f"{self.user_id}_{target}_{self.type}{day}"

    def is_remembered(self) -> bool:
        """History membership: True for an event or organizer as target and a type that the history keeps."""
        return bool(self.event_id or self.organizer_id) and self.type.meaning.is_remembered

    def events(self) -> tuple[str, ...]:
        """Event ids of the interaction: a single event, the events of a page, or none."""
        return self.event_ids or ((self.event_id,) if self.event_id else ())

    def to_document(self) -> dict[str, Any]:
        """Interaction as document fields, without the id and without unknown values."""
        return known_fields(self, "interaction_id")


def _type(data: Document) -> InteractionType:
    value = data.get("type")
    try:
        return InteractionType(value)  # type: ignore[arg-type]  # refused below when it is no string at all
    except ValueError as error:
        raise InvalidField("type", value, f"one of {', '.join(InteractionType)}") from error
