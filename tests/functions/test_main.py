"""Entry points in `main`: imports and startup of an instance."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import main

ROOT = Path(__file__).parents[2]
LATE = {
    *("pandas", "pyarrow", "sklearn", "matplotlib"),
    *("firebase_admin", "google.cloud.firestore", "google.cloud.storage"),
}


NAMES = ["api", "event", "interaction", "monitor", "retrain"]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_imports_no_heavy_module_and_no_other_function_without_environment(name: str) -> None:
    code = f"import json, sys, main; main.{name}; print(json.dumps([sorted(sys.modules), sorted(main.__all__)]))"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True
    )
    modules, names = json.loads(found.stdout)
    assert not LATE & set(modules)
    assert [loaded for loaded in NAMES if f"functions.{loaded}" in modules] == [name]
    assert names == NAMES
    assert found.stderr == ""


def test_main_has_only_the_functions() -> None:
    with pytest.raises(AttributeError, match="main has no 'serve', only api, event, interaction, monitor, retrain"):
        main.serve  # noqa: B018  # reading it is what fails


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FIRESTORE_EMULATOR_HOST", "localhost:8080"),
        ("FIREBASE_AUTH_EMULATOR_HOST", "localhost:9099"),
        ("STORAGE_EMULATOR_HOST", "http://localhost:4443"),
        ("MARQUEE_AUTH", "off"),
        ("MARQUEE_ORIGINS", "*"),
        ("MARQUEE_ORIGIN", "https://a.example"),
        ("MARQUEE_DOCUMENTS", "sqlite:documents.db"),
        ("FUNCTIONS_EMULATOR", "true"),
    ],
)
def test_google_cloud_does_not_start_with_settings_for_local_use(variable: str, value: str) -> None:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("MARQUEE_")}
    environ |= {"K_SERVICE": "api", "K_CONFIGURATION": "api", "GOOGLE_CLOUD_PROJECT": "city"}
    command = [sys.executable, "-c", "import main"]
    assert subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode == 0
    done = subprocess.run(
        command, cwd=ROOT, env=environ | {variable: value}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"SettingsError: {variable}" in done.stderr


def test_nothing_starts_anywhere_with_a_misspelt_setting() -> None:
    command = [sys.executable, "-c", "import main"]
    done = subprocess.run(command, cwd=ROOT, env={"MARQUEE-FRIENDS": "on"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "MARQUEE-FRIENDS: expected a known setting, got an unknown one; did you mean MARQUEE_FRIENDS?\n"
    )
