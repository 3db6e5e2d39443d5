"""Pages of the site: what their heads preload."""

import os
import re
from pathlib import Path

import pytest

from tools.emulators.programs import ROOT

WEB = ROOT / "web"
_IMPORT = re.compile(r'^import\b[^;]*?"(\.[^"]+)"', re.MULTILINE)


def _imports(script: Path) -> set[Path]:
    """Modules that a module and its imports import, without those of other authors."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        module = waiting.pop()
        named = {Path(os.path.normpath(module.parent / name)) for name in _IMPORT.findall(module.read_text())}
        fresh = {path for path in named if path.parent.name != "vendor"} - found
        found |= fresh
        waiting += fresh
    return found


@pytest.mark.parametrize("name", ["index", "event", "mine"])
def test_a_page_preloads_all_modules_of_its_script_and_no_others(name: str) -> None:
    html = (WEB / f"{name}.html").read_text()
    [script] = re.findall(r'<script type="module" src="(site/\w+\.js)"', html)
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)"', html)
    assert preloaded == sorted(str(path.relative_to(WEB)) for path in _imports(WEB / script))
