"""Object store on a folder: objects are files, with generations as in Cloud Storage."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from shared.adapters.objects.names import check_name, check_prefix
from shared.errors import Conflict, SettingsError, StoreUnavailable
from shared.ports import Blob, ObjectStore, remaining_s

_NS_PER_GENERATION = 1_000
_LOCK_S = 10.0
"""Seconds for which another process may hold the lock: it writes one object meanwhile."""
_RETRY_S = 0.005
_PARTIAL = ".partial-"
_OLD_S = 3_600.0
"""Age at which a temporary file is that of a process which was killed: no write takes an hour."""


class FolderObjects:
    """Object store (`ObjectStore`) on a folder, safe between threads and processes of a machine.

    An object's generation is its file's modification time in microseconds. It is set before the file gets its name, so
    the bytes and the generation of an opened file always belong together, and readers need no lock.

    Parameters
    ----------
    root : an existing folder on a file system that keeps microseconds.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root).resolve()

    def read(self, name: str) -> Blob | None:
        """Object by name, None for a missing object."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                return Blob(file.read(), _generation(os.fstat(file.fileno())))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error}") from error

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        """Conditional write: only if the generation is still `generation`; 0 means that the object must not exist.

        Returns the new generation; raises `Conflict` when another writer was first.
        """
        path = self._path(name)
        with self._unavailable(path), self._partial(data) as partial, self._locked():
            current = _generation(path.stat()) if path.exists() else 0
            if current != generation:
                raise Conflict(f"{name}: expected generation {generation}, got {current}")
            written = max(time.time_ns() // _NS_PER_GENERATION, current + 1)
            os.utime(partial, ns=(written * _NS_PER_GENERATION,) * 2)
            if _generation(partial.stat()) != written:
                raise StoreUnavailable(f"{self._root}: this file system keeps no microseconds; use another folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(path)
        return written

    def names(self, prefix: str) -> list[str]:
        """Object names that begin with `prefix`, sorted."""
        folder = self._root / check_prefix(prefix).rpartition("/")[0]
        paths = (path.relative_to(self._root) for path in folder.rglob("*") if path.is_file())
        return sorted(
            path.as_posix()
            for path in paths
            if path.as_posix().startswith(prefix) and not any(part.startswith(".") for part in path.parts)
        )

    def delete(self, name: str) -> None:
        """Delete an object; a missing object is no error."""
        path = self._path(name)
        with self._unavailable(path), self._locked(), suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    @contextmanager
    def _unavailable(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(f"{path}: {error}") from error

    @contextmanager
    def _partial(self, data: bytes) -> Iterator[Path]:
        """Temporary file with these bytes, synced to the disk; deleted at the end of the block unless moved."""
        descriptor, name = tempfile.mkstemp(dir=self._root, prefix=_PARTIAL)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        give_up = time.monotonic() + remaining_s(_LOCK_S)
        # A flock belongs to the opened file, so it also excludes other threads; closing releases it.
        with (self._root / ".lock").open("w") as file:
            while not _took(file):
                if time.monotonic() >= give_up:
                    raise StoreUnavailable(f"{self._root}: another process holds its lock and does not go on")
                time.sleep(_RETRY_S)
            yield


def _took(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _generation(status: os.stat_result) -> int:
    return status.st_mtime_ns // _NS_PER_GENERATION


def open_store(path: str) -> ObjectStore:
    """Object store in the folder `path`, which is created where it is missing; raises `SettingsError` if it cannot.

    Temporary files that killed processes left there are deleted.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"folder:{path}: expected a folder, or a path at which one can be made: {error}") from error
    _sweep(Path(path))
    return FolderObjects(path)


def _sweep(root: Path) -> None:
    """Deletion of temporary files that killed processes left."""
    for left in root.glob(f"{_PARTIAL}*"):
        # Another process may be deleting it, or may own a folder that this one only reads.
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _OLD_S:
                left.unlink()
