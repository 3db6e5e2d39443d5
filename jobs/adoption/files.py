"""Changes of files: shown as diffs, and written together or not at all."""

import difflib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.adoption.errors import AdoptionError

STAGED: Final = ".marquee-new-"
"""Beginning of the names of new contents before they replace files; a run that is killed leaves them."""


@dataclass(frozen=True, slots=True)
class Change:
    """Change of a file.

    Attributes
    ----------
    path : path below the host's folder, with slashes.
    before, after : contents; None for no file.
    """

    path: str
    before: bytes | None
    after: bytes | None

    def diff(self) -> str:
        """Unified diff."""
        old, new = (content.decode(errors="replace") if content else "" for content in (self.before, self.after))
        names = (f"a/{self.path}" if self.before is not None else "/dev/null", f"b/{self.path}")
        lines = difflib.unified_diff(
            old.splitlines(keepends=True),
            new.splitlines(keepends=True),
            names[0],
            names[1] if self.after is not None else "/dev/null",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def read(root: Path, path: str) -> bytes | None:
    """Content of a file below `root`, None for no file; raises `AdoptionError` for a folder in its place."""
    try:
        return (root / path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AdoptionError(f"{path}: expected a file that can be read: {error.strerror}") from error


def write(root: Path, changes: Sequence[Change]) -> None:
    """Write changes below `root`; an error or an interruption leaves everything as it was.

    Raises `AdoptionError` if a file is not what the changes were made for, and for what the system refuses.
    """
    done: list[Change] = []
    try:
        with _staged(root, changes) as staged:
            for change, new in staged:
                if read(root, change.path) != change.before:
                    raise AdoptionError(f"{change.path}: it was changed meanwhile; run this again")
                done.append(change)
                if new:
                    new.replace(_target(root, change.path))
                else:
                    _target(root, change.path).unlink(missing_ok=True)
    except BaseException as error:
        for change in reversed(done):
            _restore(root, change)
        _remove_empty(root, [change.path for change in changes if change.before is None])
        if isinstance(error, OSError):
            raise AdoptionError(f"{error.filename}: {error.strerror}; nothing was changed") from error
        raise
    _remove_empty(root, [change.path for change in changes if change.after is None])


def remove_trees(root: Path, paths: Sequence[str]) -> None:
    """Remove files, and folders with all that they contain, below `root`, and then the folders above that are empty."""
    for path in paths:
        if (root / path).is_symlink() or (root / path).is_file():
            (root / path).unlink()
        else:
            shutil.rmtree(root / path, ignore_errors=True)
    _remove_empty(root, paths)


@contextmanager
def _staged(root: Path, changes: Sequence[Change]) -> Iterator[list[tuple[Change, Path | None]]]:
    """New contents in files beside those that they replace: what can fail fails before anything is replaced."""
    staged: list[tuple[Change, Path | None]] = []
    try:
        for change in changes:
            if change.after is None:
                staged.append((change, None))
                continue
            target = _target(root, change.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix=STAGED, dir=target.parent)
            staged.append((change, Path(name)))
            with os.fdopen(number, "wb") as file:
                file.write(change.after)
            mode = target.stat().st_mode if target.exists() else 0o666 & ~_umask()
            Path(name).chmod(mode & 0o7777)
        yield staged
    finally:
        for _, new in staged:
            if new:
                new.unlink(missing_ok=True)


def _restore(root: Path, change: Change) -> None:
    target = _target(root, change.path)
    if change.before is None:
        target.unlink(missing_ok=True)
    elif read(root, change.path) != change.before:
        target.write_bytes(change.before)


def _target(root: Path, path: str) -> Path:
    """File to replace: that of a link is replaced, not the link."""
    return (root / path).resolve()


def _remove_empty(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        for folder in (root / path).parents:
            if folder == root:
                break
            with suppress(OSError):
                folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
