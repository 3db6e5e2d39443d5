"""Browser client: its own tests on Node.js, its size and package, and the ids of the snippets in docs/clients.md."""

import gzip
import json
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, replace
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
LANGUAGES: Final = ("dart", "swift", "kotlin")
PARTS: Final = {
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
FORMATS: Final = {
    "dart": (r"${DateFormat('yyyyMMdd', 'en_US').format(at.toUtc())}",),
    "swift": (
        r"\(format.string(from: at))",
        "let format = DateFormatter()",
        "format.calendar = Calendar(identifier: .gregorian)",
        'format.locale = Locale(identifier: "en_US_POSIX")',
        'format.timeZone = TimeZone(identifier: "UTC")',
        'format.dateFormat = "yyyyMMdd"',
    ),
    "kotlin": (
        "${format.format(at)}",
        'val format = DateTimeFormatter.ofPattern("yyyyMMdd", Locale.ROOT).withZone(ZoneOffset.UTC)',
    ),
}
"""Placeholder of the day of UTC, and what makes it the same on every device: locale, calendar and zone."""
_CHOICES: Final = (
    re.compile(r"(?P<of>\w+)\.contains\(type\) \? (?P<then>.+) : (?P<other>.+)"),
    re.compile(r"if \(type in (?P<of>\w+)\) (?P<then>.+) else (?P<other>.+)"),
)
_WORD: Final = re.compile(r"['\"](\w+)['\"]")
_PAIR: Final = re.compile(r"['\"]?(\w+)['\"]?(?:: | to )['\"](\w+)['\"]")
_FIELD: Final = re.compile(r"(?:['\"](\w+)['\"]|\b(about))(?:: | to )")
_VALUE: Final = re.compile(
    r"if (?:\(value != null\)|let value \{) (?:'value': value,|entry\[\"value\"\] = value(?: \})?$)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """Snippet of the guide in one language, of which the little is evaluated that ids and fields depend on.

    Attributes
    ----------
    sets, undone : its tables of types.
    said : expressions by the names that they define.
    id_body, track_body : texts of its functions.
    """

    sets: dict[str, set[str]]
    undone: dict[str, str]
    said: dict[str, str]
    id_body: str
    track_body: str

    @classmethod
    def of(cls, language: str) -> "Snippet":
        """Snippet of a language of `LANGUAGES`."""
        [text] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
        head, _, rest = text.partition("interactionId(")
        id_body, _, track_body = rest.partition(" track(")
        said = dict(re.findall(r"^ *(?:const|final|let|val) (\w+)(?:: Set)? = (.*?);?$", text, re.MULTILINE))
        tables = {name for name in said if re.search(rf"\b{name}\b", head)}
        sets = {name: set(_WORD.findall(said[name])) for name in tables - {"undone"}}
        return cls(sets, dict(_PAIR.findall(said["undone"])), said, id_body, track_body)

    def chosen(self, name: str, kind: InteractionType) -> str:
        """Text that a name has for a type: of two, that which its condition chooses."""
        [choice] = [found for pattern in _CHOICES if (found := pattern.fullmatch(self.said[name]))]
        return choice["then" if kind in self.sets[choice["of"]] else "other"][1:-1]

    def family(self, kind: InteractionType) -> str:
        """Family of a type, the first part of its ids."""
        assert re.fullmatch(r"undone\[type\] \?[?:] type", self.said["family"])
        return self.undone.get(kind, kind)


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


def test_rules_and_client_have_the_tables_of_the_server() -> None:
    rules = (ROOT / "firestore.rules").read_text(encoding="utf-8")
    ids = (ROOT / "web/interaction-id.js").read_text(encoding="utf-8")
    client = (ROOT / "web/marquee.js").read_text(encoding="utf-8")
    undone = {kind.value: kind.meaning.undoes for kind in InteractionType if kind.meaning.undoes}
    [listed] = re.findall(r"^const UNDONE = (\{.*\});$", ids, re.MULTILINE)
    assert dict(_PAIR.findall(listed)) == undone
    assert dict(re.findall(r"isOf\(\['(\w+)'\]\) \? '(\w+)'", rules)) == undone
    repeating = {kind.value for kind in InteractionType if kind.meaning.repeats}
    for text, pattern in ((ids, r"^const REPEATING = (\[.*\]);$"), (rules, r"repeats\(\) \{ return isOf\((.*?)\)")):
        [listed] = re.findall(pattern, text, re.MULTILINE)
        assert set(_WORD.findall(listed)) == repeating
    targets = {kind.value: kind.meaning.target for kind in InteractionType if kind.meaning.target != "event_id"}
    [listed] = re.findall(r"^const TARGETS = (\{.*\});$", client, re.MULTILINE)
    assert dict(_PAIR.findall(listed)) == targets
    [listed] = re.findall(r"isOf\((.*?)\) \? data\(\)\.organizer_id", rules)
    assert set(_WORD.findall(listed)) == {kind for kind, target in targets.items() if target == "organizer_id"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_makes_the_ids_that_the_rules_demand(language: str) -> None:
    snippet = Snippet.of(language)
    assert snippet.sets["repeating"] == {kind.value for kind in InteractionType if kind.meaning.repeats}
    day, *fixed = FORMATS[language]
    lines = [line.strip() for line in snippet.id_body.splitlines()]
    assert [line for line in lines if line.startswith("format.") or " format " in line] == fixed
    found = re.search(r"return ['\"](.*)['\"]", snippet.id_body)
    assert found
    for user_id in ("user_1", "jürgen", "a:b", "🎷"):
        for kind in InteractionType:
            if kind.meaning.target not in TARGETS:
                continue
            values = {
                "the family": snippet.family(kind),
                "the length in bytes": str(len(user_id.encode())),
                "the user": user_id,
                "the day": snippet.chosen("day", kind).replace(day, f"{AT:%Y%m%d}"),
                "the target": "target_1",
            }
            made = found[1]
            for name, patterns in PARTS.items():
                made, n_filled = re.subn("|".join(patterns), lambda _, value=values[name]: value, made)
                assert n_filled == 1, name
            assert made == _about(kind, user_id, "target_1").expected_id()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_writes_the_fields_that_the_rules_demand(language: str) -> None:
    snippet = Snippet.of(language)
    entry, n_values = _VALUE.subn("", snippet.track_body)
    # Only of a rating or a review is there one.
    assert n_values == 1
    named = [literal or variable for literal, variable in _FIELD.findall(entry)]
    assert sorted(named) == ["about", "occurred_at", "recorded_at", "type", "user_id"]
    for kind in InteractionType:
        if kind.meaning.target in TARGETS:
            assert snippet.chosen("about", kind) == kind.meaning.target
