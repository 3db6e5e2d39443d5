"""Untrusted documents, which clients may have written: unreadable ones are logged and left out, never fatal."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from shared.entities import Event, Status, User
from shared.entities.fields import Document
from shared.errors import InvalidField

_log = logging.getLogger(__name__)
Entity = TypeVar("Entity")
_PUBLIC: Final = frozenset({"events", "rules"})
"""Collections that hold nothing about users."""


def readable(
    collection: str, documents: Iterable[tuple[str, Document]], parse: Callable[[str, Document], Entity]
) -> Iterator[Entity]:
    """Readable entities of documents given as `(id, fields)`: those that `parse` accepts; the rest is logged."""
    for document_id, data in documents:
        try:
            entity = parse(document_id, data)
        except InvalidField as error:
            warn(collection, document_id, error)
        else:
            yield entity


def current(event_id: str, data: Document | None, stamp: Document) -> Event:
    """Current state of a changed event; a deleted or unreadable event is hidden, so that instances stop showing it.

    `data` is None for a deleted event; `stamp` is the change's `updated_at` as a field.
    """
    if data is not None:
        try:
            return Event.from_document(event_id, {**data, **stamp})
        except InvalidField as error:
            warn("events", event_id, error)
    return Event.from_document(event_id, {"status": Status.HIDDEN, **stamp})


def declared(user_id: str, data: Document) -> User:
    """Declared profile of a user's document; of an unreadable one only the wish not to be profiled is kept.

    Raises `InvalidField` for an unreadable document without it.
    """
    try:
        return User.from_document(user_id, data)
    except InvalidField as error:
        if not is_unprofiled(data):
            raise
        warn("users", user_id, error)
    return User.from_document(user_id, {"profiling": False, "updated_at": data.get("updated_at")})


def is_unprofiled(data: Document) -> bool:
    """Wish not to be profiled in a user's document: any value of `profiling` but true and null, for safety."""
    wish = data.get("profiling")
    return not (wish is None or wish is True)


def warn(collection: str, document_id: str, error: InvalidField) -> None:
    """Log a structured warning about a document, or a part of a document, that is left out.

    Only an event is named: the ids of other documents, and their values, are about users.
    """
    is_public = collection in _PUBLIC
    name = f"{collection}/{document_id}" if is_public else collection
    told: dict[str, str] = {"collection": collection, "field": error.field, "reason": f"expected {error.expected}"}
    if is_public:
        told |= {"document_id": document_id, "reason": error.reason}
    _log.warning("Left out an unreadable document: %s: %s: %s", name, error.field, told["reason"], extra=told)
