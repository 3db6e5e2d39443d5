"""Scratch folders: temporary files that are deleted however their process ends, by the next one at the latest."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_YOUNG_S: Final = 60.0
"""Age below which a folder may not have been locked yet by the process that made it."""


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """Empty folder in the system's folder for temporary files, deleted after the block.

    A process that is killed cannot delete its own. The kernel releases its lock then, by which the next process with
    the same `prefix` knows that nobody needs the folder.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _delete_if_unused(left)
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(folder)
        finally:
            os.close(descriptor)


def _delete_if_unused(folder: Path) -> None:
    # Folders of other users cannot be opened, and links lead elsewhere: neither was left by a process like this one.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if time.time() - os.fstat(descriptor).st_mtime > _YOUNG_S:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        finally:
            os.close(descriptor)
