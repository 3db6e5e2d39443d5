"""Vendored chart library: of the pinned version, with its licence, and importing from nowhere."""

import re

from tools.vendor_firebase import FOLDER
from tools.vendor_uplot import FILES, VERSION


def test_the_vendored_charts_are_of_the_pinned_version_with_their_licence_and_import_nothing() -> None:
    script = (FOLDER / "uplot.js").read_text(encoding="utf-8")
    assert f"(v{VERSION})" in script
    assert not re.search(r"^\s*import\b|\bimport\(", script, re.MULTILINE)
    assert "MIT License" in (FOLDER / "uplot-LICENSE.txt").read_text(encoding="utf-8")
    assert all((FOLDER / name).is_file() for name in FILES.values())
