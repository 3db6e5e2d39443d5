"""The model in memory: loaded once, looked after inside requests, and kept when anything newer fails."""

import json
import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from shared.errors import ArtifactError, MarqueeError
from shared.models.artifact import Manifest, unpack
from shared.models.recommender import Recommender
from shared.ports import Documents, ObjectStore
from shared.services.train import POINTER

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
    degraded : parts that failed at the last look: `model`, `events`, `popularity`.
    """

    recommender: Recommender
    manifest: Manifest | None = None
    read_until: datetime | None = None
    degraded: tuple[str, ...] = ()

    @property
    def model_version(self) -> str | None:
        """The version in service, None without a model."""
        return self.manifest.version if self.manifest else None


def load(objects: ObjectStore) -> Recommender:
    """The published model; raises `ArtifactError` when there is none or it is damaged."""
    version = _current_version(objects)
    if version is None:
        raise ArtifactError(f"{POINTER}: no model is published yet; run `python -m jobs.retrain`")
    return _load_version(objects, version)[0]


class Serving:
    """Keeps a `Snapshot` fresh: one thread looks for news every `refresh_s` seconds, the others go on."""

    def __init__(self, documents: Documents, objects: ObjectStore, *, refresh_s: float) -> None:
        self._documents = documents
        self._objects = objects
        self._refresh = timedelta(seconds=refresh_s)
        self._lock = threading.Lock()
        self._due: datetime | None = None
        self._snapshot = Snapshot(Recommender.empty())

    def current(self, now: datetime) -> Snapshot:
        """The snapshot to answer with, refreshed first if that is due and nobody else is at it."""
        if self._due is None:
            with self._lock:
                if self._due is None:
                    self._look(now)
        elif now >= self._due and self._lock.acquire(blocking=False):
            try:
                self._look(now)
            finally:
                self._lock.release()
        return self._snapshot

    def _look(self, now: datetime) -> None:
        snapshot = replace(self._snapshot, degraded=())
        for part, step in (("model", self._model), ("events", self._events), ("popularity", self._popularity)):
            try:
                snapshot = step(snapshot, now)
            except MarqueeError as error:
                _log.warning("keeps the last good %s: %s", part, error)
                snapshot = replace(snapshot, degraded=(*snapshot.degraded, part))
        if "events" in snapshot.degraded and self._snapshot.read_until is not None:
            # A newer model knows nothing of what was cancelled since its training; what is in service does.
            snapshot = replace(self._snapshot, degraded=snapshot.degraded)
        if "events" not in snapshot.degraded and "popularity" not in snapshot.degraded:
            snapshot = replace(snapshot, read_until=now - _OVERLAP)
        self._snapshot = snapshot
        self._due = now + self._refresh

    def _model(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        version = _current_version(self._objects)
        if version is None or version == snapshot.model_version:
            return snapshot
        recommender, manifest = _load_version(self._objects, version)
        # Events and counts newer than the model must be read again on top of it.
        read_until = manifest.watermark - _OVERLAP if manifest.watermark else None
        return replace(snapshot, recommender=recommender, manifest=manifest, read_until=read_until)

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


def _current_version(objects: ObjectStore) -> str | None:
    pointer = objects.read(POINTER)
    if pointer is None:
        return None
    try:
        return str(json.loads(pointer.data)["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{POINTER}: expected a JSON object with a version, got {pointer.data[:80]!r}") from error


def _load_version(objects: ObjectStore, version: str) -> tuple[Recommender, Manifest]:
    folder = f"models/{version}"
    manifest_blob, arrays_blob = objects.read(f"{folder}/manifest.json"), objects.read(f"{folder}/model.npz")
    if manifest_blob is None or arrays_blob is None:
        raise ArtifactError(f"{folder}: expected manifest.json and model.npz, one is missing; roll back or train again")
    manifest = Manifest.from_json(manifest_blob.data)
    return Recommender.from_arrays(manifest.model, unpack(arrays_blob.data, manifest)), manifest
