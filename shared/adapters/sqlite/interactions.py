"""Interaction log in SQLite."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from shared.adapters import untrusted
from shared.adapters.sqlite.database import Database, encode, iso
from shared.entities import Interaction
from shared.entities.event import known_fields

_KNOWN = "SELECT interaction_id FROM interactions WHERE interaction_id IN (SELECT value FROM json_each(?))"


class SqliteInteractions:
    """Interaction log (`InteractionLog`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, interactions: Sequence[Interaction], *, now: datetime, counted: bool) -> Sequence[bool]:
        """Append interactions stamped `recorded_at=now`; a bool for each, False where the id exists already."""
        ids = [interaction.interaction_id for interaction in interactions]
        texts = [encode(known_fields(interaction, "interaction_id", "recorded_at")) for interaction in interactions]
        fresh: dict[str, str] = {}
        created = []
        with self._database.transaction() as connection:
            known = {key for (key,) in connection.execute(_KNOWN, (encode(ids),))}
            for key, text in zip(ids, texts, strict=True):
                is_new = key not in known and key not in fresh
                created.append(is_new)
                if is_new:
                    fresh[key] = text
            connection.executemany(
                "INSERT INTO interactions (interaction_id, document, recorded_at, counted) VALUES (?, ?, ?, ?)",
                [(key, text, iso(now), counted) for key, text in fresh.items()],
            )
        return created

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
    documents = ((key, {**json.loads(text), "recorded_at": recorded_at}) for recorded_at, key, text in rows)
    return untrusted.readable("interactions", documents, Interaction.from_document)
