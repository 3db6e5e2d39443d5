"""Reads documents that clients may have written: what cannot be read is logged and left out, never fatal."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from shared.entities import Event, Status
from shared.entities.fields import Document
from shared.errors import InvalidField

_log = logging.getLogger(__name__)
Entity = TypeVar("Entity")


def readable(
    collection: str, documents: Iterable[tuple[str, Document]], parse: Callable[[str, Document], Entity]
) -> Iterator[Entity]:
    """The entities of those documents, given as `(id, fields)`, that `parse` accepts."""
    for document_id, data in documents:
        try:
            entity = parse(document_id, data)
        except InvalidField as error:
            warn(collection, document_id, error)
        else:
            yield entity


def current(event_id: str, data: Document | None, stamp: Document) -> Event:
    """A changed event as it is now; one that is gone or cannot be read is hidden, so that nobody goes on showing it.

    `stamp` is the `updated_at` by which the change is known.
    """
    if data is not None:
        try:
            return Event.from_document(event_id, {**data, **stamp})
        except InvalidField as error:
            warn("events", event_id, error)
    return Event.from_document(event_id, {"status": Status.HIDDEN, **stamp})


def warn(collection: str, document_id: str, error: InvalidField) -> None:
    """One structured line about a document, or a part of one, that is left out."""
    _log.warning(
        "Left out an unreadable document: %s/%s: %s",
        collection,
        document_id,
        error,
        extra={"collection": collection, "document_id": document_id, "field": error.field, "reason": error.reason},
    )
