"""Personal data of users in SQLite, for export, erasure and expiry."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from shared.adapters import history
from shared.adapters.sqlite import counters, deadletters
from shared.adapters.sqlite.counters import withdraw
from shared.adapters.sqlite.database import OF_VISITORS, Database, decode, iso, moment_of
from shared.adapters.sqlite.interactions import states_in, states_of
from shared.adapters.sqlite.users import share_plans
from shared.entities import Erasures, Interaction, Keys
from shared.entities.erasures import is_former, keyed, pseudonym
from shared.ports import VISITOR_LIFE, PersonalDocument

_OF: Final = (
    (
        "users",
        "SELECT user_id, json_patch(document, json_object('updated_at', updated_at)) FROM users WHERE user_id = ?",
    ),
    (
        "histories",
        "SELECT user_id, json_object('entries', json_group_object(key, entry)) FROM history WHERE user_id = ?"
        " GROUP BY user_id",
    ),
    (
        "interactions",
        "SELECT interaction_id, json_patch(document, json_object('recorded_at', recorded_at)) FROM interactions"
        " WHERE document ->> 'user_id' = ? ORDER BY interaction_id",
    ),
    (
        "dead_letters",
        "SELECT key, json_object('collection', collection, 'document_id', document_id, 'reason', reason, 'user_id',"
        " user_id, 'data', data, 'at', at) FROM dead_letters WHERE user_id = ? ORDER BY key",
    ),
)
_ERASE: Final = (
    "DELETE FROM users WHERE user_id = ?",
    "DELETE FROM history WHERE user_id = ?",
    "DELETE FROM interactions WHERE document ->> 'user_id' = ?",
    "DELETE FROM dead_letters WHERE user_id = ?",
    "DELETE FROM friends_plans WHERE user_id = ?",
    "DELETE FROM friends_plans WHERE friend_id = ?",
)
_DELETE: Final = {
    "users": "DELETE FROM users WHERE user_id = ?",
    "histories": "DELETE FROM history WHERE user_id = ?",
    "interactions": "DELETE FROM interactions WHERE interaction_id = ? AND recorded_at = ?",
    "dead_letters": "DELETE FROM dead_letters WHERE key = ?",
}
_OLD: Final = (
    "SELECT recorded_at, interaction_id, document FROM interactions WHERE document ->> 'occurred_at' < ?"
    " ORDER BY document ->> 'occurred_at', interaction_id LIMIT ?"
)
_SHARING: Final = (
    "SELECT DISTINCT document ->> 'user_id' FROM (SELECT document FROM interactions"
    " WHERE document ->> 'occurred_at' < ? ORDER BY document ->> 'occurred_at', interaction_id LIMIT ?)"
    " WHERE document ->> 'user_id' IN (SELECT friend_id FROM friends_plans)"
)
"""Query for the users of the oldest interactions whose friends are told of plans."""
_OLD_OF_VISITORS: Final = (
    f"SELECT recorded_at, interaction_id, document FROM interactions WHERE {OF_VISITORS} AND recorded_at < ?"  # noqa: S608  # a constant
    " ORDER BY recorded_at, interaction_id LIMIT ?"
)
# Ids of visitors begin with "~", before the only other character of ASCII.
_OLD_ENTRIES_OF_VISITORS: Final = "DELETE FROM history WHERE user_id >= '~' AND user_id < char(127) AND occurred_at < ?"


class SqlitePersonal:
    """Personal data store (`PersonalData`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user_id: str) -> Iterator[PersonalDocument]:
        """Documents about a user: profile, history, interactions, dead letters."""
        for collection, sql in _OF:
            for key, text in self._database.rows(sql, (user_id,)):
                yield PersonalDocument(collection, key, decode(text))

    def erase(self, user_id: str, *, now: datetime) -> int:
        """Delete the documents about a user and the user's id in friends' profiles; returns the number of changes."""
        changed, keys = sum(1 for _ in self.of(user_id)), self._database.keys()
        with self._database.transaction() as connection:
            for state in states_of(connection, user_id):
                withdraw(connection, keys, state, now=now)
            for sql in _ERASE:
                connection.execute(sql, (user_id,))
            others = connection.execute(
                "UPDATE users SET updated_at = ?, document = json_set(document, '$.friends',"
                " (SELECT json_group_array(value) FROM json_each(document, '$.friends') WHERE value <> ?))"
                " WHERE EXISTS (SELECT 1 FROM json_each(document, '$.friends') WHERE value = ?)",
                (iso(now), user_id, user_id),
            )
        return changed + others.rowcount

    def discard(self, documents: Sequence[PersonalDocument], *, now: datetime) -> None:
        """Delete documents as `of` gave them, but no later version of a state."""
        keys = self._database.keys()
        with self._database.transaction() as connection:
            for document in documents:
                sql, parameters = _DELETE[document.collection], [document.document_id]
                if document.collection == "interactions":
                    parameters.append(document.fields["recorded_at"])
                is_deleted = connection.execute(sql, parameters).rowcount > 0
                if is_deleted and document.collection == "interactions":
                    text = json.dumps(document.fields)
                    for state in states_in([(document.fields["recorded_at"], document.document_id, text)]):
                        withdraw(connection, keys, state, now=now)

    def erase_late(self, states: Sequence[Interaction], *, now: datetime) -> None:
        """Erase states that were recorded while their users were erased: documents, history entries and counts."""
        keys = self._database.keys()
        with self._database.transaction() as connection:
            for state in states:
                entry = state.user_id, history.key_of(state), iso(state.occurred_at)
                connection.execute("DELETE FROM history WHERE user_id = ? AND key = ? AND occurred_at <= ?", entry)
                withdraw(connection, keys, state, now=now)
                version = state.interaction_id, state.recorded_at and iso(state.recorded_at)
                connection.execute("DELETE FROM interactions WHERE interaction_id = ? AND recorded_at = ?", version)

    def expire(self, before: datetime | None, *, limit: int, now: datetime) -> int:
        """Delete interactions that occurred before `before`, and what visitors did up to `VISITOR_LIFE` ago."""
        expired, keys = 0, self._database.keys()
        with self._database.transaction() as connection:
            if before is not None:
                connection.execute("DELETE FROM history WHERE occurred_at < ?", (iso(before),))
                for (user_id,) in connection.execute(_SHARING, (iso(before), limit)).fetchall():
                    share_plans(connection, user_id)
                expired = _expire(connection, keys, _OLD, before, limit, now)
            connection.execute(_OLD_ENTRIES_OF_VISITORS, (iso(now - VISITOR_LIFE),))
            counters.expire_tombstones(connection, now=now)
            deadletters.expire(connection, now=now)
            return expired + _expire(connection, keys, _OLD_OF_VISITORS, now - VISITOR_LIFE, limit - expired, now)

    def mark(self, user_id: str, *, at: datetime) -> None:
        """Mark a user as forgotten, under a pseudonym, for all interactions recorded up to `at`."""
        name = pseudonym(self._database.keys(), user_id)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO forgotten (pseudonym, at) VALUES (?, ?)", (name, iso(at)))

    def forgotten(self, since: datetime | None = None) -> Erasures:
        """Noted erasures at or after `since`, all for None."""
        rows = self._database.rows("SELECT pseudonym, at FROM forgotten WHERE at >= ?", (iso(since) if since else "",))
        return Erasures({key: moment_of(at) for key, at in rows}, self._database.keys)

    def drop_notes(self, before: datetime) -> int:
        """Delete the notes of erasures before `before`; returns their number."""
        with self._database.transaction() as connection:
            return connection.execute("DELETE FROM forgotten WHERE at < ?", (iso(before),)).rowcount

    def key_former(self, *, limit: int) -> int:
        """Give notes of earlier versions keyed names; returns the number of changes, at most `limit`."""
        keys = self._database.keys()
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT pseudonym, at FROM forgotten").fetchall()
            former = [(name, at) for name, at in rows if is_former(name)][:limit]
            for name, at in former:
                connection.execute(
                    "INSERT INTO forgotten (pseudonym, at) VALUES (?, ?)"
                    " ON CONFLICT (pseudonym) DO UPDATE SET at = max(at, excluded.at)",
                    (keyed(keys, name), at),
                )
                connection.execute("DELETE FROM forgotten WHERE pseudonym = ?", (name,))
        return len(former)


def _expire(connection: sqlite3.Connection, keys: Keys, sql: str, before: datetime, limit: int, now: datetime) -> int:
    rows = connection.execute(sql, (iso(before), limit)).fetchall()
    for state in states_in(rows):
        counters.expire(connection, keys, state, now=now)
    connection.executemany("DELETE FROM interactions WHERE interaction_id = ?", [(key,) for _, key, _ in rows])
    return len(rows)
