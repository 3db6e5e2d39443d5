"""Stored data, read past the API: JSON objects of a bucket, and rows of a database."""

import json
import sqlite3
import urllib.parse
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tools.emulators.suite import PROJECT, Suite

Objects = Callable[[str], dict[str, Any]]
"""JSON objects of a bucket whose names begin with a prefix, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Demo:
    """Demo server at `url`, whose stores are below `scratch`."""

    url: str
    scratch: Path

    def objects(self, prefix: str) -> dict[str, Any]:
        """JSON objects of the demo's bucket, see `Objects`."""
        bucket = self._folder() / "bucket"
        found = {path.relative_to(bucket).as_posix(): path for path in bucket.rglob("*.json")}
        return {name: json.loads(found[name].read_bytes()) for name in sorted(found) if name.startswith(prefix)}

    def rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """Columns of a table of the demo's database."""
        with closing(sqlite3.connect(f"file:{self._folder() / 'documents.db'}?mode=ro", uri=True)) as database:
            return database.execute(f"SELECT {columns} FROM {table}").fetchall()  # noqa: S608  # a test's own words

    def _folder(self) -> Path:
        [folder] = self.scratch.glob("marquee-demo-*")
        return folder


def objects_of(suite: Suite) -> Objects:
    """JSON objects of the bucket of the emulators."""
    base = f"{suite.storage}/storage/v1/b/{PROJECT}.appspot.com/o"

    def read(prefix: str) -> dict[str, Any]:
        items = requests.get(base, {"prefix": prefix}, timeout=60).json().get("items", [])
        names = sorted(item["name"] for item in items if item["name"].endswith(".json"))
        return {name: _object(base, name) for name in names}

    return read


def _object(base: str, name: str) -> Any:
    answer = requests.get(f"{base}/{urllib.parse.quote(name, safe='')}", {"alt": "media"}, timeout=60)
    answer.raise_for_status()
    return answer.json()


def reports(objects: Objects) -> list[dict[str, Any]]:
    """Daily reports by day: of a day the closed one, else the open one."""
    names = objects("monitoring/open/") | objects("monitoring/reports/")
    by_day = {report["day"]: report for report in names.values()}
    return [by_day[day] for day in sorted(by_day)]


def runs(objects: Objects) -> list[dict[str, Any]]:
    """Documents of the training runs, newest first."""
    found = [document for name, document in objects("runs/").items() if name != "runs/lease.json"]
    return sorted(found, key=lambda run: str(run["scheduled_at"]), reverse=True)


def manifests(objects: Objects) -> dict[str, dict[str, Any]]:
    """Manifests of the published models by version, newest first."""
    found = {name.split("/")[1]: manifest for name, manifest in objects("models/").items() if "/manifest" in name}
    return dict(sorted(found.items(), reverse=True))
