"""Interaction log in SQLite."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.adapters import untrusted
from shared.adapters.sqlite.database import Database, encode, forgotten_at, iso, moment_of, parsed
from shared.adapters.states import outlived, refuse_while_erased, results_of, stamp_over, users_of_states
from shared.entities import Interaction
from shared.entities.event import known_fields
from shared.feedback.states import last_words
from shared.ports import Appended

_KNOWN = "SELECT interaction_id FROM interactions WHERE interaction_id IN (SELECT value FROM json_each(?))"


class SqliteInteractions:
    """Interaction log (`InteractionLog`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, interactions: Sequence[Interaction], *, now: datetime) -> Sequence[Appended]:
        """Store interactions stamped `recorded_at=now`, the last state of each target; the result of each."""
        # What repeats needs no key, so it is stored beside a bucket that hangs.
        guarded = [(self._database.keys(), user_id) for user_id in users_of_states(interactions)]
        with self._database.transaction() as connection:
            for keys, user_id in guarded:
                at = forgotten_at(connection, keys, user_id)
                refuse_while_erased(moment_of(at) if at else None, now)
            results = {
                key: store(connection, interaction, now=now, counted=False).result
                for key, interaction in last_words(interactions).items()
            }
        return results_of(interactions, results)

    def known(self, interaction_ids: Sequence[str]) -> set[str]:
        """Known interaction ids: those of `interaction_ids` that have a document."""
        return {key for (key,) in self._database.rows(_KNOWN, (encode(list(interaction_ids)),))}

    def get(self, interaction_ids: Sequence[str]) -> dict[str, Interaction]:
        """Interactions by id; ids without a readable document are left out."""
        rows = self._database.rows(
            "SELECT recorded_at, interaction_id, document FROM interactions"
            " WHERE interaction_id IN (SELECT value FROM json_each(?))",
            (encode(list(interaction_ids)),),
        )
        return {interaction.interaction_id: interaction for interaction in _readable(rows)}

    def uncounted(self, moment: datetime) -> Iterator[Interaction]:
        """Uncounted interactions recorded at or after `moment`, oldest first: those that their writer did not count."""
        rows = self._database.pages(
            "SELECT recorded_at, interaction_id, document FROM interactions"
            " WHERE (recorded_at, interaction_id) > (?, ?) AND NOT counted"
            " ORDER BY recorded_at, interaction_id LIMIT ?",
            (iso(moment), ""),
        )
        return _readable(rows)

    def since(self, moment: datetime | None, *, after: str = "") -> Iterator[Interaction]:
        """Interactions recorded at or after `moment`, oldest first; for None all with ids after `after`, by id."""
        rows = self._database.stamped("interactions", "interaction_id", "recorded_at", moment, after)
        return _readable((recorded_at, key, text) for _, key, recorded_at, text in rows)


def _readable(rows: Iterable[tuple[Any, ...]]) -> Iterator[Interaction]:
    documents = ((key, {"document": text, "recorded_at": recorded_at}) for recorded_at, key, text in rows)
    return untrusted.readable("interactions", documents, parsed(Interaction.from_document))


@dataclass(frozen=True, slots=True)
class Stored:
    """Result of storing an interaction: its `recorded_at`, and the readable interaction that it replaced."""

    result: Appended
    recorded_at: datetime
    replaced: Interaction | None = None


def store(connection: sqlite3.Connection, interaction: Interaction, *, now: datetime, counted: bool) -> Stored:
    """Store an interaction within the caller's transaction; a row that replaces another keeps the stamp."""
    key = interaction.interaction_id
    sql = "SELECT recorded_at, interaction_id, document FROM interactions WHERE interaction_id = ?"
    row = connection.execute(sql, (key,)).fetchone()
    before = next(_readable([row]), None) if row else None
    if before and not interaction.replaces(before):
        return Stored(outlived(interaction, before), now)
    if row:
        now = stamp_over(moment_of(row[0]), interaction, before, now)
    text = encode(known_fields(interaction, "interaction_id", "recorded_at"))
    connection.execute(
        "INSERT OR REPLACE INTO interactions (interaction_id, document, recorded_at, counted) VALUES (?, ?, ?, ?)",
        (key, text, iso(now), counted),
    )
    return Stored(Appended.NEW, now, before)


def states_of(connection: sqlite3.Connection, user_id: str) -> list[Interaction]:
    """Readable interactions of lasting types of a user."""
    sql = "SELECT recorded_at, interaction_id, document FROM interactions WHERE document ->> 'user_id' = ?"
    return states_in(connection.execute(sql, (user_id,)))


def states_in(rows: Iterable[tuple[Any, ...]]) -> list[Interaction]:
    """Readable interactions of lasting types in rows of `recorded_at`, id and document."""
    return [interaction for interaction in _readable(rows) if not interaction.type.meaning.repeats]
