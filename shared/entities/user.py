"""Users: declared profiles, and the ids of anonymous users; the history is in `profile.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from shared.entities import fields, odd
from shared.entities.event import known_fields
from shared.entities.fields import Document, Location
from shared.entities.odd import Treatment

_ANONYMOUS = "~"
_MAX_NAME_BYTES = 200
_MAX_CATEGORIES = 100
_MAX_TAGS = 200
_MAX_FRIENDS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Declared profile of a user. Empty values mean "unknown"; `updated_at`, the time of the write, is not compared.

    `profiling` is False for a user who does not wish to be profiled: lists and models use neither their declared
    profile nor their history. `mended` and `dropped` name the fields of the document with odd values, see
    `entities/odd.py`; they are no part of the profile.
    """

    user_id: str
    preferred_categories: tuple[str, ...] = ()
    preferred_tags: tuple[str, ...] = ()
    max_price: float | None = None
    city: str = ""
    location: Location | None = None
    birth_year: int | None = None
    gender: str = ""
    friends: tuple[str, ...] = ()
    created_at: datetime | None = None
    profiling: bool = True
    updated_at: datetime | None = field(default=None, compare=False)
    mended: tuple[str, ...] = field(default=(), compare=False)
    dropped: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def read(cls, user_id: str, data: Document) -> Self:
        """User read leniently, see `TREATMENTS`; raises `InvalidField` where the id is unacceptable."""
        return odd.read(cls.from_document, user_id, data, TREATMENTS)

    @classmethod
    def from_document(cls, user_id: str, data: Document) -> Self:
        """User parsed from an untrusted document; raises `InvalidField` for the first unacceptable field."""
        return cls(
            user_id=fields.identifier({"user_id": user_id}, "user_id"),
            preferred_categories=fields.texts(
                data, "preferred_categories", max_items=_MAX_CATEGORIES, max_bytes=_MAX_NAME_BYTES, parse=fields.prose
            ),
            preferred_tags=fields.texts(
                data, "preferred_tags", max_items=_MAX_TAGS, max_bytes=_MAX_NAME_BYTES, parse=fields.prose
            ),
            max_price=fields.number(data, "max_price", low=0, high=10_000_000),
            city=fields.prose(data, "city", max_bytes=_MAX_NAME_BYTES),
            location=fields.location(data, "location"),
            birth_year=fields.integer(data, "birth_year", low=1880, high=2200),
            gender=fields.text(data, "gender", max_bytes=50),
            friends=fields.texts(data, "friends", max_items=_MAX_FRIENDS, max_bytes=fields.MAX_ID_BYTES),
            created_at=fields.time(data, "created_at"),
            profiling=fields.flag(data, "profiling", default=True),
            updated_at=fields.time(data, "updated_at"),
        )

    def to_document(self) -> dict[str, Any]:
        """User as document fields, without the id and without unknown values."""
        return known_fields(self, "user_id")


def is_unprofiled(wish: object) -> bool:
    """Wish not to be profiled in the field `profiling`: any value but true and an unknown one, for safety."""
    return not (wish is None or wish is True or wish == "")


TREATMENTS: Final[Mapping[str, Treatment]] = {
    "user_id": Treatment("leaves out the profile", hides=True),
    "preferred_categories": odd.names(_MAX_CATEGORIES, _MAX_NAME_BYTES),
    "preferred_tags": odd.names(_MAX_TAGS, _MAX_NAME_BYTES),
    "max_price": odd.NUMBER,
    "city": odd.NAME,
    "location": odd.PLACE,
    "birth_year": odd.NUMBER,
    "gender": odd.DROPPED,
    "friends": odd.ids(_MAX_FRIENDS, fields.MAX_ID_BYTES),
    "created_at": odd.TIME,
    "profiling": Treatment("read as `false`", lambda _: False),
    "updated_at": odd.TIME,
}
"""Treatments of odd values, by field: every field that a document may hold, and its id."""


def anonymous(session_id: str) -> str:
    """User id of an anonymous visitor, which owns their interactions until they sign in.

    >>> anonymous("0b8c8f9f5f5c4f0e")
    '~0b8c8f9f5f5c4f0e'
    """
    return f"{_ANONYMOUS}{session_id}"


def is_anonymous(user_id: str) -> bool:
    """Anonymity of a user id: True for an id that `anonymous` makes."""
    return user_id.startswith(_ANONYMOUS)
