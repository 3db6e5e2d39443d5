"""The model in memory: loaded once, looked after inside requests, and kept when anything newer fails."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from shared.entities import Rules
from shared.errors import ArtifactError, MarqueeError
from shared.models.artifact import Manifest
from shared.ports import Documents, ObjectStore
from shared.ranking.recommender import Recommender
from shared.services.registry import POINTER, Pointer, load_version

_log = logging.getLogger(__name__)
# A stamp may lie before the moment its document becomes readable, so each look goes back; merging is idempotent.
_OVERLAP: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What requests see; replaced as a whole.

    Attributes
    ----------
    manifest : of the model in service; None when there is none yet.
    read_until : events and counts are known up to here; None before the first look.
    rules : what people decided about lists.
    degraded : parts that failed at the last look: `model`, `events`, `popularity`, `rules`; `refresh` when it is not
        over in time.
    generation : of the pointer that named the model; an instance never goes back to an earlier one.
    """

    recommender: Recommender
    manifest: Manifest | None = None
    read_until: datetime | None = None
    rules: Rules = field(default_factory=Rules)
    degraded: tuple[str, ...] = ()
    generation: int = 0

    @property
    def model_version(self) -> str | None:
        """The version in service, None without a model."""
        return self.manifest.version if self.manifest else None


def load(objects: ObjectStore) -> Recommender:
    """The published model; raises `ArtifactError` when there is none or it is damaged."""
    blob = objects.read(POINTER)
    if blob is None:
        raise ArtifactError(f"{POINTER}: no model is published yet; run `python -m jobs.retrain`")
    return load_version(objects, Pointer.from_json(blob.data).version)[0]


class Serving:
    """Keeps a `Snapshot` fresh: one thread looks for news every `refresh_s` seconds, requests wait a little for it.

    Parameters
    ----------
    refresh_s : seconds between two looks.
    deadline_s : how long a request waits for a look before it goes on with what is in memory.
    first_s : the same for the first look, before which nothing is in memory.
    """

    def __init__(
        self,
        documents: Documents,
        objects: ObjectStore,
        *,
        refresh_s: float,
        deadline_s: float = 2.0,
        first_s: float = 10.0,
    ) -> None:
        self._documents = documents
        self._objects = objects
        self._refresh = timedelta(seconds=refresh_s)
        self._deadline_s = deadline_s
        self._first_s = first_s
        self._lock = threading.Lock()
        self._due: datetime | None = None
        self._looking: threading.Thread | None = None
        self._is_late = False
        self._snapshot = Snapshot(Recommender.empty())

    def current(self, now: datetime) -> Snapshot:
        """The snapshot to answer with: refreshed first if that is due and done in time, else marked `refresh`."""
        is_first = self._due is None
        with self._lock:
            is_new = self._looking is None and (self._due is None or now >= self._due)
            if is_new:
                # A thread of its own, so that a store that hangs holds up the look but no request.
                self._looking = threading.Thread(target=self._look, args=(now,), daemon=True)
                self._looking.start()
            looking = self._looking
        if looking is not None and (is_new or is_first):
            looking.join(self._first_s if is_first else self._deadline_s)
        snapshot = self._snapshot
        if looking is not None and looking.is_alive() and (is_new or is_first or self._is_late):
            self._is_late = True
            return replace(snapshot, degraded=(*snapshot.degraded, "refresh"))
        return snapshot

    def _look(self, now: datetime) -> None:
        snapshot = replace(self._snapshot, degraded=())
        with ThreadPoolExecutor(1) as pool:
            # Beside the model's download, since the first use of the document store imports its library.
            rules = pool.submit(self._documents.rules.read)
            steps: tuple[tuple[str, Callable[[Snapshot, datetime], Snapshot]], ...] = (
                ("model", self._model),
                ("events", self._events),
                ("popularity", self._popularity),
                ("rules", lambda snapshot, _: replace(snapshot, rules=rules.result())),
            )
            for part, step in steps:
                try:
                    snapshot = step(snapshot, now)
                except MarqueeError as error:
                    _log.warning("keeps the last good %s: %s", part, error)
                    snapshot = replace(snapshot, degraded=(*snapshot.degraded, part))
                except Exception:  # noqa: BLE001  # the edge of a thread: what a store answers must not end the looks
                    _log.exception("keeps the last good %s", part)
                    snapshot = replace(snapshot, degraded=(*snapshot.degraded, part))
        if "events" in snapshot.degraded and self._snapshot.read_until is not None:
            # A newer model knows nothing of what was cancelled since its training; what is in service does.
            snapshot = replace(self._snapshot, rules=snapshot.rules, degraded=snapshot.degraded)
        if "events" not in snapshot.degraded and "popularity" not in snapshot.degraded:
            snapshot = replace(snapshot, read_until=now - _OVERLAP)
        if self._due is not None:
            # Before anybody sees it, but for the first snapshot, for which somebody waits.
            snapshot.recommender.prepare(now)
        with self._lock:
            self._snapshot = snapshot
            self._due = now + self._refresh
            self._looking = None
            self._is_late = False

    def _model(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        blob = self._objects.read(POINTER)
        # A reply may be older than one before it; generations only grow, also when somebody rolls back.
        if blob is None or blob.generation <= snapshot.generation:
            return snapshot
        version = Pointer.from_json(blob.data).version
        if version == snapshot.model_version:
            return replace(snapshot, generation=blob.generation)
        recommender, manifest = load_version(self._objects, version)
        # Events and counts newer than the model must be read again on top of it.
        read_until = manifest.watermark - _OVERLAP if manifest.watermark else None
        return replace(
            snapshot,
            recommender=recommender,
            manifest=manifest,
            read_until=read_until,
            generation=blob.generation,
        )

    def _events(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        store = self._documents.events
        is_first = snapshot.read_until is None
        changed = list(store.live(now) if is_first else store.changed_since(snapshot.read_until))
        if not changed:
            return snapshot
        return replace(snapshot, recommender=snapshot.recommender.with_events(changed))

    def _popularity(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        counts = self._documents.counters.changed_since(snapshot.read_until)
        sums = {event_id: count.popularity for event_id, count, _ in counts}
        if not sums:
            return snapshot
        return replace(snapshot, recommender=snapshot.recommender.with_popularity(sums))
