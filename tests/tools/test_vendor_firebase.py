"""Vendored Firebase SDK: of the pinned version, and importing from nowhere else."""

import re

import pytest

from tools.vendor_firebase import FOLDER, MODULES, VERSION, localized


@pytest.mark.parametrize("name", MODULES)
def test_a_vendored_module_is_as_the_script_leaves_it_and_imports_only_its_neighbour(name: str) -> None:
    script = (FOLDER / name).read_text(encoding="utf-8")
    assert localized(script) == script
    imports = set(re.findall(r'(?:\bfrom|\bimport)\s*\(?"([^"]+)"', script))
    assert imports <= {f"./{other}" for other in MODULES}
    assert (FOLDER / "LICENSE.txt").is_file()


def test_the_vendored_version_is_the_pinned_one() -> None:
    assert f'"{VERSION}"' in (FOLDER / MODULES[0]).read_text(encoding="utf-8")
