"""Project folder for a run of the Firebase CLI: links to the sources, with its own ports and settings."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.emulators import programs
from tools.emulators.firestore import MAIN_CLASS
from tools.emulators.launcher import write_launcher

_CREDENTIALS = ("GOOGLE_APPLICATION_CREDENTIALS", "FIREBASE_TOKEN")
# Files that firebase.json names, and the source files of the functions.
_SOURCES = (
    *("main.py", "functions", "shared", "requirements.txt", "functions.yaml", "marquee.toml", "venv", "web"),
    *("firestore.rules", "firestore.indexes.json", "storage.rules"),
)


def write_project(folder: Path, ports: Mapping[str, int], *, with_ui: bool = False) -> None:
    """Write a project to `folder` with all ports given, since the Firebase CLI avoids only some ports in use."""
    for name in _SOURCES:
        (folder / name).symlink_to(programs.ROOT / name)
    config = json.loads((programs.ROOT / "firebase.json").read_text())
    emulators: dict[str, Any] = {name: {"host": "127.0.0.1", "port": port} for name, port in ports.items()}
    emulators["firestore"]["websocketPort"] = emulators.pop("websocket")["port"]
    emulators["ui"] = {**emulators.get("ui", {}), "enabled": with_ui}
    config["emulators"] = emulators
    (folder / "firebase.json").write_text(json.dumps(config))


def environ(own: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of the Firebase CLI and of the functions that it starts.

    The CLI keeps its own files in the folder `own` and finds no credentials. Its emulators are those of the Google
    Cloud CLI; without it, the Firebase CLI downloads its own.
    """
    # The message of the day counts as fetched, so that the CLI does not request it.
    fetched = {"motd": {"fetched": int((time.time() + 86_400) * 1000)}}
    (own / "configstore").mkdir(parents=True)
    (own / "configstore" / "firebase-tools.json").write_text(json.dumps(fetched))
    return {
        **{name: value for name, value in os.environ.items() if name not in _CREDENTIALS},
        **_binaries(own),
        **settings,
        "XDG_CONFIG_HOME": str(own),
        "TMPDIR": str(own),
        "NO_UPDATE_NOTIFIER": "1",
        # Each concurrent call has its own process with its own model; fifty are too many for a laptop.
        "FUNCTIONS_EMULATOR_PARALLEL": "4",
    }


def _binaries(folder: Path) -> dict[str, str]:
    try:
        jar = programs.firestore_jar()
    except programs.ProgramMissing:
        return {}
    launcher = folder / "firestore.jar"
    write_launcher(launcher, jar, main_class=MAIN_CLASS)
    binaries = {"FIRESTORE_EMULATOR_BINARY_PATH": str(launcher)}
    if pubsub := programs.pubsub_emulator():
        binaries["PUBSUB_EMULATOR_BINARY_PATH"] = str(pubsub)
    return binaries
