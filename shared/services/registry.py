"""Published versions of models: published versions, the pointer to the version in service, rollback and pruning.

A version is an immutable folder of artifact and manifest. The pointer names the version in service and moves by
compare-and-swap: forward when a training publishes, or to any kept version when a person activates it.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

from shared.entities import fields
from shared.entities.stored import read_object
from shared.errors import ArtifactError, Conflict, NotFound
from shared.models.artifact import Manifest, unpack
from shared.ports import Blob, ObjectStore
from shared.ranking.recommender import Recommender

POINTER: Final = "models/current.json"
FOLDER: Final = "models/"
KEPT: Final = 10
"""Newest versions that `prune` keeps, to which a rollback can return."""

_BYTES_PER_MB: Final = 1e6
_ATTEMPTS: Final = 10
"""Compare-and-swap attempts before a pointer move gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Pointer to the version in service, stored as `models/current.json`.

    Attributes
    ----------
    version : version in service.
    newest : newest version that was ever in service; a training publishes only a newer one, so no model trained before
        a rollback undoes it.
    activated_at : time of a manual activation; None when a training published the version.
    is_held : True to block publishing until a version is activated without a hold.
    """

    version: str
    newest: str
    activated_at: datetime | None = None
    is_held: bool = False

    def to_json(self) -> bytes:
        """Pointer as JSON, the stored form."""
        return json.dumps(asdict(self), default=datetime.isoformat).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Pointer from its stored JSON; raises `ArtifactError` when it names no version."""
        return read_object(data, POINTER, cls._from_document, remedy="activate a version or train again")

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        version = fields.identifier(document, "version")
        return cls(
            version=version,
            newest=max(version, fields.identifier(document, "newest", required=False)),
            activated_at=fields.time(document, "activated_at"),
            is_held=fields.flag(document, "is_held"),
        )


@dataclass(frozen=True, slots=True)
class Version:
    """Published version, as listed for a rollback.

    Attributes
    ----------
    version : name of the version; names sort by time of training.
    model : name of the model in `MODELS`.
    is_current : True for the version in service.
    is_held : True for the version in service where no training may replace it.
    size_mb : size of its arrays in memory, MB.
    counts : numbers of events, users and interactions that it was trained on.
    metrics : its accuracy on the holdout, by metric; empty where it was not measured.
    """

    version: str
    model: str
    trained_at: datetime
    is_current: bool
    is_held: bool
    size_mb: float
    counts: Mapping[str, int]
    metrics: Mapping[str, float]


def read_manifest(objects: ObjectStore, version: str) -> Manifest:
    """Manifest of a version; raises `NotFound` if there is none and `ArtifactError` if it cannot be read."""
    blob = objects.read(f"{FOLDER}{version}/manifest.json")
    if blob is None:
        raise NotFound(f"version: expected a published one, got {version!r}")
    return Manifest.from_json(blob.data, f"{FOLDER}{version}/manifest.json")


def load_version(objects: ObjectStore, version: str) -> tuple[Recommender, Manifest]:
    """Model and manifest of a version; raises `ArtifactError` naming what is missing or differs from the manifest."""
    folder = f"{FOLDER}{version}"
    manifest_blob, arrays_blob = objects.read(f"{folder}/manifest.json"), objects.read(f"{folder}/model.npz")
    if manifest_blob is None or arrays_blob is None:
        raise ArtifactError(f"{folder}: expected manifest.json and model.npz, one is missing; roll back or train again")
    manifest = Manifest.from_json(manifest_blob.data, f"{folder}/manifest.json")
    return Recommender.from_arrays(manifest.model, unpack(arrays_blob.data, manifest)), manifest


def versions(objects: ObjectStore) -> list[Version]:
    """Published versions, newest first; those with an unreadable manifest are left out.

    None of them is current where the pointer cannot be read, so that one of them can be chosen to be activated.
    """
    pointer = _readable(objects.read(POINTER))
    published = []
    for name in _stored(objects):
        try:
            manifest = read_manifest(objects, name)
        except ArtifactError:
            continue
        is_current = pointer is not None and pointer.version == name
        published.append(
            Version(
                name,
                manifest.model,
                manifest.trained_at,
                is_current=is_current,
                is_held=is_current and pointer is not None and pointer.is_held,
                size_mb=round(manifest.size_bytes() / _BYTES_PER_MB, 3),
                counts=manifest.counts,
                metrics=manifest.metrics.get(manifest.model, {}),
            )
        )
    return published


def publish(
    objects: ObjectStore, manifest: Manifest, data: bytes, *, began: datetime, uploaded: Callable[[], None]
) -> str:
    """Publish a version: upload its artifact and manifest, then move the pointer to it.

    Parameters
    ----------
    data : the artifact, see `artifact.pack`.
    began : start of the training; a manual activation since then wins.
    uploaded : called after the upload, before the pointer moves.

    Returns
    -------
    reason : "" if the version is in service, else why the pointer did not move: a newer version, a manual activation
        since `began`, or a hold.
    """
    folder = f"{FOLDER}{manifest.version}"
    objects.write(f"{folder}/model.npz", data, generation=0)
    objects.write(f"{folder}/manifest.json", manifest.to_json(), generation=0)
    uploaded()

    def move(current: Pointer | None) -> Pointer | str:
        if current is not None:
            if current.is_held:
                return f"{current.version} is held by hand"
            if current.activated_at and current.activated_at >= began:
                return f"{current.version} was activated by hand after this training began"
            # A name of no version must not keep trainings from publishing.
            if current.newest > manifest.version and current.newest in _stored(objects):
                return f"{current.newest} is newer"
        return Pointer(version=manifest.version, newest=manifest.version)

    moved = _move(objects, move)
    return moved if isinstance(moved, str) else ""


def activate(objects: ObjectStore, version: str, *, now: datetime, hold: bool = False) -> Pointer:
    """Manual activation of a kept version, such as a rollback.

    Trainings that began earlier cannot publish over it. One that begins later can, if its model passes the gate against
    this version, unless the version is held.

    Raises `NotFound` for an unknown version and `Conflict` for one that cannot serve.

    Parameters
    ----------
    hold : True to block publishing until a version is activated without a hold.
    """
    fields.identifier({"version": version}, "version")
    try:
        read_manifest(objects, version)
        load_version(objects, version)
    except ArtifactError as error:
        raise Conflict(f"version {version} cannot serve: {error}") from error

    def move(current: Pointer | None) -> Pointer | str:
        newest = max(version, current.newest if current else "")
        return Pointer(version=version, newest=newest, activated_at=now, is_held=hold)

    moved = _move(objects, move)
    if isinstance(moved, str):
        raise Conflict(moved)
    return moved


def prune(objects: ObjectStore, *, named: Callable[[], Collection[str]] = tuple) -> list[str]:
    """Pruning: delete all versions but the newest `KEPT` and the one in service, and older leftovers of killed runs.

    Returns the names of the deleted folders, sorted.

    Parameters
    ----------
    named : gives versions that are kept as well, since experiments name them; asked only if any would be deleted.
    """
    blob = objects.read(POINTER)
    if blob is None:
        return []
    current = Pointer.from_json(blob.data)
    kept = {current.version, *_stored(objects)[:KEPT]}
    folders = {name.split("/")[1] for name in objects.names(FOLDER) if name.count("/") > 1}
    # A folder newer than every published version belongs to a run that may still be uploading.
    old = {folder for folder in folders - kept if folder < current.newest}
    pruned = sorted(old.difference(named())) if old else []
    for folder in pruned:
        # The manifest first: if this is interrupted, a folder without one is not listed as a version.
        objects.delete(f"{FOLDER}{folder}/manifest.json")
        objects.delete(f"{FOLDER}{folder}/model.npz")
    return pruned


def earlier_versions(objects: ObjectStore, version: str) -> list[str]:
    """Names of the stored versions that were trained before `version`, newest first."""
    return [name for name in _stored(objects) if name < version]


def _stored(objects: ObjectStore) -> list[str]:
    """Versions that have a manifest, by name, newest first."""
    ending = "/manifest.json"
    names = [name for name in objects.names(FOLDER) if name.endswith(ending)]
    return sorted((name[len(FOLDER) : -len(ending)] for name in names), reverse=True)


def _move(objects: ObjectStore, decide: Callable[[Pointer | None], Pointer | str]) -> Pointer | str:
    """Compare-and-swap of the pointer to that which `decide` returns; a text from `decide` leaves it unchanged."""
    for _ in range(_ATTEMPTS):
        current = objects.read(POINTER)
        decision = decide(_readable(current))
        if isinstance(decision, str):
            return decision
        try:
            objects.write(POINTER, decision.to_json(), generation=current.generation if current else 0)
        except Conflict:
            continue
        return decision
    raise Conflict(f"{POINTER}: lost against other writers ten times; train again when they are done")


def _readable(blob: Blob | None) -> Pointer | None:
    try:
        return Pointer.from_json(blob.data) if blob else None
    except ArtifactError:
        # A damaged pointer counts as none, so that the next training or activation replaces it.
        return None
