"""README and docs are true: their commands run, their answers have the form of real ones, and what they name exists."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from benchmarks.peers import PEERS, SIMPLE
from jobs.folder import Folder
from jobs.marquee import command as marquee
from shared.entities import Event, InteractionType, User, event, user
from shared.entities.alert import THRESHOLDS
from shared.entities.odd import Treatment
from shared.entities.prices import Prices
from shared.models.registry import MODELS
from shared.schema import FILE, FunctionsSchema, Own, Schema
from shared.services.odd_documents import OddDocuments, OddEvents, OddUsers
from shared.settings import Settings
from shared.signals.registry import SIGNALS
from tests.demo import demo
from tests.examples import NOW
from tests.missing import skipped_when_missing
from tools.emulators.programs import ROOT, ProgramMissing

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
README = PAGES["README.md"]
TEXT = "\n".join(PAGES.values())
MAX_README_LINES = 180
_BLOCK = re.compile(r"<!-- (?P<kind>\w+) -->\n```sh\n(?P<script>.*?)```\n(?:\n```json\n(?P<answer>.*?)```)?", re.DOTALL)
_ADDRESS = "http://localhost:8080"


def blocks(kind: str, pages: Sequence[str] = tuple(PAGES)) -> list[re.Match[str]]:
    """Marked blocks of a kind, of the README first."""
    return [found for page in pages for found in _BLOCK.finditer(PAGES[page]) if found["kind"] == kind]


def run(script: str, folder: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def form(value: Any) -> Any:
    """The fields and types of a JSON value; of lists, those of the first item. Each reason has its own parameters."""
    if isinstance(value, dict):
        return {name: form(item) if name != "parameters" else "dict" for name, item in value.items()}
    if isinstance(value, list):
        return [form(item) for item in value[:1]]
    return type(value).__name__


def rows(page: str, heading: str) -> list[list[str]]:
    """Cells of the first table below a heading, without its two header lines."""
    _, found, part = f"\n{PAGES[page]}".partition(f"\n{heading}\n")
    assert found, heading
    table = re.search(r"(?:^\|.*\|\n)+", part, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like the project, so that commands may write into it."""
    folder = tmp_path / "marquee"
    folder.mkdir()
    for name in ("functions", "jobs", "shared", "web"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with demo(tmp_path, ["--port", "0"]) as (_, url):
        yield url


def test_every_shell_command_runs_after_those_of_the_readme(clone: Path) -> None:
    said = {block["script"]: run(block["script"], clone) for block in blocks("shell")}
    assert len(blocks("shell", ["README.md"])) == 2
    assert len(said) == 6
    [python] = (answer for script, answer in said.items() if "-c '" in script)
    assert len(python.splitlines()) == 5
    [backtest] = (answer for script, answer in said.items() if "marquee backtest" in script)
    assert backtest.splitlines()[0] == "user_id,event_id,rank,score"
    assert len(backtest.splitlines()) == 3
    [versions] = (answer for script, answer in said.items() if "marquee versions" in script)
    assert "(serves)" in versions


def test_the_demo_answers_as_shown(clone: Path, address: str) -> None:
    with skipped_when_missing():
        if shutil.which("curl") is None:
            raise ProgramMissing("The README's requests need curl: install it, such as `apt-get install curl`.")
    shown = blocks("demo")
    assert len(blocks("demo", ["README.md"])) == 1
    assert len(shown) == 6
    for block in shown:
        assert _ADDRESS in block["script"]
        answer = json.loads(run(block["script"].replace(_ADDRESS, address), clone))
        assert form(answer) == form(json.loads(block["answer"]))


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MAX_README_LINES


def test_every_marked_block_is_of_a_kind_that_runs() -> None:
    assert set(re.findall(r"^<!-- (\w+) -->$", TEXT, re.MULTILINE)) == {"demo", "shell"}
    assert len(blocks("demo")) + len(blocks("shell")) == len(re.findall(r"^<!-- ", TEXT, re.MULTILINE))


def test_every_target_of_make_that_is_named_exists() -> None:
    named = set(re.findall(r"(?:`|^\s*)make ([a-z0-9 -]+)", TEXT, re.MULTILINE))
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} < named
    assert {target for names in named for target in names.split()} <= targets


def test_a_demo_of_a_simulated_audience_refuses_events_of_one_s_own_in_words() -> None:
    command = ["make", "--dry-run", "demo", "SIMULATE=1", "DATA=folder"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "DATA: expected none with SIMULATE=1, whose audience makes events of its own" in done.stderr


def test_every_command_line_that_is_named_exists_with_its_options() -> None:
    named = re.findall(r"python -m ([\w.]+)((?: [^`\n]*)?)", TEXT)
    assert {"benchmarks.signals", "benchmarks.training"} <= {module for module, _ in named}
    for module, arguments in named:
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
        for call, shared in (("add_arguments(", "jobs/options.py"), ("add_split_arguments(", "benchmarks/splits.py")):
            source += (ROOT / shared).read_text(encoding="utf-8") if call in source else ""
        known = {f'"{option}"' for option in options_of(import_module(module).command)} if "jobs." in module else source
        assert [option for option in re.findall(r"--[a-z-]+", arguments) if f'"{option}"' not in known] == []


def options_of(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_of_marquee_that_is_named_exists_with_its_options() -> None:
    named = re.findall(r"(?:`|^venv/bin/|`venv/bin/)marquee ([a-z][a-z-]*)((?: [^`\n]*)?)", TEXT, re.MULTILINE)
    assert {"load", "train", "backtest", "recommend", "versions", "rollback"} <= {name for name, _ in named}
    for name, arguments in named:
        command = marquee.get_command(click.Context(marquee), name)
        assert command, name
        assert set(re.findall(r"--[a-z-]+", arguments)) <= options_of(command) | {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    made_by_commands = {"rejected.csv", "recs.csv", "events.csv", "users.csv", "interactions.csv", ".env"}
    of_the_bucket = {
        "keys/ring.json",
        "models/current.json",
        "models/VERSION/manifest.json",
        "monitoring/alerts.json",
        "runs/RUN.json",
        "forecasts/MONDAY.json",
        "ledger/current.json",
        "ledger/digest/current.json",
        "ledger/",
    }
    names = set(re.findall(r"`([\w./-]+\.(?:py|js|json|yaml|rules|csv|env|txt)|\.ci/\w+|\.env|[\w.]+/)`", PAGES[page]))
    # Routes of the API begin with a slash, files that commands make lie under .marquee/.
    names = {name for name in names if not name.startswith(("/", ".marquee/"))}
    missing = {name for name in names - made_by_commands - of_the_bucket if not (ROOT / name).exists()}
    assert missing == set()


def test_the_files_that_matter_are_named() -> None:
    for name in ("web/marquee.js", "docs/data-flow.svg", "functions.yaml"):
        assert name in README


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        path = (folder / name).resolve() if name else ROOT / page
        assert path.exists(), target
        assert path.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target


def test_the_readme_leads_to_every_page() -> None:
    pages = {page for page in PAGES if page.startswith("docs/") and not page.startswith("docs/decisions/")}
    assert {page for page in [*pages, "docs/decisions/README.md"] if f"({page})" not in README} == set()


def test_every_room_of_shared_is_in_the_layout_and_no_other() -> None:
    [layout] = re.findall(r"^shared/\n((?:  \w+/ .*\n)+)", README, re.MULTILINE)
    rooms = {path.name for path in (ROOT / "shared").iterdir() if (path / "__init__.py").exists()}
    assert set(re.findall(r"^  (\w+)/", layout, re.MULTILINE)) == rooms


def test_every_variable_of_the_settings_is_in_the_table_and_no_other() -> None:
    page = PAGES["docs/settings.md"]
    named = set(re.findall(r"^\| `(MARQUEE_\w+)`", page, re.MULTILINE))
    read = set(re.findall(r"MARQUEE_[A-Z_]+", (ROOT / "shared" / "settings.py").read_text(encoding="utf-8")))
    assert Settings.__doc__
    assert named == set(re.findall(r"MARQUEE_\w+", Settings.__doc__)) == read
    assert set(re.findall(r"MARQUEE_[A-Z_]+", TEXT)) == named
    default = Settings()
    assert f"| `MARQUEE_MODEL` | `{default.model}` |" in page
    assert f"| `MARQUEE_HALF_LIFE_DAYS` | `{default.half_life_days:g}` |" in page
    assert f"| `MARQUEE_CHALLENGERS_S` | `{default.challengers_s:g}` |" in page
    assert f"| `MARQUEE_REFRESH_S` | `{default.refresh_s:g}` |" in page
    assert f"| `MARQUEE_DEADLINE_S` | `{default.deadline_s:g}` |" in page
    assert all(f"`{model}`" in page for model in MODELS)


def test_every_alert_and_every_price_is_in_a_table_with_its_default() -> None:
    listed = re.findall(r"^\| `(\w+)` \| .+ \| ([0-9.]+) \|$", PAGES["docs/monitoring.md"], re.MULTILINE)
    assert {name: float(threshold) for name, threshold in listed} == dict(THRESHOLDS)
    prices = re.findall(r"^\| `([a-z]+)` \| `([0-9.]+)` \| ", PAGES["docs/settings.md"], re.MULTILINE)
    assert {name: float(price) for name, price in prices} == asdict(Prices())


def test_every_key_of_the_configuration_is_in_a_table_with_its_default() -> None:
    page = PAGES["docs/settings.md"]
    sections = re.findall(
        r"^### `\[(functions|firestore|interactions)\]`\n\n(.*?)(?=^#)", page, re.MULTILINE | re.DOTALL
    )
    rows = {table: re.findall(r"^\| `(\w+)` \| `(.+?)` \|", text, re.MULTILINE) for table, text in sections}
    assert [name for name, _ in rows["functions"]] == ["region", *[field.name for field in fields(FunctionsSchema)][1:]]
    assert [name for name, _ in rows["firestore"]] == ["database", "prefix"]
    assert [name for name, _ in rows["interactions"]] == ["collection"]
    lines = [[f"[{table}]", *(f"{key} = {default}" for key, default in keys)] for table, keys in rows.items()]
    assert Schema.parse("\n".join(line for table in lines for line in table)) == Schema()
    own = re.search(r"are Marquee's alone: (.*?), and before", page)
    assert own
    assert re.findall(r"`(\w+)`", own[1]) == sorted(Own)


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGES["docs/settings.md"], re.DOTALL))
def test_every_example_of_the_configuration_can_be_used(text: str) -> None:
    assert Schema.parse(text) != Schema()


def test_the_lines_that_the_committed_configuration_leaves_out_can_be_used() -> None:
    text = (ROOT / FILE).read_text(encoding="utf-8")
    users, apart = '[users]\ncollection = "users"\n', '# [interests]\n# collection = "interests"\n'
    assert users in text
    assert Schema.parse(text.replace(users, "").replace(apart, apart.replace("# ", ""))).has_interests
    left_out = re.findall(r"^# (\w+ = .*)", text.replace(apart, ""), re.MULTILINE)
    assert len(left_out) == 5
    for line in left_out:
        assert Schema.parse(text.replace(f"# {line}", line)) != Schema()


def test_every_column_of_the_files_is_in_the_table_and_no_other(tmp_path: Path) -> None:
    for name in ("events.csv", "users.csv", "interactions.csv"):
        [cells] = re.findall(rf"^\| `{name}` \| (.*) \|$", PAGES["docs/data.md"], re.MULTILINE)
        columns = re.findall(r"`(\w+)`", cells)
        (tmp_path / name).write_text(",".join([*columns, "no_such_column"]))
        file = {file.name: file for file in Folder(tmp_path).files()}[name]
        assert file.table
        assert file.table.unknown == ("no_such_column",)
        assert set(columns) == file.table._columns


def test_every_route_of_the_api_is_in_the_table_and_no_other() -> None:
    document = json.loads((ROOT / "functions" / "openapi.json").read_text(encoding="utf-8"))
    methods = ("get", "put", "post", "delete")
    routes = {f"{verb.upper()} {path}" for path, item in document["paths"].items() for verb in item if verb in methods}
    shown = {cells[0] for cells in rows("docs/api.md", "# The API")}
    assert {route for cell in shown for route in re.findall(r"`([^`]+)`", cell)} == routes
    at_a_glance = {cells[0] for cells in rows("README.md", "## The API at a glance")}
    assert {route for cell in at_a_glance for route in re.findall(r"`([^`]+)`", cell)} <= routes


def test_the_table_of_interaction_types_says_what_the_code_says() -> None:
    shown = {cells[0].strip("`"): cells[1:] for cells in rows("docs/data.md", "## Interaction types")}
    assert list(shown) == [str(kind) for kind in InteractionType]
    for kind in InteractionType:
        target, weight, counts, effect = shown[kind]
        assert target.strip("`") == kind.meaning.target
        assert counts == ("daily" if kind.meaning.repeats else "once")
        assert ("positive" in effect) == kind.meaning.is_hit
        assert ("leaves the user's lists" in effect) == (kind.meaning.takes_event or kind.meaning.hides_event)
        assert ("not part of the history" in effect) == (not kind.meaning.is_remembered)
        assert (f"undoes an earlier {kind.meaning.undoes}" in effect) == bool(kind.meaning.undoes)
        if kind is not InteractionType.RATING:
            assert float(weight.replace("−", "-")) == kind.meaning.weight


@pytest.mark.parametrize(("of", "kind"), [("events", event), ("profiles", user)])
def test_the_tables_of_odd_values_say_what_the_code_does(of: str, kind: ModuleType) -> None:
    treatments: Mapping[str, Treatment] = kind.TREATMENTS
    shown = [(cells[0].strip("`"), cells[1]) for cells in rows("docs/data.md", f"### Odd values of {of}")]
    assert shown == [(name, treatment.becomes) for name, treatment in treatments.items()]


def test_the_report_of_odd_documents_is_as_shown() -> None:
    _, _, part = PAGES["docs/operations.md"].partition("\n## Odd documents\n")
    [shown] = re.findall(r"```json\n(.*?)```", part.partition("\n## ")[0], re.DOTALL)
    hidden = [Event(event_id="gala", dropped=("starts_at",))]
    undated = [Event(event_id="jam", title="Open jam")]
    priced = [Event(event_id="dear", starts_at=NOW, mended=("price",), dropped=("image_url",))]
    report = OddDocuments(
        OddEvents.of([*hidden, *undated, *priced]), OddUsers.of([User(user_id="u", mended=("birth_year",))])
    )
    as_shown = json.loads(shown)
    assert form(as_shown["events"]) == form(asdict(report.events))
    assert form(as_shown["users"]) == form(asdict(report.users))
    for name in ("hidden", "undated"):
        assert as_shown["events"][name] == asdict(report.events)[name]
    assert {cells[0].strip("`") for cells in rows("docs/operations.md", "## Odd documents")} == {*as_shown["events"]}


def test_the_tables_of_models_and_signals_are_those_of_the_registries() -> None:
    page = "docs/models.md"
    assert [cells[0].strip("`") for cells in rows(page, "# Models")] == list(MODELS)
    for name in MODELS:
        assert f"\n## {name}\n" in PAGES[page]
    shown = {cells[1].split("`")[1]: "±" in cells[1] for cells in rows(page, "## Signals")}
    assert shown == {signal.name: signal.may_be_negative for signal in SIGNALS}
    assert f"weighs {len(SIGNALS)} signals" in PAGES[page]


def test_the_figures_of_the_readme_are_those_of_the_accuracy_page() -> None:
    measured = rows("docs/accuracy.md", "## Benchmark")
    quoted = rows("README.md", "## How good it is")
    assert len(quoted) == 4
    assert all(row in [full[: len(row)] for full in measured] for row in quoted)
    figures = {row[0].strip("*"): float(row[1].strip("*")) for row in measured}
    ours, simple, *_ = (figures[row[0].strip("*")] for row in quoted)
    assert quoted[1][0] in {peer.name for peer in SIMPLE}
    assert simple == max(figures[peer.name] for peer in SIMPLE)
    assert f"{ours / simple:.1f} times that of the strongest simple baseline" in README
    assert f"{ours / simple:.1f} times that of the strongest simple baseline" in PAGES["docs/accuracy.md"]


def test_the_systems_of_the_accuracy_page_are_those_that_are_measured() -> None:
    systems = [row[0].strip("*") for row in rows("docs/accuracy.md", "## Benchmark")]
    assert systems == [*(f"Marquee, `{name}`" for name in MODELS), *(peer.name for peer in PEERS)]


def test_the_modules_that_are_named_can_be_imported() -> None:
    for name in set(re.findall(r"from (shared[\w.]+|jobs[\w.]+|functions[\w.]+) import", TEXT)):
        import_module(name)
