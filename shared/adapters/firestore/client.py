"""Firestore database connection: its client, deadlines, retries, and batched reads and writes."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.adapters.breaker import Breaker
from shared.adapters.translation import Translation, nested, quoted
from shared.adapters.unavailable import prefixed, shown, unavailable, without_ids
from shared.entities import KeySource
from shared.entities.fields import Document
from shared.errors import StoreUnavailable
from shared.ports import remaining_s, with_budget
from shared.schema import Schema

if TYPE_CHECKING:  # the import takes 0.3 s, which belongs to the first use
    from google.api_core.retry import Retry
    from google.cloud.firestore import Client, DocumentReference, DocumentSnapshot, WriteBatch
    from google.cloud.firestore_v1.types import WriteResult

DEADLINE_S: Final = 20.0
_NAMES: Final = Schema()
"""Marquee's own names, in the default database."""
_THREADS: Final = 4
# Firestore refuses requests over 10 MiB; weights are estimates.
_MAX_DOCUMENTS: Final = 500
_MAX_BYTES: Final = 4_000_000
_ROUNDS: Final = 10
"""Attempts to change documents while others change them."""
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class PreconditionLost(Exception):
    """Failed precondition of a batch: one of its documents exists, is absent or has changed against its condition."""


class Refused(StoreUnavailable):
    """Refused batch: Firestore cannot take one of its documents as it would be, above all one of more than 1 MiB."""


class Database:
    """Firestore connection to a database of a project, opened on first use and shared by threads.

    Parameters
    ----------
    project : the Google Cloud project; with FIRESTORE_EMULATOR_HOST set, any name on the emulator.
    keys : source of the keys of registers and notes.
    schema : names of the database, its collections and fields.
    timezone : IANA name of the time zone of ISO texts without an offset; "" for none.
    deadline_s : seconds that a request, with its retries, may take.

    Attributes
    ----------
    keys : see above.
    names : translation of the schema's names; every method takes and gives Marquee's.
    listed : documents that list queries have read, as they are billed: at least one for each page.
    """

    def __init__(
        self,
        project: str,
        keys: KeySource,
        schema: Schema = _NAMES,
        timezone: str = "",
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.keys = keys
        self.names = Translation(schema, timezone)
        self.deadline_s = deadline_s
        self.listed = 0
        self._project = project
        self._lock = threading.Lock()
        self._client: Client | None = None
        # A store that takes no writes may answer reads, and the other way round.
        self._reads, self._writes = Breaker(), Breaker()

    @property
    def client(self) -> "Client":
        """Firestore client, connected on first use; raises `StoreUnavailable` without credentials."""
        if self._client is not None:
            return self._client
        if not self._lock.acquire(timeout=remaining_s(self.deadline_s)):
            raise StoreUnavailable("the connection to Firestore is still being opened")
        try:
            if self._client is None:
                from google.cloud.firestore import Client

                with unavailable(f"firestore:{self._project}"):
                    self._client = Client(project=self._project, database=self.names.schema.database)
            return self._client
        finally:
            self._lock.release()

    def document(self, collection: str, document_id: str) -> "DocumentReference":
        """Reference to a document of a collection, by Marquee's name."""
        return self.client.collection(self.names.collection(collection)).document(document_id)

    def fields(self, snapshot: "DocumentSnapshot[Any]") -> Document:
        """Marquee's fields of a document."""
        return self.names.read(self.names.kind(snapshot.reference.parent.id), snapshot.to_dict() or {})

    def read(
        self,
        references: Iterable["DocumentReference"],
        *,
        timeout_s: float | None = None,
        only: Sequence[str] | None = None,
    ) -> dict[tuple[str, str], Document]:
        """Batched read: the existing documents by `(collection, id)`, in one request; `only` names fields."""
        found = self.snapshots(references, timeout_s=timeout_s, only=only)
        return {key: self.fields(snapshot) for key, snapshot in found.items()}

    def snapshots(
        self,
        references: Iterable["DocumentReference"],
        *,
        timeout_s: float | None = None,
        only: Sequence[str] | None = None,
    ) -> "dict[tuple[str, str], DocumentSnapshot[Any]]":
        """Batched read as `read`: snapshots, which hold the update times that preconditions need."""
        wanted, kind = list(references), self.names.kind
        kinds = {kind(reference.parent.id) for reference in wanted} if only else ()
        paths = [self.names.path(each, name) for each in kinds for name in only or ()] or None
        with self.reading(f"cannot read {_named(wanted)}", timeout_s) as seconds:
            found = self.client.get_all(wanted, paths, retry=retries(seconds), timeout=seconds)
            return {
                (kind(snapshot.reference.parent.id), snapshot.id): snapshot for snapshot in found if snapshot.exists
            }

    def replace(
        self,
        batch: "WriteBatch",
        reference: "DocumentReference",
        document: Mapping[str, Any],
        before: "DocumentSnapshot[Any] | None",
    ) -> None:
        """Add the replacement of a document to `batch`, on the condition that it is still as in `before`, or absent."""
        from google.cloud.firestore import DELETE_FIELD

        if before is None:
            batch.create(reference, dict(document))
            return
        absent = dict.fromkeys((before.to_dict() or {}).keys() - document.keys(), DELETE_FIELD)
        unchanged = self.client.write_option(last_update_time=before.update_time)
        batch.update(reference, {**document, **absent}, option=unchanged)

    def merge(self, batch: "WriteBatch", reference: "DocumentReference", fields: Document) -> None:
        """Add a change of some of Marquee's fields of a document to `batch`; None removes a field."""
        self._merge(batch, reference, self.names.changed(self.names.kind(reference.parent.id), fields))

    def bring(
        self,
        batch: "WriteBatch",
        reference: "DocumentReference",
        document: Document,
        before: "DocumentSnapshot[Any] | None",
        *,
        now: datetime,
    ) -> bool:
        """Add what brings all of Marquee's fields of a document to those of `document` to `batch`, stamped `now`.

        Other fields stay. False where they are so already. Raises `InvalidField` for what the schema cannot write.
        """
        kind = self.names.kind(reference.parent.id)
        changes = self.names.changes(kind, (before.to_dict() or {}) if before else None, document)
        if changes or before is None:
            self._merge(batch, reference, {**changes, **self.names.changed(kind, {"updated_at": now})})
        return bool(changes) or before is None

    def _merge(
        self, batch: "WriteBatch", reference: "DocumentReference", changes: Mapping[tuple[str, ...], Any]
    ) -> None:
        from google.cloud.firestore import DELETE_FIELD

        values = {steps: DELETE_FIELD if value is None else value for steps, value in changes.items()}
        batch.set(reference, nested(values), merge=[quoted(*steps) for steps in values])

    def commit(self, batch: "WriteBatch", what: str) -> "list[WriteResult]":
        """Atomic batch write; raises `PreconditionLost`, `Refused` and `StoreUnavailable`.

        Every batch is idempotent, by its contents or by a precondition: it is sent again when the outcome of an attempt
        is unknown.
        """
        from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

        refused: PreconditionLost | Refused
        cause: BaseException | None = None
        with self.writing(f"cannot write {what}") as seconds:
            try:
                return batch.commit(retry=retries(seconds), timeout=seconds)
            except (AlreadyExists, FailedPrecondition, NotFound) as error:
                refused = PreconditionLost(without_ids(error))
            except InvalidArgument as error:
                refused, cause = Refused(f"cannot write {what}: {without_ids(error)}"), shown(error)
        raise refused from cause

    @contextmanager
    def reading(self, what: str, timeout_s: float | None = None) -> Iterator[float]:
        """Block that reads, with the seconds that it may take; raises `StoreUnavailable`, prefixed with `what`."""
        with self._calling(self._reads, what, timeout_s or self.deadline_s) as seconds:
            yield seconds

    @contextmanager
    def writing(self, what: str) -> Iterator[float]:
        """Block that writes, with the seconds that it may take; raises `StoreUnavailable`, prefixed with `what`."""
        with self._calling(self._writes, what, self.deadline_s) as seconds:
            yield seconds

    @contextmanager
    def _calling(self, breaker: Breaker, what: str, limit_s: float) -> Iterator[float]:
        with prefixed(what), breaker.call(limit_s) as seconds, unavailable():
            yield seconds

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock:
            if self._client is not None:
                self._client._firestore_api.transport.close()  # noqa: SLF001  # the client itself has no close
                self._client = None


def until_conditions_hold(attempt: Callable[[], _Result], what: str, *, rounds: int = _ROUNDS) -> _Result:
    """Result of an attempt that reads and then writes on conditions, repeated while others change what it has read.

    `attempt` raises `PreconditionLost` when it was too late. Raises `StoreUnavailable`, which says `what` failed, when
    all of `rounds` attempts were.
    """
    for _ in range(rounds):
        try:
            return attempt()
        except PreconditionLost:
            continue
    raise StoreUnavailable(f"cannot {what}: others change the same; try again")


def retries(timeout_s: float, *, in_transaction: bool = False) -> "Retry":
    """Retry policy for transient Firestore errors: exponential backoff for at most `timeout_s` seconds.

    A transaction that Firestore has ended begins anew as a whole: neither that nor an unknown outcome is retried
    `in_transaction`.
    """
    from google.api_core import exceptions
    from google.api_core.retry import Retry, if_exception_type

    transient: tuple[type[Exception], ...] = (exceptions.ResourceExhausted, exceptions.ServiceUnavailable)
    if not in_transaction:
        transient = (*transient, exceptions.Aborted, exceptions.InternalServerError)
    return Retry(if_exception_type(*transient), initial=0.1, maximum=2.0, multiplier=2.0, timeout=timeout_s)


def chunks(items: Iterable[_Item], weight: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """Batches of items that each fit one request; `weight` estimates an item's bytes."""
    part: list[_Item] = []
    bytes_in_part = 0
    for item in items:
        added = weight(item)
        if part and (len(part) == _MAX_DOCUMENTS or bytes_in_part + added > _MAX_BYTES):
            yield part
            part, bytes_in_part = [], 0
        part.append(item)
        bytes_in_part += added
    if part:
        yield part


def in_parallel(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Parallel map: results of `work` in the items' order, `_THREADS` at a time; the first failure is raised."""
    todo = list(items)
    if len(todo) < 2:
        return [work(item) for item in todo]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda run, item: run(item), [with_budget(work) for _ in todo], todo))


def _named(references: Sequence["DocumentReference"]) -> str:
    collections = sorted({reference.parent.id for reference in references})
    return f"{len(references)} documents of {', '.join(collections)}" if references else "nothing"
