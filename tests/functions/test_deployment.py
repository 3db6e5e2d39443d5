import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, get_type_hints

import flask
import pytest
import yaml
from cloudevents.http import CloudEvent

import main
from functions.retrain import retrain
from functions.wiring import read_settings
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
ENDPOINTS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "functions.yaml").read_text())["endpoints"]
ARGUMENT = {"httpsTrigger": flask.Request, "scheduleTrigger": flask.Request, "eventTrigger": CloudEvent}

# Files that a working folder may contain besides the committed ones.
LITTER = (
    ".env",
    ".env.local",
    ".firebase/hosting.cache",
    ".git/HEAD",
    ".marquee/documents.db",
    ".mypy_cache/3.11/main.data.json",
    ".tools/node_modules/.bin/firebase",
    "benchmarks/cold_start.py",
    "firebase-debug.log",
    "firestore-debug.log",
    "functions/__pycache__/api.cpython-311.pyc",
    "jobs/__pycache__/load.cpython-311.pyc",
    "node_modules/left-pad/index.js",
    "package.json",
    "recs.csv",
    "rejected.csv",
    "tests/unit/test_deployment.py",
    "tools/emulators/suite.py",
    "venv/lib/python3.11/site-packages/flask/app.py",
)

IMPORT = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"import main opens a connection: {event} {arguments}")

sys.addaudithook(refuse)
import main
for name in main.__all__:
    getattr(main, name)
print(*sys.modules, sep="\\n")
"""


def test_every_entry_point_is_described_and_every_description_has_one() -> None:
    assert {endpoint["entryPoint"] for endpoint in ENDPOINTS.values()} == set(main.__all__)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_entry_point_has_the_signature_of_its_trigger(name: str) -> None:
    [trigger] = ARGUMENT.keys() & ENDPOINTS[name].keys()
    function = getattr(main, ENDPOINTS[name]["entryPoint"])
    [parameter] = inspect.signature(function).parameters
    assert get_type_hints(function)[parameter] is ARGUMENT[trigger]


def test_hosting_sends_api_calls_to_a_described_function() -> None:
    [rewrite] = _firebase_json()["hosting"]["rewrites"]
    assert rewrite["source"] == "/api/**"
    assert rewrite["function"]["region"] in ENDPOINTS[rewrite["function"]["functionId"]]["region"]


def test_every_file_named_by_the_deployment_exists() -> None:
    config = _firebase_json()
    named = [*config["firestore"].values(), config["storage"]["rules"], f"{config['hosting']['public']}/index.html"]
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_importing_main_is_light_and_opens_no_connection() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "functions.api" in loaded
    heavy = ("pandas", "pyarrow", "sklearn", "scipy", "google.cloud.", "firebase_admin", "grpc")
    assert [name for name in loaded if name.startswith(heavy)] == []


def test_an_import_that_opens_a_connection_is_detected() -> None:
    program = IMPORT.replace("import main", "import socket; socket.socket()")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "opens a connection" in done.stderr


def test_only_what_the_functions_need_is_uploaded() -> None:
    files = _files()
    code = {path for path in files if path.startswith(("functions/", "shared/")) and path.endswith(".py")}
    reference = {path for path in files if path.startswith("functions/reference/")}
    assert uploaded(LITTER) == code | reference | {
        "main.py",
        "requirements.txt",
        "functions.yaml",
        "marquee.toml",
        "functions/openapi.json",
    }


def test_the_functions_are_a_codebase_of_their_own() -> None:
    # The CLI offers to delete deployed functions of a codebase that its sources do not have: an app's, of `default`.
    [functions] = _firebase_json()["functions"]
    assert functions["codebase"] == "marquee"


def test_the_emulators_have_fixed_ports_of_their_own() -> None:
    emulators = dict(_firebase_json()["emulators"])
    ports = [
        emulator[name] for emulator in emulators.values() for name in ("port", "websocketPort") if name in emulator
    ]
    demo = re.search(r"^PORT \?= (\d+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert demo
    assert len({*ports, int(demo[1])}) == len(ports) + 1
    assert emulators.keys() >= {"auth", "firestore", "functions", "hosting", "hub", "logging", "pubsub", "ui"}


def test_the_emulators_train_and_serve_with_a_folder() -> None:
    lines = (ROOT / ".env.local").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    emulated = {"FUNCTIONS_EMULATOR": "true", "GCLOUD_PROJECT": "city", "FIRESTORE_EMULATOR_HOST": "localhost:8081"}
    settings = read_settings(given | emulated)
    assert settings.objects.startswith("folder:.marquee/")
    assert settings.objects != Settings().objects


def test_a_get_request_to_retrain_is_refused_without_training() -> None:
    with flask.Flask("test").test_request_context("/__/health", method="GET"):
        answer = retrain(flask.request)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def uploaded(others: Iterable[str] = ()) -> set[str]:
    """Files of this project, and of `others`, that the Firebase CLI uploads with the functions."""
    [functions] = _firebase_json()["functions"]
    return {path for path in [*_files(), *others] if not _is_ignored(path, functions["ignore"])}


def _files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    return listed.stdout.decode().split()


def _firebase_json() -> dict[str, Any]:
    return dict(json.loads((ROOT / "firebase.json").read_text()))


def _is_ignored(path: str, patterns: list[str]) -> bool:
    """Ignore rule of firebase-tools: a pattern without a slash matches any file or folder name (matchBase, dot)."""
    assert not any("/" in pattern for pattern in patterns)
    parts = PurePosixPath(path).parts
    return any(fnmatchcase(part, pattern) for part in parts for pattern in patterns)
