"""Vendoring of the Firebase SDK for the site: its app and authentication modules, `python -m tools.vendor_firebase`.

npm has them as they are on Google's servers, where one imports the other by its address. Here that import is local, so
that no visitor asks another host for a script.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.emulators.programs import ROOT

VERSION: Final = "12.19.0"
FOLDER: Final = ROOT / "web" / "vendor"
MODULES: Final = ("firebase-app.js", "firebase-auth.js")
_REMOTE: Final = re.compile(r'"https://www\.gstatic\.com/firebasejs/[^"/]+/(firebase-app\.js)"')
_MAP: Final = re.compile(r"^//# sourceMappingURL=.*\n?", re.MULTILINE)


def localized(script: str) -> str:
    """Module that imports from its own folder, without the address of a source map that is not vendored.

    >>> localized('import{a}from"https://www.gstatic.com/firebasejs/1.2.3/firebase-app.js";')
    'import{a}from"./firebase-app.js";'
    """
    return _MAP.sub("", _REMOTE.sub(r'"./\1"', script))


def packed(package: str, names: Iterable[str]) -> dict[str, bytes]:
    """Files of a package of npm by name, as it was published; raises `FileNotFoundError` for one that is not in it.

    Parameters
    ----------
    package : name and version, such as `firebase@12.0.0`.
    """
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", package, "--silent", "--pack-destination", folder], check=True)
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as opened:
            members = {member.name: member for member in opened.getmembers() if member.isfile()}
            found = {}
            for name in names:
                if (member := members.get(f"package/{name}")) is None or (file := opened.extractfile(member)) is None:
                    raise FileNotFoundError(f"expected a file {name} in {archive.name}")
                found[name] = file.read()
    return found


def main() -> int:
    """Vendor both modules in the version that is pinned here; returns the exit status."""
    for name, data in packed(f"firebase@{VERSION}", MODULES).items():
        (FOLDER / name).write_text(localized(data.decode()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
