"""Transactions of Firestore: repeated while others change what they read, and undone when they fail."""

import time

import pytest
from google.api_core.exceptions import Aborted

from shared.adapters.firestore.client import Database, PreconditionLost
from shared.adapters.firestore.transactions import Attempt, transact
from shared.errors import StoreUnavailable

pytestmark = pytest.mark.emulator


def test_an_attempt_that_firestore_ends_is_repeated_and_none_of_it_stays(database: Database) -> None:
    tried = []

    def change(attempt: Attempt) -> int:
        tried.append(attempt)
        attempt.writes.set(database.document("users", f"u{len(tried)}"), {"city": "Bern"})
        if len(tried) < 3:
            raise Aborted("others were first")  # type: ignore[no-untyped-call]  # the library types it in part
        return len(tried)

    assert transact(database, change, "try") == 3
    references = [database.document("users", f"u{number}") for number in (1, 2, 3)]
    assert [key for _, key in database.read(references)] == ["u3"]


def test_endless_contention_is_told_and_is_no_sign_of_a_store_that_hangs(database: Database) -> None:
    tried = []

    def change(attempt: Attempt) -> None:
        tried.append(attempt)
        raise Aborted("others were first")  # type: ignore[no-untyped-call]  # the library types it in part

    with pytest.raises(StoreUnavailable, match=r"^cannot try: others change the same documents; try again$"):
        transact(database, change, "try")
    assert len(tried) == 5
    assert transact(database, lambda _: "done", "try") == "done"


def test_a_failed_attempt_leaves_nothing_and_holds_no_lock(database: Database) -> None:
    reference = database.document("users", "u")
    batch = database.client.batch()
    batch.set(reference, {"city": "Bern"})
    database.commit(batch, "a user")

    def change(attempt: Attempt) -> None:
        assert [snapshot.to_dict() for snapshot in attempt.read([reference])] == [{"city": "Bern"}]
        attempt.writes.delete(reference)
        raise RuntimeError("a fault of the program")

    with pytest.raises(RuntimeError, match="a fault of the program"):
        transact(database, change, "try")
    started = time.monotonic()
    batch = database.client.batch()
    batch.update(reference, {"city": "Basel"})
    database.commit(batch, "a user")
    assert time.monotonic() - started < 5
    assert database.read([reference]) == {("users", "u"): {"city": "Basel"}}


def test_an_update_of_what_is_gone_is_a_lost_condition_that_names_nobody(database: Database) -> None:
    def change(attempt: Attempt) -> None:
        attempt.writes.update(database.document("users", "secret_name"), {"city": "Bern"})

    with pytest.raises(PreconditionLost) as lost:
        transact(database, change, "try")
    assert "secret_name" not in str(lost.value)
