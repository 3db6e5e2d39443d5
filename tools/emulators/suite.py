"""Firebase emulator suite with the whole project, and fake-gcs-server for Cloud Storage."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tools.emulators import programs, project
from tools.emulators.process import free_ports, running
from tools.emulators.storage import storage_emulator

# For a project whose name begins with "demo-", the Firebase CLI sends no requests to Google.
PROJECT = "demo-marquee"
REGION = "us-central1"
_BUCKET = "demo-marquee.appspot.com"
_EMULATORS = ("functions", "firestore", "hosting", "auth", "pubsub")
_LISTENERS = (*_EMULATORS, "hub", "logging", "eventarc", "tasks", "websocket")


@dataclass(frozen=True, slots=True)
class Suite:
    """Running emulator suite: its addresses, and calls of the scheduled functions.

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

    def load(self, data: Path, options: Sequence[str] = ()) -> None:
        """Bulk load of a folder of CSV files, as a deployment's owner would, with more options of `jobs.load`."""
        command = [sys.executable, "-m", "jobs.load", str(data), "--store", f"firestore:{PROJECT}"]
        command += ["--objects", f"gs:{_BUCKET}", "--rejected", str(self.folder / "rejected.csv"), *options]
        environ = {**os.environ, "FIRESTORE_EMULATOR_HOST": self.firestore, "STORAGE_EMULATOR_HOST": self.storage}
        subprocess.run(command, cwd=programs.ROOT, env=environ, check=True)

    def retrain(self) -> dict[str, Any]:
        """Training run, as Cloud Scheduler starts it."""
        return self._scheduled("retrain")

    def monitor(self) -> dict[str, Any]:
        """Reconciliation of counts, as Cloud Scheduler starts it."""
        return self._scheduled("monitor")

    def _scheduled(self, name: str) -> dict[str, Any]:
        """Call of a scheduled function, since the emulators never call it."""
        request = Request(f"{self.functions}/{PROJECT}/{REGION}/{name}-0", b"", method="POST")  # noqa: S310  # ours
        with urlopen(request, timeout=600) as answer:  # noqa: S310  # ours
            return dict(json.load(answer))


@contextmanager
def emulator_suite(*, hosting_port: int = 0, timezone: str = "") -> Iterator[Suite]:
    """Emulator suite of a block: all emulators, with empty stores, until the block ends.

    Parameters
    ----------
    hosting_port : the port of the web page, 0 for a free port.
    timezone : MARQUEE_TIMEZONE of the functions; "" for that of the environment.
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
            # The emulators slow the machine down, which must not make lists lack the user's history.
            "MARQUEE_DEADLINE_S": "30",
            **({"MARQUEE_TIMEZONE": timezone} if timezone else {}),
        }
        command = [str(firebase), "emulators:start", "--project", PROJECT, "--only", ",".join(_EMULATORS)]
        environ = project.environ(folder, settings)
        address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        # The health route proves Hosting, its rewrite, the function and both stores.
        health = f"http://{address['hosting']}/api/v1/health"
        groups: list[int] = []
        try:
            with running(command, answers=health, success=True, patience_s=60, cwd=folder, env=environ):
                groups += _process_groups(f"http://{address['hub']}")
                yield Suite(
                    hosting=f"http://{address['hosting']}",
                    functions=f"http://{address['functions']}",
                    auth=f"http://{address['auth']}",
                    storage=storage,
                    firestore=address["firestore"],
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
    """Process groups of the emulators that the CLI starts in their own sessions and leaves behind when killed."""
    with urlopen(f"{hub}/emulators", timeout=10) as answer:  # noqa: S310  # ours
        return [emulator["pid"] for emulator in json.load(answer).values() if emulator.get("pid")]
