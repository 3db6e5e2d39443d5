"""Sources of an adoption: the files of this project that a host's functions need, with the host's names."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jobs import render, securityrules
from jobs.adoption.edits import Adopted
from jobs.adoption.errors import AdoptionError
from jobs.adoption.files import STAGED
from jobs.adoption.hostconfig import FOLDER
from jobs.adoption.plan import LEFTOVERS
from shared.schema import FILE, Schema

ROOT: Final = Path(__file__).parents[2]
_SETTINGS: Final = Path(__file__).parent / "settings"
_SINGLE: Final = ("main.py", "requirements.txt", "LICENSE")
_PACKAGES: Final = ("functions", "shared")


def adopted(host: Path, *, root: Path = ROOT) -> Adopted:
    """Parts of Marquee for a host, by the host's `marquee/marquee.toml`, or by the one that it gets.

    Raises `SettingsError` for a file that cannot be used, and `AdoptionError` for one without a prefix.
    """
    settings = {
        FILE: (_SETTINGS / FILE).read_bytes(),
        ".env": (_SETTINGS / "deployed.env").read_bytes(),
        ".env.local": (root / ".env.local").read_bytes(),
    }
    given = host / FOLDER / FILE
    schema = Schema.parse((given.read_bytes() if given.is_file() else settings[FILE]).decode("utf-8-sig"))
    if not schema.functions.prefix:
        raise AdoptionError(
            f"{FOLDER}/{FILE}: expected a prefix under [functions], got none: without it, functions of the app "
            f'that are called api or event would be replaced; write prefix = "{FOLDER}"'
        )
    rendered = render.render(schema)
    code = {path: (root / path).read_bytes() for path in _paths(root)}
    code |= {name: rendered[name].encode() for name in (render.MANIFEST, render.INDEXES)}
    return Adopted(
        code=code,
        settings=settings,
        prefix=schema.functions.prefix,
        region=schema.functions.regions[0],
        database=schema.database,
        rules=securityrules.fragment(schema),
        indexes=json.loads(rendered[render.INDEXES]),
    )


def existing(host: Path) -> list[str]:
    """Paths below the folder of a host of all files that it has, without what is left there by runs.

    These are folders of running functions, and new contents of a command that was killed before they replaced anything.
    """
    folder = host / FOLDER
    if folder.is_symlink() or folder.is_file():
        raise AdoptionError(f"{FOLDER}: expected a folder or nothing, got a file or a link; move it away")
    found = []
    for path, folders, names in os.walk(folder):
        linked = [name for name in folders if (Path(path) / name).is_symlink() and name not in LEFTOVERS]
        kept = [name for name in names if not name.startswith(STAGED)]
        found += [(Path(path) / name).relative_to(folder).as_posix() for name in (*kept, *linked)]
        folders[:] = [name for name in folders if name not in LEFTOVERS]
    return sorted(found)


def leftovers(host: Path) -> list[str]:
    """Paths below `host` of what runs have left in its Marquee folder, see `existing`."""
    found = []
    for path, folders, names in os.walk(host / FOLDER):
        left = [name for name in folders if name in LEFTOVERS] + [name for name in names if name.startswith(STAGED)]
        found += [(Path(path) / name).relative_to(host).as_posix() for name in left]
        folders[:] = [name for name in folders if name not in LEFTOVERS]
    return found


def _paths(root: Path) -> Iterator[str]:
    """Files that a deployment uploads, whatever their kind: `functions/` has a page besides code."""
    yield from _SINGLE
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not any(part in LEFTOVERS or part.startswith(".") for part in parts):
                yield "/".join(parts)
