"""Browser client: its own tests on Node.js, its size and package, and the ids of the snippets in docs/clients.md."""

import gzip
import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from shared.entities import Interaction, InteractionType
from tests.missing import skipped_when_missing
from tools.emulators.programs import ROOT, ProgramMissing

GUIDE: Final = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
AT: Final = datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)
TARGETS: Final = ("event_id", "organizer_id")
SNIPPETS: Final = dict(re.findall(r"```(dart|swift|kotlin)\n(.*?)```", GUIDE, re.DOTALL))
VALUES: Final = {
    "the family": (r"\$family", r"\\\(family\)"),
    "the length in bytes": (
        r"\$\{utf8\.encode\(uid\)\.length\}",
        r"\\\(uid\.utf8\.count\)",
        r"\$\{uid\.toByteArray\(Charsets\.UTF_8\)\.size\}",
    ),
    "the user": (r"\$uid", r"\\\(uid\)"),
    "the day": (r"\$day", r"\\\(day\)"),
    "the target": (r"\$target", r"\\\(target\)"),
}
"""Placeholders of the snippets' format strings, in all three languages."""


def _program(name: str) -> str:
    with skipped_when_missing():
        found = shutil.which(name)
        if found is None:
            raise ProgramMissing(f"The client's tests need {name}: install it, such as `apt-get install nodejs npm`.")
    return found


def _about(kind: InteractionType, user_id: str, target: str) -> Interaction:
    entry = Interaction(interaction_id="", user_id=user_id, type=kind, occurred_at=AT)
    is_of_event = kind.meaning.target == "event_id"
    return replace(entry, event_id=target) if is_of_event else replace(entry, organizer_id=target)


def test_the_client_passes_its_own_tests() -> None:
    command = [_program("node"), "--test", "tests/web/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    passed = re.search(r"^# pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 170


def test_the_client_is_small_and_needs_no_other_module() -> None:
    text = (ROOT / "web/marquee.js").read_bytes()
    assert len(gzip.compress(text, 9)) < 7_000
    assert not re.search(rb"^\s*(import\b|export .* from)|\bimport\(", text, re.MULTILINE)


def test_the_package_is_complete_and_can_be_imported(tmp_path: Path) -> None:
    npm, node = _program("npm"), _program("node")
    source = tmp_path / "source/web"
    shutil.copytree(ROOT / "web", source)
    shutil.copy(ROOT / "LICENSE", source.parent)
    offline = [npm, "pack", "--offline", "--no-update-notifier", "--json", "--pack-destination", str(tmp_path)]
    packed = subprocess.run(offline, cwd=source, capture_output=True, text=True, check=False)
    assert packed.returncode == 0, packed.stderr
    package = tmp_path / "app/node_modules/marquee-client"
    package.mkdir(parents=True)
    [archive] = tmp_path.glob("*.tgz")
    subprocess.run(["tar", "-xzf", archive, "-C", package, "--strip-components=1"], check=True)
    described = json.loads((package / "package.json").read_text())
    assert described["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    entries = [entry for entry in described["exports"].values() if isinstance(entry, dict)]
    wanted = {Path(path).name for entry in entries for path in entry.values()}
    assert {path.name for path in package.iterdir()} == {*wanted, "api.d.ts", "package.json", "README.md", "LICENSE"}
    assert not (source / "LICENSE").exists()
    program = """
    import { Marquee, MarqueeError } from "marquee-client";
    import { interactionId } from "marquee-client/interaction-id";
    const marquee = new Marquee({ storage: null });
    marquee.close();
    const id = await interactionId("user_1", { type: "booking", event_id: "event_45" });
    console.log(JSON.stringify([typeof marquee.track, new MarqueeError("m", "timeout").name, id]));
    """
    (tmp_path / "app/app.mjs").write_text(program)
    ran = subprocess.run([node, "app.mjs"], cwd=tmp_path / "app", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == ["function", "MarqueeError", "booking:6:user_1:event_45"]


def test_the_examples_of_ids_are_those_of_the_server() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|$", GUIDE, re.MULTILINE)
    assert len(rows) == 5
    for name, user_id, target, expected in rows:
        assert _about(InteractionType(name), user_id, target).expected_id() == expected


@pytest.mark.parametrize("language", ["dart", "swift", "kotlin"])
def test_a_snippet_makes_the_ids_that_the_rules_demand(language: str) -> None:
    snippet = SNIPPETS[language]
    head, _, body = snippet.partition("interactionId(")
    first, second = (line for line in head.splitlines() if line and not line.startswith(("fun", "func", "String")))
    repeating = set(re.findall(r"['\"](\w+)['\"]", first))
    undone = dict(re.findall(r"['\"](\w+)['\"](?:: | to )['\"](\w+)['\"]", second))
    assert repeating == {kind.value for kind in InteractionType if kind.meaning.repeats}
    assert undone == {kind.value: kind.meaning.undoes for kind in InteractionType if kind.meaning.undoes}
    assert re.findall(r"['\"](y\w+)['\"]", body) == ["yyyyMMdd"]
    assert re.search(r"toUtc\(\)|TimeZone\(identifier: \"UTC\"\)|ZoneOffset\.UTC", body)
    found = re.search(r"return ['\"](.*)['\"]", body)
    assert found
    for user_id in ("user_1", "jürgen", "a:b", "🎷"):
        for kind in InteractionType:
            if kind.meaning.target not in TARGETS:
                continue
            values = {
                "the family": undone.get(kind.value, kind.value),
                "the length in bytes": str(len(user_id.encode())),
                "the user": user_id,
                "the day": "20260501:" if kind.value in repeating else "",
                "the target": "target_1",
            }
            made = found[1]
            for name, patterns in VALUES.items():
                made, n_filled = re.subn("|".join(patterns), lambda _, value=values[name]: value, made)
                assert n_filled == 1, name
            assert made == _about(kind, user_id, "target_1").expected_id()


@pytest.mark.parametrize("language", ["dart", "swift", "kotlin"])
def test_a_snippet_writes_the_fields_that_the_rules_demand(language: str) -> None:
    body = SNIPPETS[language].partition("track(")[2]
    written = set(re.findall(r"['\"](\w+)['\"](?::| to )", body))
    assert written == {"user_id", "type", "event_id", "occurred_at", "recorded_at"}
