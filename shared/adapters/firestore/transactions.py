"""Transactions in Firestore that take no longer than a call may: those of the library wait a minute for each step."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from shared.adapters.firestore.client import Database, PreconditionLost, retries
from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentReference, DocumentSnapshot, Transaction

_ATTEMPTS: Final = 5
_ROLLBACK_S: Final = 1.0
"""Seconds for which a rollback is waited for; without it, Firestore ends the transaction by itself."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Attempt:
    """Attempt of a transaction: reads documents, and collects writes in `writes` that hold if nobody changes these."""

    writes: "Transaction"
    give_up: float

    def read(self, references: "list[DocumentReference]") -> "list[DocumentSnapshot[Any]]":
        """Existing documents, read within the transaction."""
        seconds = self.left_s()
        found = self.writes.get_all(references, retry=retries(seconds, in_transaction=True), timeout=seconds)
        return [snapshot for snapshot in found if snapshot.exists]

    def left_s(self) -> float:
        """Seconds that are left."""
        return _left_s(self.give_up)


def transact(database: Database, change: Callable[[Attempt], _Result], what: str) -> _Result:
    """Result of `change` in a transaction, repeated while others change what it reads.

    All attempts together take no longer than one call may. Raises `PreconditionLost` when a document that is updated is
    gone, and `StoreUnavailable`, which says `what` failed.
    """
    from google.api_core.exceptions import Aborted, NotFound

    with database.writing(f"cannot {what}") as seconds:
        give_up, earlier = time.monotonic() + seconds, b""
        for _ in range(_ATTEMPTS):
            attempt = Attempt(_begun(database, earlier, give_up), give_up)
            try:
                result = change(attempt)
                _commit(database, attempt)
            except Aborted:
                # Named when it begins again, the transaction keeps its place before those that came later.
                earlier = attempt.writes.id
            except NotFound:
                raise PreconditionLost("a document that is updated is gone") from None
            except BaseException:
                _roll_back(database, attempt)
                raise
            else:
                return result
    raise StoreUnavailable(f"cannot {what}: others change the same documents; try again")


def _left_s(give_up: float) -> float:
    return max(give_up - time.monotonic(), 0.01)


def _begun(database: Database, earlier: bytes, give_up: float) -> "Transaction":
    transaction = database.client.transaction()
    seconds = _left_s(give_up)
    begun = database.client._firestore_api.begin_transaction(  # noqa: SLF001  # the library's own has no timeout
        request={
            "database": database.client._database_string,  # noqa: SLF001
            "options": {"read_write": {"retry_transaction": earlier}},
        },
        metadata=database.client._rpc_metadata,  # noqa: SLF001
        retry=retries(seconds),
        timeout=seconds,
    )
    transaction._id = begun.transaction  # noqa: SLF001
    return transaction


def _commit(database: Database, attempt: Attempt) -> None:
    seconds = attempt.left_s()
    database.client._firestore_api.commit(  # noqa: SLF001
        request={
            "database": database.client._database_string,  # noqa: SLF001
            "writes": attempt.writes._write_pbs,  # noqa: SLF001
            "transaction": attempt.writes.id,
        },
        metadata=database.client._rpc_metadata,  # noqa: SLF001
        retry=retries(seconds, in_transaction=True),
        timeout=seconds,
    )


def _roll_back(database: Database, attempt: Attempt) -> None:
    from google.api_core.exceptions import GoogleAPIError

    with suppress(GoogleAPIError):
        database.client._firestore_api.rollback(  # noqa: SLF001
            request={
                "database": database.client._database_string,  # noqa: SLF001
                "transaction": attempt.writes.id,
            },
            metadata=database.client._rpc_metadata,  # noqa: SLF001
            retry=None,
            timeout=min(attempt.left_s(), _ROLLBACK_S),
        )
