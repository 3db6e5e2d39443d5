"""App of somebody else's, as files of a Firebase project: its own functions, rules, website and names of data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.emulators import programs

# A tab, a comment, a single codebase, and an API of its own.
_CONFIG: Final = """{
\t// Our ticket shop.
\t"functions": { "source": "functions", "runtime": "python311" },
\t"firestore": { "rules": "firestore.rules", "indexes": "firestore.indexes.json" },
\t"hosting": {
\t\t"public": "public",
\t\t"rewrites": [
\t\t\t{ "source": "/api/**", "function": { "functionId": "api", "region": "us-central1" } },
\t\t\t{ "source": "**", "destination": "/index.html" }
\t\t]
\t},
\t"emulators": EMULATORS
}"""
_MANIFEST: Final = """specVersion: v1alpha1
endpoints:
  api: { platform: gcfv2, region: [us-central1], entryPoint: api, httpsTrigger: {} }
  event: { platform: gcfv2, region: [us-central1], entryPoint: event, httpsTrigger: {} }
"""
_FUNCTIONS: Final = """def api(request):
    return f"the shop's api at {request.path}"


def event(request):
    return "the shop's event"
"""
_RULES: Final = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    function isStaff() { return request.auth != null && request.auth.token.get('staff', false) == true; }
    match /shows/{show} {
      allow read: if true;
      allow write: if isStaff();
    }
  }
}
"""
_INDEXES: Final = {
    "indexes": [
        {
            "collectionGroup": "shows",
            "queryScope": "COLLECTION",
            "fields": [{"fieldPath": "genre", "order": "ASCENDING"}, {"fieldPath": "startsAt", "order": "ASCENDING"}],
        }
    ]
}

NAMES: Final = """
[events]
collection = "shows"
title = "name"
starts_at = "startsAt"
ends_at = "until"
category = "genre"
location = "place.geo"
city = "place.town"
organizer_id = "host"
status = { published = "isLive" }

[interests]
"""
"""Names of the app's data, for `marquee.toml`."""


def write_host(folder: Path, ports: Mapping[str, int]) -> None:
    """Write the app to `folder`; its emulators have these ports."""
    emulators: dict[str, object] = {
        name: {"host": "127.0.0.1", "port": port} for name, port in ports.items() if name != "websocket"
    }
    emulators["firestore"] = {
        "host": "127.0.0.1",
        "port": ports["firestore"],
        "websocketPort": ports["websocket"],
    }
    emulators["ui"] = {"enabled": False}
    contents = {
        "firebase.json": _CONFIG.replace("EMULATORS", json.dumps(emulators)),
        "firestore.rules": _RULES,
        "firestore.indexes.json": json.dumps(_INDEXES, indent=4),
        ".gitignore": "node_modules",
        "public/index.html": "<h1>The shop</h1>\r\n",
        "functions/main.py": _FUNCTIONS,
        "functions/functions.yaml": _MANIFEST,
        "functions/requirements.txt": "functions-framework\n",
    }
    for path, text in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    (folder / "functions" / "venv").symlink_to(programs.ROOT / "venv")
