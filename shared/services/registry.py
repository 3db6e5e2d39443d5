"""Published models: which there are, which one serves, and how the pointer moves.

A version is a folder that never changes. The pointer names the one in service and moves by compare-and-swap:
forward when a training publishes, and to any kept version when somebody says so.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Self

from shared.entities import fields
from shared.errors import ArtifactError, Conflict, InvalidField, NotFound
from shared.models.artifact import Manifest, unpack
from shared.ports import Blob, ObjectStore
from shared.ranking.recommender import Recommender

POINTER: Final = "models/current.json"
FOLDER: Final = "models/"
KEPT: Final = 10
_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What `models/current.json` says.

    Attributes
    ----------
    version : the model in service.
    newest : the newest version that ever was; a training publishes only what is newer still, so a rollback stands
        against everything trained before it.
    activated_at : when somebody chose this version by hand; None when a training published it.
    is_held : whether trainings leave the pointer alone until somebody activates a version without holding it.
    """

    version: str
    newest: str
    activated_at: datetime | None = None
    is_held: bool = False

    def to_json(self) -> bytes:
        """As stored."""
        return json.dumps(asdict(self), default=datetime.isoformat).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse a stored pointer; raises `ArtifactError` when it names no version."""
        try:
            document = json.loads(data)
            version = str(document["version"])
            return cls(
                version=version,
                newest=max(version, str(document.get("newest", ""))),
                activated_at=fields.time(document, "activated_at"),
                is_held=document.get("is_held") is True,
            )
        except (ValueError, KeyError, TypeError, AttributeError, InvalidField) as error:
            raise ArtifactError(f"{POINTER}: expected a JSON object with a version, got {data[:80]!r}") from error


@dataclass(frozen=True, slots=True)
class Version:
    """A model that can be activated."""

    version: str
    model: str
    trained_at: datetime
    is_current: bool


def read_manifest(objects: ObjectStore, version: str) -> Manifest:
    """The manifest of a version; raises `NotFound` or `ArtifactError`."""
    blob = objects.read(f"{FOLDER}{version}/manifest.json")
    if blob is None:
        raise NotFound(f"version: expected a published one, got {version!r}")
    return Manifest.from_json(blob.data)


def load_version(objects: ObjectStore, version: str) -> tuple[Recommender, Manifest]:
    """A version's model, checked against its manifest; raises `ArtifactError` saying what is wrong with it."""
    folder = f"{FOLDER}{version}"
    manifest_blob, arrays_blob = objects.read(f"{folder}/manifest.json"), objects.read(f"{folder}/model.npz")
    if manifest_blob is None or arrays_blob is None:
        raise ArtifactError(f"{folder}: expected manifest.json and model.npz, one is missing; roll back or train again")
    manifest = Manifest.from_json(manifest_blob.data)
    return Recommender.from_arrays(manifest.model, unpack(arrays_blob.data, manifest)), manifest


def versions(objects: ObjectStore) -> list[Version]:
    """The models that can be activated, newest first; unreadable ones are left out."""
    blob = objects.read(POINTER)
    current = Pointer.from_json(blob.data).version if blob else ""
    found = []
    for name in _stored(objects):
        try:
            manifest = read_manifest(objects, name)
        except ArtifactError:
            continue
        found.append(Version(name, manifest.model, manifest.trained_at, name == current))
    return found


def publish(
    objects: ObjectStore, manifest: Manifest, data: bytes, *, began: datetime, uploaded: Callable[[], None]
) -> str:
    """Store a version that nobody can see yet, then point to it.

    Returns "" when it serves now, else why it yields: to a newer version, to somebody's choice made since the
    training `began`, or to a version that is held. `uploaded` is called between the two.
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
            if current.newest > manifest.version:
                return f"{current.newest} is newer"
        return Pointer(version=manifest.version, newest=manifest.version)

    moved = _move(objects, move)
    return moved if isinstance(moved, str) else ""


def activate(objects: ObjectStore, version: str, *, now: datetime, hold: bool = False) -> Pointer:
    """Put a kept version into service; raises `NotFound` without it and `Conflict` when it cannot serve.

    Trainings that began earlier do not undo it; one that begins later may publish what passes the gate against this
    version, unless it is held.
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


def prune(objects: ObjectStore) -> list[str]:
    """Delete all but the newest `KEPT` versions and the one in service, and what killed runs left before those."""
    blob = objects.read(POINTER)
    if blob is None:
        return []
    current = Pointer.from_json(blob.data)
    kept = {current.version, *_stored(objects)[:KEPT]}
    folders = {name.split("/")[1] for name in objects.names(FOLDER) if name.count("/") > 1}
    # A folder newer than every published version belongs to a run that may still be at it.
    gone = sorted(folder for folder in folders - kept if folder < current.newest)
    for folder in gone:
        # The manifest first: without it the rest is no version, whenever this is interrupted.
        objects.delete(f"{FOLDER}{folder}/manifest.json")
        objects.delete(f"{FOLDER}{folder}/model.npz")
    return gone


def _stored(objects: ObjectStore) -> list[str]:
    """Names of the versions that have a manifest, newest first."""
    ending = "/manifest.json"
    names = [name for name in objects.names(FOLDER) if name.endswith(ending)]
    return sorted((name[len(FOLDER) : -len(ending)] for name in names), reverse=True)


def _move(objects: ObjectStore, decide: Callable[[Pointer | None], Pointer | str]) -> Pointer | str:
    for _ in range(_ATTEMPTS):
        current = objects.read(POINTER)
        decided = decide(_readable(current))
        if isinstance(decided, str):
            return decided
        try:
            objects.write(POINTER, decided.to_json(), generation=current.generation if current else 0)
        except Conflict:
            continue
        return decided
    raise Conflict(f"{POINTER}: lost against other writers ten times; train again when they are done")


def _readable(blob: Blob | None) -> Pointer | None:
    try:
        return Pointer.from_json(blob.data) if blob else None
    except ArtifactError:
        # A damaged pointer yields to any version, so that training mends it.
        return None
