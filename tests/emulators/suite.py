"""The whole project on the Firebase emulators, with fake-gcs-server for Cloud Storage."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.emulators import programs, project
from tests.emulators.process import free_ports, running
from tests.emulators.storage import storage_emulator

# The Firebase CLI asks nothing of Google for a project whose name begins with "demo-".
PROJECT = "demo-marquee"
REGION = "us-central1"
_BUCKET = "demo-marquee.appspot.com"
_EMULATORS = ("functions", "firestore", "hosting", "auth", "pubsub")
_LISTENERS = (*_EMULATORS, "hub", "logging", "eventarc", "tasks", "websocket")


@dataclass(frozen=True, slots=True)
class Suite:
    """Where everything listens.

    Attributes
    ----------
    hosting, functions, auth, storage : URLs without a slash at the end.
    firestore : HOST:PORT.
    folder : this run's project folder, with the logs of the emulators.
    """

    hosting: str
    functions: str
    auth: str
    storage: str
    firestore: str
    folder: Path

    def load(self, data: Path) -> None:
        """Load a folder of CSV files as a deployment's owner would."""
        command = [sys.executable, "-m", "jobs.load", str(data), "--store", f"firestore:{PROJECT}"]
        command += ["--rejected", str(self.folder / "rejected.csv")]
        environ = {**os.environ, "FIRESTORE_EMULATOR_HOST": self.firestore}
        subprocess.run(command, cwd=programs.ROOT, env=environ, check=True)

    def retrain(self) -> dict[str, Any]:
        """Train, as Cloud Scheduler would have it."""
        return self._scheduled("retrain")

    def monitor(self) -> dict[str, Any]:
        """Settle counts, as Cloud Scheduler would have it."""
        return self._scheduled("monitor")

    def _scheduled(self, name: str) -> dict[str, Any]:
        """Call a scheduled function, which the emulators never do."""
        request = Request(f"{self.functions}/{PROJECT}/{REGION}/{name}-0", b"", method="POST")  # noqa: S310  # ours
        with urlopen(request, timeout=600) as answer:  # noqa: S310  # ours
            return dict(json.load(answer))


@contextmanager
def emulator_suite(*, hosting_port: int = 0) -> Iterator[Suite]:
    """Start everything with empty stores; when the block ends, so has everything.

    Parameters
    ----------
    hosting_port : where the web page is, 0 for a free port.
    """
    firebase = programs.firebase()
    programs.java()
    with storage_emulator() as storage, tempfile.TemporaryDirectory(prefix="marquee-emulators-") as name:
        _create_bucket(storage)
        folder, ports = Path(name), dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
        ports["hosting"] = hosting_port or ports["hosting"]
        project.write_project(folder, ports)
        settings = {
            "STORAGE_EMULATOR_HOST": storage,
            "MARQUEE_OBJECTS": f"gs:{_BUCKET}",
            "MARQUEE_REFRESH_S": "1",
            # A machine that runs all this is slow; a test must not see a list without the user's history for that.
            "MARQUEE_DEADLINE_S": "30",
        }
        command = [str(firebase), "emulators:start", "--project", PROJECT, "--only", ",".join(_EMULATORS)]
        environ = project.environ(folder, settings)
        place = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        # Health proves Hosting, its rewrite, the function and both stores.
        health = f"http://{place['hosting']}/api/v1/health"
        groups: list[int] = []
        try:
            with running(command, answers=health, success=True, patience_s=60, cwd=folder, env=environ):
                groups += _process_groups(f"http://{place['hub']}")
                yield Suite(
                    hosting=f"http://{place['hosting']}",
                    functions=f"http://{place['functions']}",
                    auth=f"http://{place['auth']}",
                    storage=storage,
                    firestore=place["firestore"],
                    folder=folder,
                )
        finally:
            for group in groups:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)


def _create_bucket(storage: str) -> None:
    body = json.dumps({"name": _BUCKET}).encode()
    request = Request(f"{storage}/storage/v1/b?project={PROJECT}", body, {"Content-Type": "application/json"})  # noqa: S310  # ours
    urlopen(request, timeout=10).close()  # noqa: S310  # ours


def _process_groups(hub: str) -> list[int]:
    """The process groups of emulators that the CLI starts in their own sessions, and leaves when it is killed."""
    with urlopen(f"{hub}/emulators", timeout=10) as answer:  # noqa: S310  # ours
        return [emulator["pid"] for emulator in json.load(answer).values() if emulator.get("pid")]
