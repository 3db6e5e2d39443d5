"""Interactions: implicit and explicit feedback of users.

An interaction of a lasting type is a state: the document of its user, family and target holds the latest. One of a
repeating type is a document that never changes, one a day.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.event import known_fields
from shared.entities.fields import Document
from shared.entities.interaction_type import InteractionType
from shared.entities.user import is_anonymous
from shared.errors import InvalidField

MAX_INTERACTION_ID_BYTES: Final = 400
"""Size limit of an interaction id: type, day, and ids of a user and of a target of up to 128 bytes."""

MAX_PAGE: Final = 100
"""Limit of events in the page of an impression."""

MAX_STARS: Final = 5
"""Most stars of a rating or a review; the fewest are 1."""

MAX_REVIEW: Final = 2_000
"""Limit of the characters of a review."""

_PAGE: Final = "page"
"""Family of the pages of impressions."""


class Origin(StrEnum):
    """Origin of a stored version of an interaction: its user's client, a bulk load of a file, or a visitor's sign-in.

    Clients cannot choose it: rules and API refuse or drop the field. Earlier versions stored none.
    """

    CLIENT = ""
    LOAD = "load"
    JOIN = "join"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """Interaction of one user, usually with one event.

    `value` is the stars (1..5) of a `rating`, or of a `review` that has some, whose words are `text`. `query` belongs
    to `search`, `category` to `category_click`, `organizer_id` to `follow`. An `impression` may name a page of events
    at once: `event_ids` in the order shown, of the list `recommendation_id`. `occurred_at` is the client's time, never
    after `recorded_at`, which is the store's and None before the interaction is stored. `anonymous` marks acts of an
    account that nobody has signed up for. `origin` says who wrote the version that is stored.
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
    text: str = ""
    recorded_at: datetime | None = None
    session_id: str = ""
    recommendation_id: str = ""
    position: int | None = None
    anonymous: bool = False
    origin: Origin = Origin.CLIENT

    @classmethod
    def from_document(cls, document_id: str, data: Document) -> Self:
        """Interaction parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        kind = _type(data)
        page = fields.identifiers(data, "event_ids", max_items=MAX_PAGE)
        is_page = bool(page) and kind is InteractionType.IMPRESSION
        if page and not is_page:
            raise InvalidField("event_ids", kind.value, "a page of events only for an impression")
        target = kind.meaning.target
        interaction = cls(
            interaction_id=fields.identifier(
                {"interaction_id": document_id}, "interaction_id", max_bytes=MAX_INTERACTION_ID_BYTES
            ),
            user_id=fields.identifier(data, "user_id"),
            type=kind,
            occurred_at=fields.required_time(data, "occurred_at"),
            event_id=fields.identifier(data, "event_id", required=target == "event_id" and not is_page),
            event_ids=page,
            organizer_id=fields.identifier(data, "organizer_id", required=target == "organizer_id"),
            value=_value(data, kind),
            query=fields.text(data, "query", max_bytes=500),
            category=fields.text(data, "category", max_bytes=200),
            text=fields.passage(data, "text", max_characters=MAX_REVIEW) if kind is InteractionType.REVIEW else "",
            recorded_at=fields.time(data, "recorded_at"),
            session_id=fields.identifier(data, "session_id", required=False),
            recommendation_id=fields.identifier(data, "recommendation_id", required=is_page),
            position=fields.integer(data, "position", low=0, high=10_000),
            anonymous=fields.flag(data, "anonymous"),
            origin=_origin(data),
        )
        if is_page and interaction.event_id:
            raise InvalidField("event_id", interaction.event_id, "either one event or the page event_ids")
        if kind is InteractionType.RATING and interaction.value is None:
            raise InvalidField("value", None, "1 to 5 stars for a rating")
        if target == "query" and not interaction.query:
            raise InvalidField("query", None, "the words that were searched for")
        if target == "category" and not interaction.category:
            raise InvalidField("category", None, "the category that was clicked")
        # The clocks of clients run ahead; rules and API bound by how much.
        recorded_at = interaction.recorded_at
        is_ahead = recorded_at is not None and interaction.occurred_at > recorded_at
        return replace(interaction, occurred_at=recorded_at) if recorded_at and is_ahead else interaction

    def expected_id(self) -> str:
        """Deterministic document id, which makes a repeated interaction the same document.

        `{family}:{bytes}:{user}:{target}`, with the UTF-8 length of the user id, so that no two users and targets
        share an id; types that repeat have the UTC day before the target. The target is the event or the organizer;
        for a search or a category the SHA-256 of its exact text; for a page of events its first position and list.

        >>> from datetime import UTC, datetime
        >>> may = datetime(2026, 5, 1, tzinfo=UTC)
        >>> booking = Interaction(
        ...     interaction_id="", user_id="user_1", event_id="event_45", type=InteractionType.BOOKING, occurred_at=may
        ... )
        >>> booking.expected_id()
        'booking:6:user_1:event_45'
        >>> replace(booking, type=InteractionType.VIEW).expected_id()
        'view:6:user_1:20260501:event_45'
        """
        day = f"{self.occurred_at:%Y%m%d}:" if self.type.meaning.repeats else ""
        return f"{self._id_prefix()}{day}{self._id_target()}"

    def has_former_id(self) -> bool:
        """Origin of the id: True unless it has the form of `expected_id`, as documents of earlier versions have not."""
        return not self.interaction_id.startswith(self._id_prefix())

    def supersedes(self, other: "Interaction") -> bool:
        """Order of two states of a user, family and target: True if this one occurred later.

        At the same time what reverts goes before what it reverts, then the higher value, so the order is total.
        """
        return _order(self) > _order(other)

    def replaces(self, stored: "Interaction") -> bool:
        """Replacement of a stored interaction of the same id: True for a state that supersedes it.

        Of two loaded ones of a repeating type the earlier replaces the later, so that the order of rows has no effect.
        Also for an interaction of a signed-up account in place of that of the anonymous account before, and never the
        other way round: a token of before the sign-up may still be in use.
        """
        if stored.anonymous and not self.anonymous:
            return self.type.meaning.repeats or not stored.supersedes(self)
        if self.anonymous and not stored.anonymous:
            return False
        if self.origin is stored.origin is Origin.LOAD:
            return self._is_preferred(stored)
        return not self.type.meaning.repeats and self.supersedes(stored)

    def is_of_visitor(self) -> bool:
        """Origin of the interaction: True for somebody without an account of their own, whose acts teach nothing."""
        return self.anonymous or is_anonymous(self.user_id)

    def is_remembered(self) -> bool:
        """History membership: True for an event or organizer as target and a type that the history keeps."""
        return bool(self.event_id or self.organizer_id) and self.type.meaning.is_remembered

    def events(self) -> tuple[str, ...]:
        """Event ids of the interaction: a single event, the events of a page, or none."""
        return self.event_ids or ((self.event_id,) if self.event_id else ())

    def to_document(self) -> dict[str, Any]:
        """Interaction as document fields, without the id and without unknown values."""
        return known_fields(self, "interaction_id")

    def _is_preferred(self, other: "Interaction") -> bool:
        """Total order of loaded interactions of an id: the last state, or the first of a day; ties go by content."""
        first, second = (self, other) if self.type.meaning.repeats else (other, self)
        if _order(first) != _order(second):
            return _order(first) < _order(second)
        hidden = ("recorded_at", "anonymous")
        return str(known_fields(self, *hidden)) > str(known_fields(other, *hidden))

    def _id_prefix(self) -> str:
        return f"{_PAGE if self.event_ids else self.type.family}:{len(self.user_id.encode())}:{self.user_id}:"

    def _id_target(self) -> str:
        if self.event_ids:
            return f"{self.position or 0}:{self.recommendation_id}"
        target: str = getattr(self, self.type.meaning.target)
        is_text = self.type.meaning.target in ("query", "category")
        return sha256(target.encode()).hexdigest() if is_text else target


def owner_of(interaction_id: str) -> str:
    """User id in the id of an interaction, "" where it has not the form of `Interaction.expected_id`.

    >>> owner_of("booking:6:user_1:event_45")
    'user_1'
    """
    _, _, rest = interaction_id.partition(":")
    size, _, rest = rest.partition(":")
    encoded = rest.encode(errors="replace")
    if not (size.isdecimal() and size.isascii() and len(size) <= len(f"{MAX_INTERACTION_ID_BYTES}")):
        return ""
    user_id = encoded[: int(size)].decode(errors="replace")
    return user_id if encoded[int(size) :].startswith(b":") else ""


_ORDER: Final = {kind: number for number, kind in enumerate(InteractionType)}


def _order(state: Interaction) -> tuple[datetime, int, float]:
    return state.occurred_at, _ORDER[state.type], state.value or 0.0


def _origin(data: Document) -> Origin:
    value = fields.text(data, "origin", max_bytes=10)
    try:
        return Origin(value)
    except ValueError as error:
        raise InvalidField("origin", value, f"one of {', '.join(filter(None, Origin))}, or none") from error


def _value(data: Document, kind: InteractionType) -> float | None:
    """Value of an interaction; None for that of a stored review which is no stars, as earlier versions accepted it."""
    if not kind.meaning.has_stars:
        return fields.number(data, "value", low=0, high=1_000_000)
    try:
        return fields.number(data, "value", low=1, high=MAX_STARS)
    except InvalidField:
        if kind is InteractionType.REVIEW and fields.time(data, "recorded_at"):
            return None
        raise


def _type(data: Document) -> InteractionType:
    value = data.get("type")
    try:
        return InteractionType(value)  # type: ignore[arg-type]  # refused below when it is no string at all
    except ValueError as error:
        raise InvalidField("type", value, f"one of {', '.join(InteractionType)}") from error
