"""The documents around the code name what exists, and the files that other programs read can be read."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
import yaml

from shared.settings import Settings

ROOT: Final = Path(__file__).parents[1]
NAMES: Final = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/architecture.md")
DOCUMENTS: Final = [*(ROOT / name for name in NAMES), *sorted((ROOT / "docs/decisions").glob("*.md"))]
YAML_FILES: Final = [ROOT / ".pre-commit-config.yaml", *sorted((ROOT / ".github").rglob("*.yml"))]
ELSEWHERE: Final = {
    *(
        "model.npz",
        "manifest.json",
        "ledger/current.json",
        "ledger/digest/current.json",
        "models/VERSION/",
        "runs/RUN.json",
        "keys/ring.json",
    ),
    *("forecasts/MONDAY.json", "ledger/digest/"),
    *("functions/NAME.py", "jobs/NAME.py", "venv/", "marquee.toml", "rejected.csv"),
}
"""Objects of a bucket, files and stand-ins for names of one's own, and what commands make."""

_SUFFIXES: Final = "py|js|md|svg|json|yaml|yml|toml|rules|txt|in|npz"
_PATH: Final = re.compile(rf"`(?!roles/)((?:[\w.-]+/)+[\w.-]*|[\w.-]+\.(?:{_SUFFIXES}))`")
_LINK: Final = re.compile(r"\]\(([^)#:\s]+)\)")
_ARROW: Final = re.compile(r"`([\w./-]+\.py)`\s+→\s+(`[\w.]+`(?:,\s+`[A-Za-z_][\w.]*`(?!\s+→))*)")
_WITHIN: Final = re.compile(r"((?:`\w+`(?:,\s+|\s+and\s+))*`\w+`)\s+(?:in|of)\s+`([\w./-]+\.py)`")

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@cache
def _defined(path: str) -> frozenset[str]:
    """Names of a module's functions, classes and variables, and of what its classes have, as `Class.name`."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(name for node in tree.body for name in _names(node))


def _names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef():
            yield node.name
        case ast.ClassDef():
            yield node.name
            yield from (f"{node.name}.{name}" for inner in node.body for name in _names(inner))
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            yield name


def _named(text: str) -> Iterator[tuple[str, str]]:
    """Module and name of what a text says that a module defines."""
    for path, names in _ARROW.findall(text):
        yield from ((path, name) for name in re.findall(r"`([\w.]+)`", names))
    for names, path in _WITHIN.findall(text):
        yield from ((path, name) for name in re.findall(r"`(\w+)`", names))


@every_document
def test_every_path_and_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    paths = set(_PATH.findall(text)) - ELSEWHERE
    links = {name for name in _LINK.findall(text) if not name.startswith("http")}
    assert paths | links
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    assert {link for link in links if not (document.parent / link).exists()} == set()


@every_document
def test_every_name_is_defined_in_its_module(document: Path) -> None:
    named = set(_named(document.read_text(encoding="utf-8")))
    assert {(path, name) for path, name in named if name not in _defined(path)} == set()


def test_the_journeys_and_the_recipes_name_modules_and_functions() -> None:
    found = {name: set(_named((ROOT / name).read_text(encoding="utf-8"))) for name in NAMES}
    assert ("shared/services/serving/cache.py", "CachedRecommender.live") in found["docs/architecture.md"]
    assert ("tests/oracle.py", "NOT_REMEMBERED") in found["CONTRIBUTING.md"]
    assert ("shared/entities/interaction.py", "Interaction.expected_id") in found["CONTRIBUTING.md"]
    assert ("shared/signals/registry.py", "RETIRED") in found["CHANGELOG.md"]
    assert len(found["docs/architecture.md"]) > 50


def test_every_setting_that_is_named_exists() -> None:
    known = set(re.findall(r"MARQUEE_\w+", Settings.__doc__ or ""))
    named = {name for document in DOCUMENTS for name in re.findall(r"MARQUEE_\w+", document.read_text("utf-8"))}
    assert named
    assert named <= known


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [path.read_text(encoding="utf-8") for path in [*DOCUMENTS, *YAML_FILES, *(ROOT / ".github").glob("*.md")]]
    named = {name for text in texts for names in re.findall(r"`make ([a-z0-9 -]+)`", text) for name in names.split()}
    assert named == {
        "setup",
        "check",
        "test",
        "test-extras",
        "e2e",
        "emulators",
        "demo",
        "attacks",
        "soak",
        "lighthouse",
        "audit",
        "lock",
        "test-engines",
        "benchmark-accuracy",
        "types",
    }
    assert named <= targets


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_can_be_read(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_the_workflow_runs_what_runs_before_a_merge() -> None:
    workflow: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    [job] = workflow["jobs"].values()
    assert job["env"] == {"CI": "true"}
    assert job["steps"][-1] == {"run": "bash .ci/run"}
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action) for action in actions), actions


def test_hooks_call_programs_of_the_project() -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    [repository] = config["repos"]
    entries = [hook["entry"].split()[0] for hook in repository["hooks"]]
    assert repository["repo"] == "local"
    assert entries == ["venv/bin/ruff", "venv/bin/ruff", "make"]


def test_dependabot_looks_where_dependencies_are_pinned() -> None:
    pins = {"pip": "requirements.txt", "npm": "package-lock.json", "github-actions": ".github/workflows"}
    config: dict[str, Any] = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))
    assert {update["package-ecosystem"] for update in config["updates"]} == pins.keys()
    for update in config["updates"]:
        for folder in update.get("directories") or [update["directory"]]:
            assert (ROOT / folder.removeprefix("/") / pins[update["package-ecosystem"]]).exists()


def test_the_picture_shows_the_layers_that_are_held() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [layers] = [one["layers"] for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    held = [name.strip().removeprefix("shared.") for layer in layers for name in re.split(r"[|:]", layer)]
    picture = ET.fromstring((ROOT / "docs/architecture.svg").read_text(encoding="utf-8"))  # noqa: S314  # our own file
    texts = picture.iterfind(".//{http://www.w3.org/2000/svg}text")
    assert [text.text for text in texts if text.get("class") == "name"] == held


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\d{4})\]\(([\w-]+\.md)\) \| (.+) \|$", index, re.MULTILINE)
    records = [path for path in DOCUMENTS if path.parent.name == "decisions" and path.name != "README.md"]
    assert [name for _, name, _ in listed] == [path.name for path in records]
    for (number, _, title), path in zip(listed, records, strict=True):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}: {title}\n")
        assert all(f"\n**{part}.** " in text for part in ("Context", "Decision", "Consequences"))


def test_the_version_has_an_entry_in_the_changelog() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"\n## [{project['project']['version']}] " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_license_is_the_whole_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
