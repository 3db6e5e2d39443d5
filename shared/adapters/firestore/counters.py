"""Event counts in Firestore."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from shared.adapters import history
from shared.adapters.firestore.client import Database, chunks, in_parallel
from shared.adapters.firestore.histories import Histories, is_due
from shared.adapters.firestore.pages import Listing, documents
from shared.entities import Interaction, InteractionType, fields
from shared.errors import StoreUnavailable
from shared.ports import EventCounts

if TYPE_CHECKING:
    from google.cloud.firestore import WriteBatch

COLLECTION: Final = "event_counts"
PROCESSED: Final = "processed"
CHANGED: Final = Listing(COLLECTION, "updated_at")
ALL: Final = Listing(COLLECTION)
# Deliveries are repeated for a day; Firestore deletes a marker some time after it expires.
_MARKER_LIFE: Final = timedelta(days=30)
_BYTES: Final = 2_000
_log = logging.getLogger(__name__)


class FirestoreCounters:
    """`Counters` on the collections `event_counts` and `processed`; counting reads nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._histories = Histories(database)

    def record(self, interaction: Interaction, weight: float, *, now: datetime) -> bool:
        """Count one interaction and remember it in its user's history, atomically; False when it was counted before."""
        from google.api_core.exceptions import AlreadyExists

        batch = self._database.client.batch()
        marker = self._database.document(PROCESSED, interaction.interaction_id)
        batch.create(marker, {"expires_at": now + _MARKER_LIFE})
        key = history.key_of(interaction.interaction_id)
        if history.is_remembered(interaction):
            self._histories.merge(batch, interaction.user_id, {key: history.text_of(interaction)})
        if interaction.event_id:
            self._add(batch, interaction.event_id, EventCounts({interaction.type: 1}, weight), now)
        try:
            self._database.commit(batch, f"the counts of {interaction.interaction_id}")
        except AlreadyExists:
            return False
        if is_due([key]):
            self._trim(interaction.user_id)
        return True

    def add(self, counts: Mapping[str, EventCounts], *, key: str, now: datetime) -> bool:
        """Add to the counts of many events; False when all were added under this key before.

        Each commit marks its part of the key, so after an interruption the same call adds what is missing.
        """
        parts = chunks(sorted(counts.items(), key=lambda item: item[0]), lambda _: _BYTES)
        added = in_parallel(lambda part: self._add_part(part[1], f"{key}-{part[0]}", now), enumerate(parts))
        return any(added)

    def _add_part(self, part: Sequence[tuple[str, EventCounts]], key: str, now: datetime) -> bool:
        from google.api_core.exceptions import AlreadyExists

        batch = self._database.client.batch()
        batch.create(self._database.document(PROCESSED, key), {"expires_at": now + _MARKER_LIFE})
        for event_id, added in part:
            self._add(batch, event_id, added, now)
        try:
            self._database.commit(batch, f"the counts of {len(part)} events")
        except AlreadyExists:
            return False
        return True

    def changed_since(self, moment: datetime | None) -> Iterator[tuple[str, EventCounts, datetime]]:
        """`(event_id, counts, updated_at)` of events counted at or after `moment`, oldest first; all for None."""
        for event_id, data in documents(self._database, ALL if moment is None else CHANGED, moment):
            by_type = {InteractionType(kind): n for kind, n in data.get("by_type", {}).items()}
            counts = EventCounts(by_type, float(data["popularity"]))
            yield event_id, counts, fields.required_time(data, "updated_at")

    def _add(self, batch: "WriteBatch", event_id: str, added: EventCounts, now: datetime) -> None:
        from google.cloud.firestore import Increment

        changes: dict[str, object] = {"popularity": Increment(added.popularity), "updated_at": now}
        if added.by_type:  # merging an empty map would replace the one that is there
            changes["by_type"] = {kind.value: Increment(n) for kind, n in added.by_type.items()}
        batch.set(self._database.document(COLLECTION, event_id), changes, merge=True)

    def _trim(self, user_id: str) -> None:
        try:
            self._histories.trim([user_id])
        except StoreUnavailable as error:
            # The count is committed; a later interaction has its turn.
            _log.warning("leaves a history as long as it is: %s", error)
