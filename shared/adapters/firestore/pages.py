"""Paginated queries on Firestore, each page with its own deadline and retries.

A stream over a whole collection would end after 60 seconds, and the library's own resumption of broken streams fails.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from shared.adapters.firestore.client import Database, in_parallel, retries
from shared.entities.fields import Document
from shared.entities.odd import LAST_SECOND

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot, Query

PAGE: Final = 1_000
_BY_ID: Final = "__name__"
_WRITTEN_APART: Final = timedelta(days=7)
"""Bound of how far ISO 8601 texts are out of the order of their times, by offsets or by weeks across a new year."""
_RANGES: Final = (">", ">=", "<")
Bound: TypeAlias = datetime | str | int
"""Value that a field is compared to; Firestore compares values of one type only."""
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Listing:
    """List query as data, so that a test can compare the index definitions to it.

    Attributes
    ----------
    collection : the collection that is read, by Marquee's name.
    field : Marquee's name of the field of the filter and of the order before the document id; "" reads every document,
        by id.
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
    bound: Bound | None = None,
    *,
    below: Bound | None = None,
    after: str = "",
    page: int = PAGE,
) -> Iterator[tuple[str, Document]]:
    """Paginated query: `(id, fields)` of each document, in the listing's order, by Marquee's names.

    `bound` is compared to the listing's field, which is less than `below` if that is given. A listing without a field
    begins after the id `after`. `page` is the number of documents that a request reads.
    """
    query = _query(database, listing, bound, below).limit(page)
    if after:
        query = query.start_after({_BY_ID: database.document(listing.collection, after)})
    for snapshot in _snapshots(database, query, listing.collection, page):
        yield snapshot.id, database.fields(snapshot)


def of_any_type(database: Database, listing: Listing, since: datetime) -> list[Iterator[tuple[str, Document]]]:
    """Paginated queries of documents whose time is after `since`, one for each type that a time may have.

    Timestamps, seconds and milliseconds since 1970 come in the order of their times, texts, the last, only roughly so
    and from some days earlier on.
    """
    seconds = int(since.timestamp())
    return [
        documents(database, listing, since),
        documents(database, listing, seconds, below=LAST_SECOND),
        documents(database, listing, seconds * 1_000),
        documents(database, listing, f"{since - _WRITTEN_APART:%Y-%m-%d}"),
    ]


def at_once(queries: Iterable[Iterator[_Item]]) -> Iterator[_Item]:
    """Results of several queries one after the other, of which all first pages are read at once."""

    def begun(results: Iterator[_Item]) -> Iterator[_Item]:
        return chain(list(islice(results, 1)), results)

    return chain.from_iterable(in_parallel(begun, queries))


def snapshots(
    database: Database, listing: Listing, bound: datetime, *, page: int = PAGE
) -> Iterator["DocumentSnapshot[Any]"]:
    """Paginated query as `documents`: snapshots, which hold the update times that preconditions need."""
    return _snapshots(database, _query(database, listing, bound).limit(page), listing.collection, page)


def counted(database: Database, listing: Listing, bound: Bound, *, below: Bound | None = None) -> int:
    """Number of the documents that `documents` would list; a read is billed for each thousand of them, begun or not."""
    query = _query(database, listing, bound, below)
    with database.reading(f"cannot count {listing.collection}") as seconds:
        number = retries(seconds)(_fetch_count)(query, time.monotonic() + seconds)
    database.listed += max(-(-number // PAGE), 1)
    return number


def newest(database: Database, listing: Listing, limit: int) -> list[tuple[str, Document]]:
    """Documents with the greatest values of the listing's field, in descending order, at most `limit`, up to a page."""
    names = database.names
    query = database.client.collection(names.collection(listing.collection))
    ordered = query.order_by(names.path(listing.collection, listing.field), direction="DESCENDING").limit(limit)
    return [
        (snapshot.id, database.fields(snapshot))
        for snapshot in islice(_snapshots(database, ordered, listing.collection, limit), limit)
    ]


def sampled(database: Database, collection: str, limit: int) -> "list[DocumentSnapshot[Any]]":
    """First documents by id of a collection by its own name, at most `limit`, which is no more than a page."""
    query = database.client.collection(collection).order_by(_BY_ID).limit(limit)
    with database.reading(f"cannot list {collection}") as seconds:
        return retries(seconds)(_fetch)(query, time.monotonic() + seconds)


def _query(database: Database, listing: Listing, bound: Bound | None, below: Bound | None = None) -> "Query":
    from google.cloud.firestore import FieldFilter

    names = database.names
    path = names.path(listing.collection, listing.field)
    first, *others = (field if field == _BY_ID else path for field in listing.orders())
    query = database.client.collection(names.collection(listing.collection)).order_by(first)
    for field in others:
        query = query.order_by(field)
    if listing.field:
        query = query.where(filter=FieldFilter(path, listing.operator, bound))
    return query if below is None else query.where(filter=FieldFilter(path, "<", below))


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


def _fetch_count(query: "Query", give_up: float) -> int:
    from google.api_core.retry import Retry

    # The library's annotations say a class where there is an object.
    count: Any = query.count()
    [[result]] = count.get(retry=Retry(lambda _: False), timeout=max(give_up - time.monotonic(), 0.01))
    return int(result.value)


def _fetch(query: "Query", give_up: float) -> "list[DocumentSnapshot[Any]]":
    from google.api_core.retry import Retry

    # The caller retries a page as a whole; the stream itself must not retry.
    return list(query.stream(retry=Retry(lambda _: False), timeout=max(give_up - time.monotonic(), 0.01)))
