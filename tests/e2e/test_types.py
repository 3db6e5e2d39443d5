"""Types of the browser client: those of the API's document, an app that compiles with them and runs, and mistakes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.demo import demo
from tests.missing import skipped_when_missing
from tools.emulators.programs import ROOT, ProgramMissing

pytestmark = pytest.mark.e2e

APP = ROOT / "tests/e2e/app.ts"
MODULES = ("marquee.js", "marquee.d.ts", "api.d.ts", "interaction-id.js", "interaction-id.d.ts", "marquee-list.d.ts")
STRICT = {
    **dict.fromkeys(("strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes"), True),
    "target": "es2022",
    "module": "nodenext",
    "lib": ["es2023", "dom"],
    "types": [],
}
SETTING = """
import { Marquee, MarqueeError, type Interaction } from "./marquee.js";
import "./marquee-list.js";
const marquee = new Marquee();
declare const name: string;
"""
MISTAKES = {
    "a misspelt type": 'await marquee.record([{ type: "bokking", event_id: "e" }]);',
    "no event": 'await marquee.record([{ type: "booking" }]);',
    "a misspelt field": 'await marquee.record([{ type: "click", evnt_id: "e" }]);',
    "no stars": 'await marquee.record([{ type: "rating", event_id: "e" }]);',
    "a query as a number": 'await marquee.record([{ type: "search", query: 5 }]);',
    "an event in place of an organizer": 'await marquee.record([{ type: "follow", event_id: "e" }]);',
    "a field that lists do not carry": 'await marquee.popular({ fields: ["description"] });',
    "a field that was not asked for": 'const { items } = await marquee.popular({ fields: ["title"] }); items[0]!.city;',
    "a misspelt parameter": "await marquee.trending({ limt: 5 });",
    "a window that is none": 'await marquee.trending({ window: "year" });',
    "a tracked type that is none": 'marquee.track("bokking", "e");',
    "a tracked rating without stars": 'marquee.track("rating", "e");',
    "a tracked search for a number": 'marquee.track("search", 5);',
    "a misspelt event of the client": 'marquee.on("droped", () => {});',
    "a code that no error has": 'if (new MarqueeError("m", "timeout").code === "late") console.log();',
    "a list of the element that is none": 'document.createElement("marquee-list").name = "new";',
    "rules under a misspelt name": 'marquee.call("/rules:preview", { method: "POST", body: { rulez: {} } });',
    "a preview of no rules": 'await marquee.call("/rules:preview", { method: "POST" });',
    "an experiment that is none": 'marquee.call(`/experiments/${name}`, { method: "PUT", body: { metric: "ctr" } });',
    "a body of what takes none": 'await marquee.call("/runs", { body: {} });',
    "a field that no run has": '(await marquee.call("/runs?limit=1")).runs[0]!.prise;',
    "an answer of a path that is not known": "(await marquee.call(name)).runs;",
    "a parameter of another list": 'await marquee.recommendations({ window: "day" });',
}
ANSWERS = """
import type { operations } from "./api.js";
type Json<Content> = Content extends { content: { "application/json": infer Found } } ? Found : never;
type Answer<Name extends keyof operations> = Json<operations[Name]["responses"][200]>;
type Body<Name extends keyof operations> = Json<operations[Name]["requestBody"]>;
// Neither is it another operation's, nor unknown, nor any.
const same = <Expected>() => <Found>(
  found: (<T>() => T extends Found ? 1 : 2) extends <T>() => T extends Expected ? 1 : 2 ? Found : never,
) => found;
"""
RIGHT = """
const kinds: Interaction[] = [
  { type: "booking", event_id: "e", value: 20, occurred_at: "2026-05-01T12:00:00Z" },
  { type: "impression", event_ids: ["e", "f"], recommendation_id: "r", position: 0 },
  { type: "rating", event_id: "e", value: 4 },
  { type: "follow", organizer_id: "o" },
  { type: "search", query: "jazz" },
  { type: "category_click", category: "Music" },
];
await marquee.record(kinds, { join: true });
const { items } = await marquee.similar("e", { category: "Food, drink", city: ["a", "b"], near: [41.9, -87.6] });
const shown: string | null | undefined = items[0]?.city;
const { left_out } = await marquee.rank(["e"], { fields: ["title"] });
const signal = new AbortController().signal;
await marquee.trending({ window: "day", signal, timeoutMs: 2000 });
marquee.track("booking", "e", { value: 20 });
marquee.track("rating", "e", { value: 4 });
marquee.track("follow", "o");
marquee.track("search", "jazz");
const unwatch: () => void = marquee.observe(document.body, "e");
const { sent, waiting }: { sent: number; waiting: number } = await marquee.flush();
marquee.on("rejected", ({ interaction, field }) => console.log(interaction.type, field, sent, waiting, unwatch));
await marquee.setRules({ ...(await marquee.rules({ signal })), max_per_organizer: 3 });
await marquee.activate((await marquee.models()).models[0]!.version, { hold: true });
document.createElement("marquee-list").name = "popular";
new Marquee({ userId: () => null, idToken: async () => null, fallback: async () => [{ event_id: "e" }] });
console.log(shown, left_out.length, (await marquee.data("u")).documents.length, (await marquee.health()).status);
"""


def _program(name: str) -> Path:
    path = ROOT / ".tools/node_modules/.bin" / name
    with skipped_when_missing():
        if not path.exists() or shutil.which("node") is None:
            raise ProgramMissing(f"The client's types need Node.js and {name}: run `make tools`.")
    return path


def _compiled(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """Compilation of a module that lies beside the client."""
    tsc = _program("tsc")
    for name in MODULES:
        shutil.copy(ROOT / "web" / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "app.ts").write_text(source)
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["app.ts"]}))
    return subprocess.run([tsc], cwd=folder, capture_output=True, text=True, check=False)


def test_the_types_are_those_of_the_document(tmp_path: Path) -> None:
    made = tmp_path / "api.d.ts"
    command: list[str | Path] = [_program("openapi-typescript"), ROOT / "functions/openapi.json", "-o", made]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    advice = "run `make types` after a change of functions/openapi.json"
    assert (ROOT / "web/api.d.ts").read_text() == made.read_text(), advice


def test_an_app_compiles_strictly_and_runs(tmp_path: Path) -> None:
    # Types of Node.js are no part of the client's.
    source = APP.read_text().replace("const [baseUrl", "declare const process: { argv: string[] };\nconst [baseUrl")
    done = _compiled(tmp_path, source)
    assert done.returncode == 0, done.stdout
    with demo(tmp_path) as (_, url):
        command = ["node", "app.js", f"{url}/api/v1", "user_1"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["rejected"] == []
    assert said["accepted"][0] == said["id"]
    assert 1 <= len(said["lines"]) <= 3


def test_every_kind_of_call_compiles(tmp_path: Path) -> None:
    done = _compiled(tmp_path, SETTING + RIGHT)
    assert done.returncode == 0, done.stdout


def test_a_call_has_the_types_of_its_path_and_method(tmp_path: Path) -> None:
    document = json.loads((ROOT / "functions/openapi.json").read_text())
    lines = []
    for template, operations in document["paths"].items():
        for method, operation in operations.items():
            if "application/json" not in operation["responses"]["200"].get("content", {}):
                continue
            name = operation["operationId"]
            body = f', body: {{}} as Body<"{name}">' if operation.get("requestBody", {}).get("required") else ""
            for path in (re.sub(r"\{\w+\}", "any", template), re.sub(r"\{\w+\}", "${name}", template)):
                for query in ("", "?limit=5"):
                    call = f'marquee.call(`{path}{query}`, {{ method: "{method.upper()}"{body} }})'
                    lines.append(f'same<Answer<"{name}">>()(await {call});')
    assert len(lines) > 80
    done = _compiled(tmp_path, SETTING + ANSWERS + "\n".join(lines))
    assert done.returncode == 0, done.stdout


def test_every_mistake_is_refused_where_it_is_made(tmp_path: Path) -> None:
    lines = SETTING.count("\n")
    done = _compiled(tmp_path, SETTING + "\n".join(f"{{ {mistake} }}" for mistake in MISTAKES.values()))
    found = {line.partition("(")[2].partition(",")[0] for line in done.stdout.splitlines() if line.startswith("app.ts")}
    missed = [name for number, name in enumerate(MISTAKES, lines + 1) if str(number) not in found]
    assert missed == []
