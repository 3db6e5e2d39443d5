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


def test_the_guide_names_functions_that_the_backend_has() -> None:
    guide = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
    _, _, part = guide.partition("Adapt `web/backend.js` where your deployment differs:")
    table = part.partition("\nAn event's own")[0]
    defined = set(re.findall(r"\b(?:function|const) (\w+)", (WEB / "backend.js").read_text(encoding="utf-8")))
    named = set(re.findall(r"in `(\w+)`|and `(\w+)`|from `(\w+)`|end of `(\w+)`|`(\w+)` takes|as `(\w+)`", table))
    assert {name for names in named for name in names if name} <= defined
    assert len(named) > 4
