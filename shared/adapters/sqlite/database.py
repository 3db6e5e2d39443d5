"""SQLite database file: its schema, transactions and paginated queries."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from shared.adapters.breaker import Breaker
from shared.entities import Keys, KeySource
from shared.entities.erasures import former_pseudonym, pseudonyms
from shared.entities.fields import Document
from shared.errors import InvalidField, StoreUnavailable

MEMORY = ":memory:"
PAGE = 1_000
_SCHEMA_VERSION = 6
_BUSY_S = 10.0
_PATIENCE_MS = 20
"""Milliseconds for which SQLite itself waits for another process, with the connection."""
_RETRY_S = 0.005
_Result = TypeVar("_Result")
OF_VISITORS = "(substr(document ->> 'user_id', 1, 1) = '~' OR document ->> 'anonymous')"
"""Condition of visitors' interactions, in the words of the index that finds them by age."""
_BY_AGE = (
    "CREATE INDEX history_by_age ON history (occurred_at)",
    "CREATE INDEX interactions_by_age ON interactions (document ->> 'occurred_at', interaction_id)",
    f"CREATE INDEX interactions_of_visitors ON interactions (recorded_at, interaction_id) WHERE {OF_VISITORS}",
)
_FRIENDS = (
    "CREATE TABLE friends_plans (user_id TEXT NOT NULL, friend_id TEXT NOT NULL, plans TEXT NOT NULL,"
    " PRIMARY KEY (user_id, friend_id)) WITHOUT ROWID",
    "CREATE INDEX friends_plans_by_friend ON friends_plans (friend_id, user_id)",
)
"""Plans of friends, a JSON list of event ids, by the user who is told of them."""
_REGISTERS = (
    "CREATE TABLE counted (key TEXT PRIMARY KEY, version TEXT NOT NULL, counts TEXT NOT NULL,"
    " is_deleted INTEGER NOT NULL, expires_at TEXT) WITHOUT ROWID",
    "CREATE INDEX counted_by_expiry ON counted (expires_at) WHERE expires_at IS NOT NULL",
)
_EXPERIMENTS = (
    "CREATE TABLE experiments (experiment_id TEXT PRIMARY KEY, document TEXT NOT NULL, ends_at TEXT NOT NULL)"
    " WITHOUT ROWID",
    "CREATE INDEX experiments_by_end ON experiments (ends_at, experiment_id)",
)
_SCHEMA = (
    # Documents are JSON; the other columns are those that queries need.
    "CREATE TABLE events (event_id TEXT PRIMARY KEY, document TEXT NOT NULL, updated_at TEXT NOT NULL,"
    " status TEXT NOT NULL, over_at TEXT) WITHOUT ROWID",
    "CREATE INDEX events_by_update ON events (updated_at, event_id)",
    "CREATE INDEX events_live ON events (status, over_at, event_id)",
    "CREATE TABLE users (user_id TEXT PRIMARY KEY, document TEXT NOT NULL, updated_at TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX users_by_update ON users (updated_at, user_id)",
    "CREATE TABLE history (user_id TEXT NOT NULL, key TEXT NOT NULL, occurred_at TEXT NOT NULL, entry TEXT NOT NULL,"
    " PRIMARY KEY (user_id, key)) WITHOUT ROWID",
    "CREATE INDEX history_by_time ON history (user_id, occurred_at DESC, key)",
    "CREATE TABLE interactions (interaction_id TEXT PRIMARY KEY, document TEXT NOT NULL, recorded_at TEXT NOT NULL,"
    " counted INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX interactions_by_record ON interactions (recorded_at, interaction_id)",
    "CREATE INDEX interactions_by_user ON interactions (document ->> 'user_id', interaction_id)",
    *_REGISTERS,
    "CREATE TABLE event_counts (event_id TEXT PRIMARY KEY, counts TEXT NOT NULL, slots TEXT NOT NULL,"
    " updated_at TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE rules (rules_id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX event_counts_by_update ON event_counts (updated_at, event_id)",
    "CREATE TABLE dead_letters (key TEXT PRIMARY KEY, collection TEXT NOT NULL, document_id TEXT NOT NULL,"
    " reason TEXT NOT NULL, user_id TEXT NOT NULL, data TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX dead_letters_by_time ON dead_letters (at, key)",
    "CREATE INDEX dead_letters_by_user ON dead_letters (user_id, key)",
    "CREATE TABLE bookmarks (name TEXT PRIMARY KEY, at TEXT, until TEXT, after TEXT NOT NULL DEFAULT '',"
    " run INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE TABLE forgotten (pseudonym TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID",
    *_BY_AGE,
    *_FRIENDS,
    *_EXPERIMENTS,
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)
_MIGRATIONS = {
    2: (
        "DROP TABLE processed",
        "ALTER TABLE bookmarks RENAME TO former_bookmarks",
        "CREATE TABLE bookmarks (name TEXT PRIMARY KEY, at TEXT, until TEXT, after TEXT NOT NULL DEFAULT '',"
        " run INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
        "INSERT INTO bookmarks (name, at) SELECT name, at FROM former_bookmarks",
        "DROP TABLE former_bookmarks",
        "PRAGMA user_version = 3",
    ),
    3: (*_BY_AGE, "PRAGMA user_version = 4"),
    # No released version wrote registers.
    4: ("DROP TABLE IF EXISTS counted", *_REGISTERS, *_FRIENDS, "PRAGMA user_version = 5"),
    5: (*_EXPERIMENTS, "PRAGMA user_version = 6"),
}
"""Statements that bring the schema of an earlier version to that of the next one."""
_FAILURES = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors of a file: the library's, and those of reading its messages, which quote names from damaged schemas."""


class Database:
    """SQLite connection shared by threads, to a file shared by processes; opened and given its schema on first use.

    A single connection under a lock serves all threads: an in-memory database allows no second connection, and these
    statements take less time than switching between two connections would.

    Parameters
    ----------
    path : the file, in an existing folder, or ":memory:".
    keys : source of the keys of registers and notes.

    Attributes
    ----------
    keys : see above; the first call may read a bucket, so it is made outside of transactions.
    listed : rows that `pages` has read, plus one for each list read to its end.
    """

    def __init__(self, path: str | Path, keys: KeySource) -> None:
        self.keys = keys
        self.listed = 0
        self._path = str(path)
        self._lock = threading.RLock()
        # Other processes that write let this one read.
        self._reads, self._writes = Breaker(), Breaker()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Transaction: all or nothing, one writer at a time."""
        with self._writes.call(_BUSY_S) as seconds, self._held(time.monotonic() + seconds, _begin) as (connection, _):
            try:
                yield connection
            except BaseException:
                # Of a damaged file nothing may be left to undo.
                with suppress(*_FAILURES):
                    connection.rollback()
                raise
            connection.commit()

    def rows(
        self, sql: str, parameters: Sequence[object] | Mapping[str, object], *, timeout_s: float = _BUSY_S
    ) -> list[tuple[Any, ...]]:
        """Rows of a query; raises `StoreUnavailable` if the database is busy for longer than `timeout_s` seconds."""

        def fetch(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            return connection.execute(sql, parameters).fetchall()

        with self._reads.call(timeout_s) as seconds, self._held(time.monotonic() + seconds, fetch) as (_, found):
            return found

    def pages(self, sql: str, after: tuple[str, str]) -> Iterator[tuple[Any, ...]]:
        """Paginated query: its rows, without a lock or a statement that stays open while the caller works.

        `sql` selects its two sort columns first; its parameters are the two values after which a page begins, initially
        `after`, and the page size.
        """
        while page := self.rows(sql, (*after, PAGE)):
            self.listed += len(page)
            yield from page
            after = page[-1][:2]
        self.listed += 1

    def stamped(
        self, table: str, key: str, stamp: str, moment: datetime | None, after: str
    ) -> Iterator[tuple[Any, ...]]:
        """Stamped rows `(order, id, stamp, document)` of a table, stamped at or after `moment`, by stamp and id.

        For None the rows with ids after `after`, by id. The names are those of the schema, never a caller's input.
        """
        order, start = ("''", ("", after)) if moment is None else (stamp, (iso(moment), ""))
        return self.pages(
            f"SELECT {order}, {key}, {stamp}, document FROM {table}"  # noqa: S608  # see above
            f" WHERE ({order}, {key}) > (?, ?) ORDER BY {order}, {key} LIMIT ?",
            start,
        )

    def close(self) -> None:
        """Close the file; the next use opens it again. An in-memory database is lost."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _held(
        self, give_up: float, start: Callable[[sqlite3.Connection], _Result]
    ) -> Iterator[tuple[sqlite3.Connection, _Result]]:
        """Block that has the connection for itself, after `start`, which is tried again while other processes are busy.

        Others may use the connection between the attempts: reads need not wait for what a write waits for.
        """
        while True:
            with self._locked(give_up) as connection:
                try:
                    started = start(connection)
                except sqlite3.OperationalError as error:
                    if not _is_busy(error) or time.monotonic() >= give_up:
                        raise
                else:
                    yield connection, started
                    return
            time.sleep(_RETRY_S)

    @contextmanager
    def _locked(self, give_up: float) -> Iterator[sqlite3.Connection]:
        waited_s = max(give_up - time.monotonic(), 0)
        if not self._lock.acquire(timeout=waited_s):
            raise StoreUnavailable(f"{self._path}: busy for more than {waited_s:.3g} s")
        try:
            if self._connection is None:
                self._connection = self._open(max(give_up - time.monotonic(), 0))
            yield self._connection
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            # Faults of a statement, not of the file.
            raise
        except _FAILURES as error:
            if not _is_busy(error):
                self._reopen()
            raise StoreUnavailable(f"{self._path}: {error}") from error
        finally:
            self._lock.release()

    def _reopen(self) -> None:
        """Let the next use open the file again, which may be mended or another by then."""
        if self._connection is not None and self._path != MEMORY:
            self._connection.close()
            self._connection = None

    def _open(self, timeout_s: float) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            if _version(connection) != _SCHEMA_VERSION:
                connection.execute("BEGIN IMMEDIATE")
                self._migrate(connection)
                connection.commit()
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version == 0:
            for statement in _SCHEMA:
                connection.execute(statement)
        while version in _MIGRATIONS:
            for statement in _MIGRATIONS[version]:
                connection.execute(statement)
            version += 1
        if version not in (0, _SCHEMA_VERSION):
            # A flipped bit of the file's head as well as a file of a later version: lists do without either.
            raise StoreUnavailable(
                f"sqlite:{self._path}: expected schema version {_SCHEMA_VERSION}, got {version};"
                " name another file and load the data again"
            )


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _is_busy(error: Exception) -> bool:
    """Whether another connection holds a lock, with any of the extended codes of SQLite."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def iso(moment: datetime) -> str:
    """UTC time as ISO 8601 text of fixed width, so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def encode(document: object) -> str:
    """JSON text with ISO 8601 times; equal documents give equal texts."""
    return json.dumps(document, default=_plain, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> dict[str, Any]:
    """JSON object of a stored text; raises `StoreUnavailable` for a damaged one."""
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreUnavailable(f"a stored document is damaged: {error}") from error
    if not isinstance(found, dict):
        raise StoreUnavailable(f"a stored document is damaged: expected an object, got {type(found).__name__}")
    return found


def moment_of(text: str) -> datetime:
    """Time of a text that `iso` made; raises `StoreUnavailable` for a damaged one."""
    try:
        return datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise StoreUnavailable(f"a stored time is damaged: {error}") from error


def parsed(parse: Callable[[str, Document], _Result]) -> Callable[[str, Document], _Result]:
    """Parser of rows as mappings: of the JSON text under `document`, with the other columns as fields.

    It raises `InvalidField` for a damaged document as well, so that a list leaves out this one alone.
    """

    def parse_row(document_id: str, row: Document) -> _Result:
        try:
            document = decode(row["document"])
        except StoreUnavailable as error:
            raise InvalidField("document", row["document"], "a JSON object") from error
        return parse(document_id, {**document, **{name: row[name] for name in row if name != "document"}})

    return parse_row


def differing(connection: sqlite3.Connection, sql: str, documents: dict[str, str]) -> dict[str, str]:
    """Changed documents: those of `documents`, JSON by id, that differ from the stored ones.

    `sql` selects id and JSON of the stored documents; its parameter is a JSON list of ids.
    """
    stored = dict(connection.execute(sql, (encode(list(documents)),)))
    return {key: document for key, document in documents.items() if stored.get(key) != document}


def forgotten_at(connection: sqlite3.Connection, keys: Keys, user_id: str) -> str:
    """Time up to which a user is forgotten, as `iso` gives it; "" where the user is not."""
    names = [*pseudonyms(keys, user_id), former_pseudonym(user_id)]
    sql = "SELECT max(at) FROM forgotten WHERE pseudonym IN (SELECT value FROM json_each(?))"
    [(at,)] = connection.execute(sql, (encode(names),))
    return at or ""


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return iso(value)
    raise TypeError(f"expected a value that JSON can hold, got {value!r}")
