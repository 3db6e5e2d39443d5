"""Document ids of the browser client against those of the server, for every kind of interaction."""

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.entities import Interaction, InteractionType
from tests.missing import skipped_when_missing
from tools.emulators.programs import ROOT, ProgramMissing

TEXTS = ("jazz", "user_1", "ü🎷:1", "x" * 60, "two words", "1:a:b")
MIDNIGHT = datetime(2026, 5, 1, tzinfo=UTC)
TIMES = (
    MIDNIGHT,
    MIDNIGHT - timedelta(milliseconds=1),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
)
PROGRAM = """
import { interactionId } from "./interaction-id.js";
import { readFileSync } from "node:fs";
const ids = JSON.parse(readFileSync(0)).map(([user, entry, at]) => interactionId(user, entry, new Date(at)));
console.log(JSON.stringify(await Promise.all(ids)));
"""


def _interactions() -> list[Interaction]:
    """Interactions of every type, with a value in every field that may name a target, and pages of events."""
    found = []
    for number, kind in enumerate(InteractionType):
        for offset, time in enumerate(TIMES):
            first, second, third, fourth = (TEXTS[(number + offset + place) % len(TEXTS)] for place in range(4))
            entry = Interaction(
                interaction_id="",
                user_id=first,
                type=kind,
                occurred_at=time,
                event_id=second,
                organizer_id=third,
                query=fourth,
                category=first,
                position=offset or None,
                recommendation_id="list",
            )
            found.append(entry)
            if kind is InteractionType.IMPRESSION:
                found.append(replace(entry, event_id="", event_ids=("a", "b")))
    return found


def _sent(entry: Interaction) -> dict[str, Any]:
    document = entry.to_document()
    return {name: value for name, value in document.items() if name not in ("user_id", "occurred_at")}


@pytest.fixture(scope="module")
def node() -> str:
    with skipped_when_missing():
        program = shutil.which("node")
        if program is None:
            raise ProgramMissing("The client's tests need Node.js: install it, such as `apt-get install nodejs`.")
    return program


def test_the_client_makes_the_ids_that_the_server_expects(node: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "web/interaction-id.js", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "ids.js").write_text(PROGRAM)
    entries = _interactions()
    given = [[entry.user_id, _sent(entry), entry.occurred_at.isoformat()] for entry in entries]
    done = subprocess.run(
        [node, "ids.js"], cwd=tmp_path, input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [entry.expected_id() for entry in entries]
