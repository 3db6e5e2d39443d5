"""Untrusted documents, which clients may have written: unreadable ones are logged and left out, never fatal."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeVar

from shared.entities import Event, Status, User
from shared.entities.fields import Document
from shared.errors import InvalidField

_log = logging.getLogger(__name__)
Entity = TypeVar("Entity")
Raw = TypeVar("Raw")
_PUBLIC: Final = frozenset({"events", "experiments", "rules"})
"""Collections that hold nothing about users."""


def readable(
    collection: str, documents: Iterable[tuple[str, Raw]], parse: Callable[[str, Raw], Entity]
) -> Iterator[Entity]:
    """Readable entities of documents given as `(id, document)`: those that `parse` accepts; the rest is logged."""
    for document_id, data in documents:
        try:
            entity = parse(document_id, data)
        except InvalidField as error:
            warn(collection, document_id, error)
        else:
            yield entity


def current(event_id: str, data: Document | None, stamp: Document) -> Event:
    """Current state of a changed event; a deleted or unreadable event is hidden, so that instances stop showing it.

    Its `dropped` names the field for which it is unreadable. An odd `updated_at` of the document is told of like any
    other odd value, though the stamp takes its place. Raises `InvalidField` for an id that no event has.

    Parameters
    ----------
    data : the document, None for a deleted event.
    stamp : the change's `updated_at` as a field, or nothing for that of the document.
    """
    if data is None:
        return hidden(event_id, stamp)
    try:
        event = Event.read(event_id, data)
    except InvalidField as error:
        return hidden(event_id, stamp, error)
    return replace(event, updated_at=Event.read(event_id, stamp).updated_at) if stamp else event


def hidden(event_id: str, stamp: Document, problem: InvalidField | None = None) -> Event:
    """Hidden event in place of one that was deleted or, for the given problem, cannot be read."""
    event = Event.read(event_id, {"status": Status.HIDDEN, **stamp})
    if problem is None:
        return event
    warn("events", event_id, problem)
    return replace(event, dropped=(problem.field,))


def unreadable(user_id: str, error: InvalidField) -> User:
    """Profile of a user whose document cannot be read at all: empty, with the reason in `dropped`."""
    warn("users", user_id, error)
    return User(user_id=user_id, dropped=(error.field,))


def warn(collection: str, document_id: str, error: InvalidField) -> None:
    """Log a structured warning about a document, or a part of a document, that is left out.

    Only an event is named: the ids of other documents, and their values, are about users.
    """
    is_public = collection in _PUBLIC
    name = f"{collection}/{document_id}" if is_public else collection
    told: dict[str, str] = {"collection": collection, "field": error.name, "reason": f"expected {error.expected}"}
    if is_public:
        told |= {"document_id": document_id, "reason": error.reason}
    _log.warning("Left out an unreadable document: %s: %s: %s", name, error.name, told["reason"], extra=told)
