"""Reads the store, fits, evaluates on held-out time and publishes an immutable version, then moves the pointer."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from shared.analysis.holdout import evaluate, evaluate_ratings, latest_cutoff
from shared.entities import Event, Interaction, User
from shared.errors import Conflict
from shared.models.artifact import Manifest, describe, digest, pack
from shared.models.catalog import Catalog
from shared.models.interactions import InteractionTable
from shared.models.recommender import MODELS, Recommender
from shared.ports import Documents, ObjectStore

HOLDOUT_SHARE: Final = 0.2
POINTER: Final = "models/current.json"

Progress = Callable[[str], None]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything that training reads."""

    events: tuple[Event, ...]
    users: dict[str, User]
    interactions: tuple[Interaction, ...]

    def watermark(self) -> datetime | None:
        """The newest time at which a store wrote any of it; None when the store says none."""
        times: list[datetime | None] = [one.recorded_at for one in self.interactions]
        times += [event.updated_at for event in self.events]
        return max((time for time in times if time), default=None)


def read(documents: Documents, progress: Progress) -> Dataset:
    """Read all documents, telling `progress` as they come in."""
    events = _collect(documents.events.changed_since(None), "events", progress)
    users = _collect(documents.users.changed_since(None), "users", progress)
    interactions = _collect(documents.interactions.since(None), "interactions", progress)
    return Dataset(tuple(events), {user.user_id: user for user in users}, tuple(interactions))


def _collect(items: Iterable[_Item], what: str, progress: Progress) -> list[_Item]:
    collected: list[_Item] = []
    for item in items:
        collected.append(item)
        if len(collected) % 20_000 == 0:
            progress(f"read {len(collected):,} {what} so far")
    progress(f"read {len(collected):,} {what}")
    return collected


def fit(
    data: Dataset, *, model: str, now: datetime, half_life_days: float
) -> tuple[Recommender, Catalog, InteractionTable]:
    """Train one model on everything in `data` that occurred before `now`."""
    catalog = Catalog.of(data.events, mentioned=(one.event_id for one in data.interactions if one.event_id))
    table = InteractionTable.of(data.interactions, catalog).before(now)
    return (
        Recommender.fit(model, table, catalog, data.users, now=now, half_life_days=half_life_days),
        catalog,
        table,
    )


def judge(
    table: InteractionTable, catalog: Catalog, users: dict[str, User], *, half_life_days: float
) -> dict[str, dict[str, float]]:
    """Metrics of every model on the latest part of the data, each trained on the part before."""
    metrics: dict[str, dict[str, float]] = {}
    cutoff = latest_cutoff(table, share=HOLDOUT_SHARE)
    if cutoff is not None:
        past = table.before(cutoff)
        rivals = {
            name: Recommender.fit(name, past, catalog, users, now=cutoff, half_life_days=half_life_days)
            for name in MODELS
        }
        metrics = evaluate(rivals, table, catalog, users, cutoff=cutoff)
    ratings = evaluate_ratings(table, len(catalog), share=HOLDOUT_SHARE)
    return metrics | ({"ratings": ratings} if ratings["ratings"] else {})


def publish(objects: ObjectStore, manifest: Manifest, data: bytes) -> bool:
    """Write a version that nobody can see yet, then point to it.

    Returns False when the pointer already names a newer version: whoever trained later keeps the last word.
    """
    folder = f"models/{manifest.version}"
    objects.write(f"{folder}/model.npz", data, generation=0)
    objects.write(f"{folder}/manifest.json", manifest.to_json(), generation=0)
    pointer = json.dumps({"version": manifest.version}).encode()
    for _ in range(10):
        current = objects.read(POINTER)
        if current and _version(current.data) > manifest.version:
            return False
        try:
            objects.write(POINTER, pointer, generation=current.generation if current else 0)
        except Conflict:
            continue
        return True
    raise Conflict(f"{POINTER}: lost against other writers ten times; train again when they are done")


def _version(pointer: bytes) -> str:
    try:
        return str(json.loads(pointer)["version"])
    except (ValueError, KeyError, TypeError):
        # A damaged pointer yields to any version, so that training mends it.
        return ""


def train(
    documents: Documents,
    objects: ObjectStore,
    *,
    model: str,
    now: datetime,
    suffix: str,
    half_life_days: float,
    progress: Progress,
) -> Manifest:
    """Train `model` on the store as it is, evaluate it beside its rivals, and publish it.

    `suffix` tells apart versions that are trained in the same second.
    """
    data = read(documents, progress)
    newest = data.watermark()
    # What was written while this read may have been missed, so nothing later than its start counts as seen.
    watermark = newest and min(newest, now)
    progress(f"fit {model}")
    recommender, catalog, table = fit(data, model=model, now=now, half_life_days=half_life_days)
    progress(f"evaluate on the latest {HOLDOUT_SHARE:.0%} of bookings, saves and attendances")
    metrics = judge(table, catalog, data.users, half_life_days=half_life_days)
    arrays = recommender.to_arrays()
    packed = pack(arrays)
    manifest = Manifest(
        version=f"{now:%Y%m%dT%H%M%SZ}-{suffix}",
        model=model,
        trained_at=now,
        watermark=watermark,
        sha256=digest(packed),
        arrays=describe(arrays),
        counts={"events": len(data.events), "users": len(data.users), "interactions": len(data.interactions)},
        metrics=metrics,
        details=recommender.scorer.report(),
    )
    is_current = publish(objects, manifest, packed)
    progress(f"published {manifest.version}" if is_current else f"{manifest.version} yields to a newer version")
    return manifest
