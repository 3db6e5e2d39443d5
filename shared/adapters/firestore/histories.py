"""Users' histories in Firestore: a document per user, whose map of entries is merged without a read.

A document may not exceed 1 MiB, so entries that are too old to count are trimmed: when counts are settled, for users
with recent interactions, since their histories are read then anyway, and in about one of 64 bulk-loaded interactions,
chosen by the hash of their ids. The trigger itself reads nothing, until a document has grown too large to write. Of a
history that is too large for what was taken, the events are read, at most once a day, to drop those that are over.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from shared.adapters import history
from shared.adapters.firestore import events
from shared.adapters.firestore.client import Database, Refused, chunks, in_parallel, until_conditions_hold
from shared.adapters.firestore.friends import HISTORIES, TOLD, share_plans
from shared.entities import Interaction, Touchpoint, is_anonymous
from shared.entities.profile import MAX_HISTORY
from shared.ports import VISITOR_LIFE

if TYPE_CHECKING:
    from google.cloud.firestore import DocumentSnapshot, WriteBatch

_ENTRY_BYTES: Final = 500
"""Estimated size of an entry, for requests within Firestore's limit."""
_HISTORY_BYTES: Final = MAX_HISTORY * _ENTRY_BYTES // 2
"""Estimated size of a history, for requests within Firestore's limit."""
_LOOKED_FOR: Final = timedelta(days=1)
"""Time between looks at the events of a history that is too large for what was taken."""
_TURN: Final = 64
"""New entries per trimming read of a history, on average."""

Entries = dict[str, str]
"""History entries as JSON text by key, see `shared.adapters.history`."""


class Histories:
    """User histories: merges and trims the documents `histories/{user_id}`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, interactions: Sequence[Interaction]) -> None:
        """Merge interactions into their users' histories; idempotent, in any order."""
        by_user: dict[str, Entries] = defaultdict(dict)
        for interaction in interactions:
            if interaction.is_remembered():
                key = history.key_of(interaction)
                by_user[interaction.user_id][key] = history.text_of(interaction)
        for user_id, entries in by_user.items():
            for key in history.outdated(user_id, entries):
                del entries[key]
        in_parallel(self._merge_all, chunks(by_user.items(), lambda item: len(item[1]) * _ENTRY_BYTES))

    def merge(self, batch: "WriteBatch", user_id: str, entries: Entries) -> None:
        """Add the merge of entries into a history to `batch`; that of a visitor expires some time after the latest."""
        document: dict[str, Any] = {"entries": entries}
        paths = [f"entries.{key}" for key in entries]
        if is_anonymous(user_id) and entries:
            document["expires_at"] = history.latest(entries) + VISITOR_LIFE
            paths.append("expires_at")
        batch.set(self._database.document(HISTORIES, user_id), document, merge=paths)

    def trim(self, user_ids: Iterable[str]) -> None:
        """Trim histories: delete the entries that are outdated by newer ones."""
        references = [self._database.document(HISTORIES, user_id) for user_id in user_ids]
        self._shorten(self._database.snapshots(references).values())

    def _shorten(self, histories: "Iterable[DocumentSnapshot[Any]]") -> None:
        self._delete({snapshot.id: self._outdated(snapshot.id, snapshot, {}) for snapshot in histories})

    def _outdated(self, user_id: str, stored: "DocumentSnapshot[Any] | None", added: Entries) -> list[str]:
        """Keys of the outdated ones among the entries of a stored history and `added` ones."""
        looked_at = (stored.to_dict() or {}).get("looked_at") if stored else None

        def over(event_ids: Collection[str]) -> set[str]:
            if stored and looked_at and stored.read_time - looked_at < _LOOKED_FOR:
                return set()
            return self._over(user_id, event_ids)

        return history.outdated(user_id, {**_entries(stored), **added}, over)

    def _over(self, user_id: str, event_ids: Collection[str]) -> set[str]:
        """Those of the events of a user's history that are over or do not exist; the history keeps the time."""
        from google.cloud.firestore import SERVER_TIMESTAMP

        batch = self._database.client.batch()
        batch.set(self._database.document(HISTORIES, user_id), {"looked_at": SERVER_TIMESTAMP}, merge=True)
        self._database.commit(batch, "a history")

        def running(part: Sequence[str]) -> set[str]:
            references = [self._database.document(events.COLLECTION, event_id) for event_id in part]
            found = self._database.snapshots(references, only=events.TIMES).values()
            return {snapshot.id for snapshot in found if not events.is_over(self._database, snapshot)}

        return set(event_ids).difference(*in_parallel(running, chunks(event_ids, lambda _: _ENTRY_BYTES)))

    def _delete(self, outdated: Mapping[str, Sequence[str]]) -> None:
        from google.cloud.firestore import DELETE_FIELD

        batch = self._database.client.batch()
        for user_id, keys in outdated.items():
            if paths := [f"entries.{key}" for key in keys]:
                # Only named entries are deleted, so concurrent merges are kept.
                batch.update(self._database.document(HISTORIES, user_id), dict.fromkeys(paths, DELETE_FIELD))
        if len(batch):
            self._database.commit(batch, f"{len(batch)} shorter histories")

    def trim_histories(self, interactions: Sequence[Interaction]) -> list[Interaction]:
        """Trim the histories of the interactions' users; returns the interactions that their histories lack."""
        wanted = [interaction for interaction in interactions if interaction.is_remembered()]
        users = sorted({interaction.user_id for interaction in wanted})

        def read(user_ids: Sequence[str]) -> "list[DocumentSnapshot[Any]]":
            references = [self._database.document(HISTORIES, user_id) for user_id in user_ids]
            return list(self._database.snapshots(references).values())

        found = in_parallel(read, chunks(users, lambda _: _HISTORY_BYTES))
        histories = list(chain.from_iterable(found))
        self._shorten(histories)
        stored = {snapshot.id: _entries(snapshot) for snapshot in histories}
        return [
            interaction
            for interaction in wanted
            if history.key_of(interaction) not in stored.get(interaction.user_id, {})
        ]

    def touchpoints(self, event_ids: Mapping[str, Collection[str]]) -> dict[str, Sequence[Touchpoint]]:
        """Touchpoints of users with some events, newest first, by user; one read for each user."""

        def read(user_ids: Sequence[str]) -> dict[str, Sequence[Touchpoint]]:
            references = [self._database.document(HISTORIES, user_id) for user_id in user_ids]
            found = self._database.snapshots(references).values()
            return {one.id: history.touchpoints(one.id, _entries(one), event_ids[one.id]) for one in found}

        parts = in_parallel(read, chunks(event_ids, lambda _: _HISTORY_BYTES))
        return {user_id: points for part in parts for user_id, points in part.items()}

    def expire(self, user_ids: Iterable[str], before: datetime) -> None:
        """Expiry of the entries before `before` of some users, and from what their friends are told."""
        self._remove(user_ids, lambda _, entries: history.expired(entries, before))

    def forget(self, interactions: Sequence[Interaction]) -> None:
        """Removal of the entries of some interactions and of earlier states, and from what friends are told."""
        times: dict[str, dict[str, datetime]] = defaultdict(dict)
        for interaction in interactions:
            times[interaction.user_id][history.key_of(interaction)] = interaction.occurred_at

        def keys(user_id: str, entries: Entries) -> list[str]:
            # The entry of a later state has the same key.
            return [
                key
                for key, occurred_at in times[user_id].items()
                if key in entries and history.time_of(entries[key]) <= occurred_at
            ]

        self._remove(sorted(times), keys)

    def _remove(self, user_ids: Iterable[str], keys: Callable[[str, Entries], Sequence[str]]) -> None:
        """Removal of entries; a history that holds nothing else is deleted."""
        parts = in_parallel(lambda part: self._remove_part(part, keys), chunks(user_ids, lambda _: _HISTORY_BYTES))
        in_parallel(lambda user_id: share_plans(self._database, user_id), [key for part in parts for key in part])

    def _remove_part(self, user_ids: Sequence[str], keys_of: Callable[[str, Entries], Sequence[str]]) -> list[str]:
        """Removal of entries from some histories; returns the users among them whose friends are told of plans."""
        from google.cloud.firestore import DELETE_FIELD

        def attempt() -> list[str]:
            batch = self._database.client.batch()
            stored = self._database.snapshots(self._database.document(HISTORIES, user_id) for user_id in user_ids)
            telling = []
            for snapshot in stored.values():
                document = snapshot.to_dict() or {}
                entries = _entries(snapshot)
                keys = keys_of(snapshot.id, entries)
                if keys and document.get(TOLD):
                    telling.append(snapshot.id)
                if len(keys) == len(entries) and document.keys() <= {"entries", "looked_at", "expires_at"}:
                    # An entry that is merged meanwhile must not go with the rest.
                    unchanged = self._database.client.write_option(last_update_time=snapshot.update_time)
                    batch.delete(snapshot.reference, option=unchanged)
                elif keys:
                    batch.update(snapshot.reference, {f"entries.{key}": DELETE_FIELD for key in keys})
            if len(batch):
                self._database.commit(batch, f"{len(batch)} shorter histories")
            return telling

        return until_conditions_hold(attempt, "shorten histories")

    def _merge_all(self, items: Sequence[tuple[str, Entries]]) -> None:
        try:
            self._commit(items)
        except Refused:
            self._commit([(user_id, self._fitting(user_id, entries)) for user_id, entries in items])
        if due := [user_id for user_id, entries in items if is_due(entries)]:
            self.trim(due)

    def _commit(self, items: Sequence[tuple[str, Entries]]) -> None:
        batch = self._database.client.batch()
        for user_id, entries in items:
            self.merge(batch, user_id, entries)
        self._database.commit(batch, f"{len(batch)} histories")

    def _fitting(self, user_id: str, entries: Entries) -> Entries:
        """Those of new entries that belong in a history, after deletion of what they outdate."""
        reference = self._database.document(HISTORIES, user_id)
        stored = self._database.snapshots([reference]).get((HISTORIES, user_id))
        outdated = set(self._outdated(user_id, stored, entries))
        self._delete({user_id: [key for key in _entries(stored) if key in outdated and key not in entries]})
        return {key: text for key, text in entries.items() if key not in outdated}


def _entries(stored: "DocumentSnapshot[Any] | None") -> Entries:
    return ((stored.to_dict() or {}).get("entries") or {}) if stored else {}


def is_due(keys: Iterable[str]) -> bool:
    """Trimming decision of a history by its new entries' keys: True for about one key in 64."""
    return any(int(key[1:], 16) % _TURN == 0 for key in keys)
