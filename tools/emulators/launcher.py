"""Launcher jars, which start another jar that does not name its main class."""

import zipfile
from pathlib import Path

_LINE_BYTES = 72


def write_launcher(to: Path, jar: Path, *, main_class: str) -> None:
    """Write a launcher jar to `to`, which contains only a manifest: start `main_class` of `jar`."""
    headers = {"Manifest-Version": "1.0", "Main-Class": main_class, "Class-Path": jar.resolve().as_uri()}
    manifest = "".join(f"{_wrapped(f'{name}: {value}')}\r\n" for name, value in headers.items())
    with zipfile.ZipFile(to, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", manifest)


def _wrapped(header: str) -> str:
    """Manifest header in lines of at most 72 bytes, each but the first beginning with a space, as the format requires.

    >>> _wrapped("Class-Path: " + "x" * 70).splitlines()[1]
    ' xxxxxxxxxx'
    """
    first, rest = header[:_LINE_BYTES], header[_LINE_BYTES:]
    parts = [rest[at : at + _LINE_BYTES - 1] for at in range(0, len(rest), _LINE_BYTES - 1)]
    return "\r\n ".join([first, *parts])
