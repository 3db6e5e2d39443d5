"""Firebase emulator suite with the whole project, and fake-gcs-server for Cloud Storage."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tools.emulators import programs, project
from tools.emulators.process import NotAnswering, free_ports, running
from tools.emulators.storage import export_bucket, storage_emulator

# For a project whose name begins with "demo-", the Firebase CLI sends no requests to Google.
PROJECT = "demo-marquee"
REGION = "us-central1"
ADMIN = "marquee-admin@example.com"
"""E-mail address of the account that `Suite.add_admin` makes."""
_BUCKET = "demo-marquee.appspot.com"
_EMULATORS = ("functions", "firestore", "hosting", "auth", "pubsub")
_PATIENCE_S = 120.0
_OBJECTS = "marquee_objects"
"""Folder of an export with the objects of Cloud Storage, which the Firebase CLI does not export."""
_LISTENERS = (*_EMULATORS, "hub", "logging", "eventarc", "tasks", "websocket")


@dataclass(frozen=True, slots=True)
class Suite:
    """Running emulator suite: its addresses, and calls of the scheduled functions.

    Attributes
    ----------
    hosting, functions, auth, storage : URLs without a slash at the end.
    firestore : HOST:PORT.
    folder : this run's project folder, with the logs of the emulators.
    hub : URL of the hub, which exports the data.
    ui : URL of the Emulator UI, "" where it does not run.
    prefix : prefix of the functions' names, with its hyphen.
    """

    hosting: str
    functions: str
    auth: str
    storage: str
    firestore: str
    folder: Path
    hub: str
    ui: str
    prefix: str = ""

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

    def add_admin(self) -> str:
        """Account `ADMIN` with the claim `admin: true`, made unless an import has it; returns its new password."""
        password = secrets.token_urlsafe(9)
        found = self._accounts(":lookup", {"email": [ADMIN]}).get("users")
        [user] = found or [self._accounts("", {"email": ADMIN})]
        claims = json.dumps({"admin": True})
        self._accounts(":update", {"localId": user["localId"], "password": password, "customAttributes": claims})
        return password

    def export(self, to: Path) -> None:
        """Export of accounts, documents and objects to a folder, from which another suite can begin.

        The objects belong to it: the deployment's key is among them, by which documents are named.
        """
        body = json.dumps({"path": str(to.resolve()), "initiatedBy": "marquee"}).encode()
        request = Request(f"{self.hub}/_admin/export", body, {"Content-Type": "application/json"})  # noqa: S310  # ours
        urlopen(request, timeout=600).close()  # noqa: S310  # ours
        export_bucket(self.storage, _BUCKET, to / _OBJECTS)

    def await_functions(self) -> None:
        """Wait until the last function is there: the CLI loads them one after another, after `api` answers."""
        give_up = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up:
            try:
                urlopen(self._url("retrain"), timeout=_PATIENCE_S).close()  # noqa: S310  # ours
            except HTTPError as error:
                error.close()
                if error.code == HTTPStatus.NOT_FOUND:
                    time.sleep(0.2)
                    continue
            # It refuses a GET.
            return
        raise NotAnswering(f"{self._url('retrain')} is not there after {_PATIENCE_S:g} s; see {self.folder}")

    def _accounts(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer of the Auth emulator to the project's owner, whom it knows by the token."""
        url = f"{self.auth}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts{method}"
        headers = {"Content-Type": "application/json", "Authorization": "Bearer owner"}
        with urlopen(Request(url, json.dumps(body).encode(), headers), timeout=60) as answer:  # noqa: S310  # ours
            return dict(json.load(answer))

    def _scheduled(self, name: str) -> dict[str, Any]:
        """Call of a scheduled function, since the emulators never call it."""
        self.await_functions()
        request = Request(self._url(name), b"", method="POST")  # noqa: S310  # ours
        with urlopen(request, timeout=600) as answer:  # noqa: S310  # ours
            return dict(json.load(answer))

    def _url(self, name: str) -> str:
        """URL of a scheduled function: the emulators add the number of its schedule to the name."""
        return f"{self.functions}/{PROJECT}/{REGION}/{self.prefix}{name}-0"


def default_ports() -> dict[str, int]:
    """Ports of the emulators in `firebase.json`, by emulator; `websocket` is Firestore's second."""
    emulators = json.loads((programs.ROOT / "firebase.json").read_text(encoding="utf-8"))["emulators"]
    ports = {name: emulator["port"] for name, emulator in emulators.items()}
    return {**ports, "websocket": emulators["firestore"]["websocketPort"]}


def unused_ports() -> dict[str, int]:
    """Free ports, by emulator as in `default_ports`."""
    return dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))


@contextmanager
def emulator_suite(
    ports: Mapping[str, int] | None = None, *, timezone: str = "", with_ui: bool = False, data: Path | None = None
) -> Iterator[Suite]:
    """Emulator suite of a block: all emulators until the block ends.

    Parameters
    ----------
    ports : port of each emulator, see `default_ports`; None for free ports.
    timezone : MARQUEE_TIMEZONE of the functions; "" for that of the environment.
    with_ui : whether the Emulator UI runs, too.
    data : folder of a suite's export to begin with; None for empty stores.
    """
    programs.java()
    ports = ports or unused_ports()
    objects = data / _OBJECTS if data and (data / _OBJECTS).is_dir() else None
    with (
        storage_emulator(port=ports.get("storage", 0), data=objects) as storage,
        tempfile.TemporaryDirectory(prefix="marquee-emulators-") as name,
    ):
        if objects is None:
            _create_bucket(storage)
        folder = Path(name)
        project.write_project(folder, ports, with_ui=with_ui)
        settings = {
            "STORAGE_EMULATOR_HOST": storage,
            "MARQUEE_OBJECTS": f"gs:{_BUCKET}",
            "MARQUEE_REFRESH_S": "1",
            # The emulators slow the machine down, which must not make lists lack the user's history.
            "MARQUEE_DEADLINE_S": "30",
            **({"MARQUEE_TIMEZONE": timezone} if timezone else {}),
        }
        address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        # The health route proves Hosting, its rewrite, the function and both stores.
        health = f"http://{address['hosting']}/api/v1/health"
        with firebase_emulators(folder, health, settings=settings, data=data):
            yield Suite(
                hosting=f"http://{address['hosting']}",
                functions=f"http://{address['functions']}",
                auth=f"http://{address['auth']}",
                storage=storage,
                firestore=address["firestore"],
                folder=folder,
                hub=f"http://{address['hub']}",
                ui=f"http://{address['ui']}" if with_ui else "",
            )


@contextmanager
def firebase_emulators(
    folder: Path, answers: str, *, settings: Mapping[str, str], data: Path | None = None
) -> Iterator[None]:
    """Emulators of the project in `folder`, until the block ends.

    Parameters
    ----------
    answers : URL that answers once the emulators run; functions may still be loaded, see `Suite.await_functions`.
    settings : variables of the environment, for the CLI and its functions.
    data : folder of an export to begin with; None for empty stores.
    """
    command = [str(programs.firebase()), "emulators:start", "--project", PROJECT, "--only", ",".join(_EMULATORS)]
    command += ["--import", str(data.resolve())] if data else []
    with tempfile.TemporaryDirectory(prefix="marquee-cli-") as own:
        environ = project.environ(Path(own), settings)
        with running(command, answers=answers, success=True, patience_s=60, cwd=folder, env=environ):
            yield


def _create_bucket(storage: str) -> None:
    body = json.dumps({"name": _BUCKET}).encode()
    request = Request(f"{storage}/storage/v1/b?project={PROJECT}", body, {"Content-Type": "application/json"})  # noqa: S310  # ours
    urlopen(request, timeout=10).close()  # noqa: S310  # ours
