"""Serving snapshot: model, events, popularity, rules and experiments; a failed refresh keeps the last good state."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from shared.catalog.calendar import Calendar
from shared.entities import Experiment, Keys, Rules
from shared.entities.experiment import POPULARITY, WEIGHTS
from shared.errors import ArtifactError, MarqueeError
from shared.models.artifact import Manifest
from shared.models.baselines import MostPopular
from shared.models.blend import Blend
from shared.ports import Documents, ObjectStore
from shared.ranking.recommender import Recommender
from shared.ranking.soundness import self_test
from shared.services.registry import POINTER, Pointer, earlier_versions, load_version
from shared.services.serving.cache import CachedRecommender
from shared.services.serving.memory import give_back

_log = logging.getLogger(__name__)
_OVERLAP: Final = timedelta(seconds=60)
"""Overlap of the periods read by successive refreshes.

A document's timestamp may precede the time at which it becomes readable. Merging is idempotent.
"""


_TICK: Final = timedelta(microseconds=1)
_STAND_INS: Final = 2
"""Versions before a damaged one that a starting instance tries: each takes as long as its download."""


Ranker = tuple[str, str]
"""Model and weights of a variant, see `Variant.ranker`."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Serving state that requests read; a refresh replaces it as a whole.

    Attributes
    ----------
    model : the model in service, with newer events and popularity merged in, and its caches.
    manifest : manifest of the model in service; None without a model.
    read_until : watermark of events and counts, UTC; None before the first successful refresh.
    seen : newest stamp of an event or count that was read, here or by the training, UTC; None before the first.
    rules : business rules.
    degraded : parts that failed in the last refresh: `model`, `events`, `popularity`, `rules`; `refresh` if a refresh
        missed its deadline.
    generation : generation of the pointer that named the model; an instance never returns to an earlier one.
    keys : keys under which the ids of lists are signed; None as long as they cannot be read.
    experiments : experiments that are not over.
    alternatives : models that variants of these have in place of the model in service, with their manifest and
        watermarks; those that cannot be loaded are missing.
    """

    model: CachedRecommender
    manifest: Manifest | None = None
    read_until: datetime | None = None
    seen: datetime | None = None
    rules: Rules = field(default_factory=Rules)
    degraded: tuple[str, ...] = ()
    generation: int = 0
    keys: Keys | None = None
    experiments: tuple[Experiment, ...] = ()
    alternatives: Mapping[Ranker, "Snapshot"] = field(default_factory=dict)

    @property
    def recommender(self) -> Recommender:
        """Recommender of the model in service, without caches."""
        return self.model.recommender

    @property
    def model_version(self) -> str | None:
        """Version in service, None without a model."""
        return self.manifest.version if self.manifest else None


def load(objects: ObjectStore) -> CachedRecommender:
    """Published recommender, for use from Python; raises `ArtifactError` when there is none or it is damaged."""
    blob = objects.read(POINTER)
    if blob is None:
        raise ArtifactError(f"{POINTER}: no model is published yet; run `venv/bin/marquee train`")
    return CachedRecommender(load_version(objects, Pointer.from_json(blob.data).version)[0])


class Serving:
    """Snapshot holder: the first request after `refresh_s` seconds starts a refresh in a thread of its own.

    That request waits for the refresh for half of the time that answers may take, which leaves the other half for what
    else it needs; requests that come meanwhile get the snapshot in memory.

    Parameters
    ----------
    refresh_s : seconds from a refresh to the next.
    deadline_s : seconds that an answer may take.
    first_s : seconds from the start of the first refresh, before which the snapshot is empty, that answers may take;
        `deadline_s` where that is more.
    calendar : local time of events until a model is published, which has its own.
    keys : source of the keys under which the ids of lists are signed, None as long as there are none; the same for no
        source.
    """

    def __init__(
        self,
        documents: Documents,
        objects: ObjectStore,
        *,
        refresh_s: float,
        deadline_s: float = 2.0,
        first_s: float = 10.0,
        calendar: Calendar | None = None,
        keys: Callable[[], Keys | None] | None = None,
    ) -> None:
        self._documents = documents
        self._objects = objects
        self._refresh_interval = timedelta(seconds=refresh_s)
        self._deadline_s = deadline_s
        # A deadline beyond twice that time would leave no time to wait for the first refresh.
        self._first_s = max(first_s, deadline_s)
        self._keys = keys
        self._lock = threading.Lock()
        self._refreshed_at: datetime | None = None
        self._first_until: float | None = None
        self._refreshing: threading.Thread | None = None
        self._is_late = False
        self._refused: dict[str, str] = {}
        self._refused_at = 0
        self._acquitted: set[str] = set()
        self._empty = CachedRecommender(Recommender.empty(calendar or Calendar()))
        self._snapshot = Snapshot(self._empty)

    def patience_s(self) -> float:
        """Seconds that an answer may take from now on."""
        if self._refreshed_at is not None:
            return self._deadline_s
        until = self._first_until
        return max(self._first_s if until is None else until - time.monotonic(), self._deadline_s)

    @property
    def version(self) -> str | None:
        """Version in service, None without a model; reads no store."""
        return self._snapshot.model_version

    @property
    def has_experiments(self) -> bool:
        """Whether any experiment is not over."""
        return bool(self._snapshot.experiments)

    def live_events(self, now: datetime) -> int:
        """Number of events in memory that could be in a list; reads no store."""
        return int(self._snapshot.recommender.catalog.live(now).sum())

    def suspend(self, version: str | None, error: Exception) -> Snapshot | None:
        """Snapshot that was in service, put aside because a request failed with `error`; None where it stays.

        The next request loads the version before it, as a starting instance does. A version is put aside once: one that
        `reinstate` has put back is not at fault.
        """
        with self._lock:
            suspended = self._snapshot
            if version is None or suspended.model_version != version or version in self._acquitted:
                return None
            _log.error("puts the model back, since a request failed: %s: %r", version, error)
            self._refused[version] = f"a request failed: {error!r}"
            self._snapshot = Snapshot(self._empty, generation=suspended.generation - 1, keys=suspended.keys)
            self._refreshed_at = None
            return suspended

    def reinstate(self, suspended: Snapshot) -> None:
        """Return of a suspended snapshot, since requests fail without its model, too."""
        version = suspended.model_version
        with self._lock:
            self._refused.pop(version or "", None)
            self._acquitted.add(version or "")
            self._snapshot = suspended

    def current(self, now: datetime) -> Snapshot:
        """Snapshot to answer with; starts a refresh if one is due, and adds `refresh` to `degraded` if it is late."""
        is_first = self._refreshed_at is None
        with self._lock:
            is_new = self._refreshing is None and self._is_due(now)
            if is_new:
                # A thread of its own, so that a store that hangs blocks the refresh but no request.
                self._refreshing = threading.Thread(target=self._refresh, args=(now,), daemon=True)
                self._refreshing.start()
                if self._first_until is None:
                    self._first_until = time.monotonic() + self._first_s
            refreshing = self._refreshing
        if refreshing is not None and (is_new or is_first):
            refreshing.join(self._wait_s(is_first=is_first))
        snapshot = self._snapshot
        if refreshing is not None and refreshing.is_alive() and (is_new or is_first or self._is_late):
            self._is_late = True
            return replace(snapshot, degraded=(*snapshot.degraded, "refresh"))
        return snapshot

    def _is_due(self, now: datetime) -> bool:
        """Whether a refresh is due: after its interval, and as soon as a clock that was ahead is put back."""
        last = self._refreshed_at
        return last is None or not last <= now < last + self._refresh_interval

    def _wait_s(self, *, is_first: bool) -> float:
        """Seconds to wait for a refresh, which leave some for the rest of the request."""
        if not is_first or self._first_until is None:
            return self._deadline_s / 2
        # All requests wait for the first refresh up to the same moment: one that hangs delays none that come later.
        return max(self._first_until - self._deadline_s / 2 - time.monotonic(), 0)

    def _refresh(self, now: datetime) -> None:
        try:
            snapshot = self._sound(now)
            if self._refreshed_at is not None:
                # Before requests can use it, except for the first snapshot, for which a request is waiting.
                for each in (snapshot, *snapshot.alternatives.values()):
                    each.model.prepare(now)
        except Exception:  # noqa: BLE001  # the edge of a thread: an error must not end the refreshes
            _log.exception("keeps the last good snapshot")
            snapshot = replace(self._snapshot, degraded=("refresh",))
        with self._lock:
            # A request may have put this version aside meanwhile.
            if snapshot.model_version not in self._refused:
                self._snapshot = snapshot
                self._refreshed_at = now
            self._refreshing = None
            self._is_late = False
        # Of the snapshot before, and of the requests since.
        give_back()

    def _sound(self, now: datetime) -> Snapshot:
        """Snapshot of the stores whose model, if it is a new one, passes the test of a training."""
        snapshot = self._updated(now)
        while (version := snapshot.model_version) and version != self.version:
            problem = self_test(snapshot.recommender, now)
            if not problem:
                break
            self._refuse(version, problem)
            snapshot = self._updated(now)
        return snapshot

    def _refuse(self, version: str, problem: str) -> None:
        _log.error("does not take model %s into service: %s", version, problem)
        self._refused[version] = problem

    def _updated(self, now: datetime) -> Snapshot:
        """Snapshot with what changed in the stores; parts that fail stay and are named in `degraded`."""
        snapshot = replace(self._snapshot, degraded=())
        if snapshot.read_until and snapshot.read_until > now - _OVERLAP:
            # The clock was ahead: what was written since the newest stamp would never be read.
            seen = snapshot.seen
            snapshot = replace(snapshot, read_until=seen and min(seen, now) - _OVERLAP)
        with ThreadPoolExecutor(1) as pool:
            # In parallel with the model's download, since the first use of the document store imports its library.
            rules = pool.submit(self._documents.rules.read)
            experiments = pool.submit(lambda: tuple(self._documents.experiments.ending_after(now)))
            keys = pool.submit(self._keys) if self._keys and snapshot.keys is None else None
            steps: tuple[tuple[str, Callable[[Snapshot, datetime], Snapshot]], ...] = (
                ("model", self._model),
                ("events", self._events),
                ("popularity", self._popularity),
                ("rules", lambda snapshot, _: replace(snapshot, rules=rules.result())),
                ("experiments", lambda snapshot, _: replace(snapshot, experiments=experiments.result())),
            )
            for part, step in steps:
                try:
                    snapshot = step(snapshot, now)
                except MarqueeError as error:
                    _log.warning("keeps the last good %s: %s", part, error.for_log())
                    snapshot = replace(snapshot, degraded=(*snapshot.degraded, part))
                except Exception:  # noqa: BLE001  # the edge of a thread: an error must not end the refreshes
                    _log.exception("keeps the last good %s", part)
                    snapshot = replace(snapshot, degraded=(*snapshot.degraded, part))
        if "events" in snapshot.degraded and self._snapshot.read_until is not None:
            # A newer model lacks cancellations since its training, which the model in service has.
            snapshot = replace(
                self._snapshot, rules=snapshot.rules, experiments=snapshot.experiments, degraded=snapshot.degraded
            )
        if keys is not None:
            snapshot = replace(snapshot, keys=_read(keys))
        if "events" not in snapshot.degraded and "popularity" not in snapshot.degraded:
            snapshot = replace(snapshot, read_until=_reached(now, snapshot.seen))
        return self._with_alternatives(snapshot, now)

    def _with_alternatives(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        """Snapshot with the models of variants, as of now; those that fail are left out, as `degraded` tells."""
        wanted = {variant.ranker() for each in snapshot.experiments for variant in each.variants}
        wanted |= {(POPULARITY, WEIGHTS[0]) for each in snapshot.experiments if each.holdout}
        made: dict[Ranker, Snapshot] = {}
        current = replace(snapshot, alternatives={})
        bases = {"": current, snapshot.model_version or "": current}
        degraded = snapshot.degraded
        for version in sorted({model for model, _ in wanted} - {POPULARITY, *bases}):
            try:
                made[version, WEIGHTS[0]] = bases[version] = self._version(snapshot, version, now)
            except Exception as error:  # noqa: BLE001  # the edge of a thread: an error must not end the refreshes
                reason = error.for_log() if isinstance(error, MarqueeError) else repr(error)
                _log.warning("leaves out the variants of model %s: %s", version, reason)
                degraded = tuple(dict.fromkeys((*degraded, "experiments")))
        for model, weights in sorted(wanted):
            base = bases.get("" if model == POPULARITY else model)
            if base is None or (model, weights) == ("", WEIGHTS[0]):
                continue
            scorer = MostPopular() if model == POPULARITY else base.recommender.scorer
            if isinstance(scorer, Blend) and weights != WEIGHTS[0]:
                scorer = scorer.hand_set
            before = self._snapshot.alternatives.get((model, weights))
            if scorer is base.recommender.scorer:
                made[model, weights] = base
            elif before is not None and before.model.base is base.model:
                made[model, weights] = replace(base, model=before.model)
            else:
                made[model, weights] = replace(base, model=base.model.with_scorer(scorer))
        return replace(snapshot, alternatives=made, degraded=degraded)

    def _version(self, snapshot: Snapshot, version: str, now: datetime) -> Snapshot:
        """State of a version that variants have, brought up to date as that in service is."""
        known = self._snapshot.alternatives.get((version, WEIGHTS[0]))
        if known is None:
            loaded = replace(snapshot, alternatives={}, experiments=())
            known = replace(self._with_version(loaded, version, now), rules=Rules(), degraded=())
            if problem := self_test(known.recommender, now):
                self._refuse(version, problem)
                raise ArtifactError(f"model {version}: {problem}")
        known = self._popularity(self._events(known, now), now)
        return replace(known, read_until=_reached(now, known.seen))

    def _model(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        blob = self._objects.read(POINTER)
        # A store may answer with an earlier pointer than before; generations grow with every write, rollbacks included.
        if blob is None or blob.generation <= snapshot.generation:
            return snapshot
        version = Pointer.from_json(blob.data).version
        if version == snapshot.model_version:
            return replace(snapshot, generation=blob.generation)
        if blob.generation != self._refused_at:
            # Somebody published or activated a version, perhaps one that was mended.
            self._refused, self._refused_at = {}, blob.generation
        try:
            return replace(self._with_version(snapshot, version, now), generation=blob.generation)
        except ArtifactError:
            # An instance with a model keeps it. Another takes the one before, which `generation` does not hide.
            stand_in = self._stand_in(snapshot, version, now) if snapshot.manifest is None else None
            if stand_in is None:
                raise
            _log.exception("serves %s in place of %s", stand_in.model_version, version)
            return replace(stand_in, degraded=(*stand_in.degraded, "model"))

    def _with_version(self, snapshot: Snapshot, version: str, now: datetime) -> Snapshot:
        if version in self._refused:
            raise ArtifactError(f"model {version}: {self._refused[version]}; roll back or train again")
        recommender, manifest = load_version(self._objects, version)
        # Events and counts newer than the model must be merged into it again.
        read_until = min(manifest.watermark, now) - _OVERLAP if manifest.watermark else None
        seen = _newest(snapshot.seen, manifest.watermark)
        model = CachedRecommender(recommender)
        return replace(snapshot, model=model, manifest=manifest, read_until=read_until, seen=seen)

    def _stand_in(self, snapshot: Snapshot, version: str, now: datetime) -> Snapshot | None:
        """Snapshot with one of the newest versions before `version`, None where none of them can be used."""
        for before in earlier_versions(self._objects, version)[:_STAND_INS]:
            try:
                return self._with_version(snapshot, before, now)
            except ArtifactError as error:
                _log.warning("cannot serve the version before either: %s", error)
        return None

    def _events(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        store = self._documents.events
        is_first = snapshot.read_until is None
        changed = list(store.live(now) if is_first else store.changed_since(snapshot.read_until))
        if not changed:
            return snapshot
        seen = _newest(snapshot.seen, *(event.updated_at for event in changed))
        return replace(snapshot, model=snapshot.model.with_events(changed), seen=seen)

    def _popularity(self, snapshot: Snapshot, now: datetime) -> Snapshot:
        counts = list(self._documents.counters.changed_since(snapshot.read_until))
        if not counts:
            return snapshot
        sums = {event_id: count.popularity for event_id, count, _ in counts}
        seen = _newest(snapshot.seen, *(updated_at for _, _, updated_at in counts))
        return replace(snapshot, model=snapshot.model.with_popularity(sums), seen=seen)


def _reached(now: datetime, seen: datetime | None) -> datetime:
    """Watermark after a reading at `now`: what was stamped earlier is known.

    At most the newest stamp, as the clock of this instance may be ahead of those that stamp changes.
    """
    settled = now - _OVERLAP
    return min(settled, seen + _TICK) if seen else settled


def _read(keys: Future[Keys | None]) -> Keys | None:
    """Keys of the deployment; None where they cannot be read, since a list whose id is not signed is as good."""
    try:
        return keys.result()
    except MarqueeError as error:
        _log.warning("does not sign the ids of lists: %s", error.for_log())
        return None


def _newest(*stamps: datetime | None) -> datetime | None:
    return max((stamp for stamp in stamps if stamp), default=None)
