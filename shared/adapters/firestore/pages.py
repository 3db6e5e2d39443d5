"""Paginated queries on Firestore, each page with its own deadline and retries.

A stream over a whole collection would end after 60 seconds, and the library's own resumption of broken streams fails.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.firestore.client import Database, retries

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot, Query

PAGE: Final = 1_000
_BY_ID: Final = "__name__"
_RANGES: Final = (">", ">=", "<")


@dataclass(frozen=True, slots=True)
class Listing:
    """List query as data, so that a test can compare the index definitions to it.

    Attributes
    ----------
    collection : the collection that is read.
    field : the field of the filter and of the order before the document id; "" reads every document, by id.
    operator : comparison of the field to the bound; with an equality the order is by id alone.
    """

    collection: str
    field: str = ""
    operator: str = ">="

    def orders(self) -> tuple[str, ...]:
        """Sort fields of the query, all ascending."""
        return (self.field, _BY_ID) if self.field and self.operator in _RANGES else (_BY_ID,)


def documents(
    database: Database,
    listing: Listing,
    bound: datetime | str | None = None,
    *,
    after: str = "",
    page: int = PAGE,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paginated query: `(id, fields)` of each document, in the listing's order.

    `bound` is compared to the listing's field. A listing without a field begins after the id `after`. `page` is the
    number of documents that a request reads.
    """
    query = _query(database, listing, bound).limit(page)
    if after:
        query = query.start_after({_BY_ID: database.document(listing.collection, after)})
    for snapshot in _snapshots(database, query, listing.collection, page):
        yield snapshot.id, snapshot.to_dict() or {}


def snapshots(
    database: Database, listing: Listing, bound: datetime, *, page: int = PAGE
) -> Iterator["DocumentSnapshot[Any]"]:
    """Paginated query as `documents`: snapshots, which hold the update times that preconditions need."""
    return _snapshots(database, _query(database, listing, bound).limit(page), listing.collection, page)


def _query(database: Database, listing: Listing, bound: datetime | str | None) -> "Query":
    from google.cloud.firestore import FieldFilter

    query = database.client.collection(listing.collection).order_by(listing.orders()[0])
    for field in listing.orders()[1:]:
        query = query.order_by(field)
    return query.where(filter=FieldFilter(listing.field, listing.operator, bound)) if listing.field else query


def _snapshots(database: Database, query: "Query", collection: str, page: int) -> Iterator["DocumentSnapshot[Any]"]:
    after: DocumentSnapshot[Any] | None = None
    while True:
        rest = query if after is None else query.start_after(after)
        with database.reading(f"cannot list {collection}") as seconds:
            found = retries(seconds)(_fetch)(rest, time.monotonic() + seconds)
        database.listed += max(len(found), 1)
        yield from found
        if len(found) < page:
            return
        after = found[-1]


def _fetch(query: "Query", give_up: float) -> "list[DocumentSnapshot[Any]]":
    from google.api_core.retry import Retry

    # The caller retries a page as a whole; the stream itself must not retry.
    return list(query.stream(retry=Retry(lambda _: False), timeout=max(give_up - time.monotonic(), 0.01)))
