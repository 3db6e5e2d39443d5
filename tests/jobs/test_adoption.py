"""Adoption and removal: hosts of many forms get Marquee's parts, and become byte for byte what they were."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jobs import init, remove
from jobs.adoption import files, jsontext, sources
from jobs.adoption.errors import AdoptionError
from jobs.adoption.files import Change
from jobs.adoption.hosting import takes_api
from jobs.adoption.plan import adopt as adopt_plan
from jobs.adoption.record import digest
from jobs.adoption.rules import Rules
from tests.functions.test_deployment import ROOT, uploaded

PACKAGES = sources._PACKAGES
RULES = """rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    // A brace in a comment { and one in a text: '}'
    match /shows/{id} { allow read: if resource.data.name != '}'; }
  }
}
"""
INDEXES = '{\n  "indexes": [],\n  "fieldOverrides": []\n}\n'
FIRESTORE: dict[str, Any] = {"rules": "firestore.rules", "indexes": "firestore.indexes.json"}
CONFIG: dict[str, Any] = {
    "functions": [{"source": "functions", "codebase": "default"}],
    "firestore": FIRESTORE,
    "hosting": {"public": "public", "rewrites": [{"source": "**", "destination": "/index.html"}]},
    "emulators": {"functions": {"port": 5001}, "ui": {"enabled": True}},
}


Spoil = Callable[[Path], None]


def _without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in CONFIG.items() if key not in keys}


def _pretty(config: dict[str, Any], indent: int | str = 2) -> str:
    return json.dumps(config, indent=indent) + "\n"


CONFIGS = {
    "two spaces": _pretty(CONFIG),
    "four spaces": _pretty(CONFIG, 4),
    "tabs": _pretty(CONFIG, "\t"),
    "no newline at the end": _pretty(CONFIG).rstrip(),
    "several newlines at the end": _pretty(CONFIG) + "\n\n",
    "CRLF": _pretty(CONFIG).replace("\n", "\r\n"),
    "one line": json.dumps(CONFIG),
    "no spaces": json.dumps(CONFIG, separators=(",", ":")),
    "byte order mark": "\ufeff" + _pretty(CONFIG),
    "one codebase without a list": _pretty(CONFIG | {"functions": {"source": "functions"}}),
    "one codebase on one line": '{\n  "functions": {"source": "functions"}, "hosting": {"public": "public"}\n}\n',
    "no functions": _pretty(_without("functions")),
    "no list of functions yet": _pretty(CONFIG | {"functions": []}),
    "no Firestore": _pretty(_without("firestore")),
    "rules alone": _pretty(CONFIG | {"firestore": {"rules": "firestore.rules"}}),
    "databases as a list": _pretty(
        CONFIG | {"firestore": [{"database": "other"}, FIRESTORE | {"database": "(default)"}]}
    ),
    "no Hosting": _pretty(_without("hosting")),
    "sites as a list": _pretty(CONFIG | {"hosting": [{"site": "a", "public": "a"}, {"target": "b", "public": "b"}]}),
    "an API of its own": _pretty(
        CONFIG | {"hosting": {"public": "public", "rewrites": [{"source": "/api/**", "function": "api"}]}}
    ),
    "no rewrites": _pretty(CONFIG | {"hosting": {"public": "public"}}),
    "empty rewrites": _pretty(CONFIG | {"hosting": {"public": "public", "rewrites": []}}),
    "the top folder as website": _pretty(CONFIG | {"hosting": {"public": ".", "ignore": ["**/.*"]}}),
    "the top folder, nothing ignored": _pretty(CONFIG | {"hosting": {"public": "./"}}),
    "functions in the top folder": _pretty(CONFIG | {"functions": {"source": ".", "ignore": ["node_modules"]}}),
    "no emulators": _pretty(_without("emulators")),
    "its own emulator of Pub/Sub": _pretty(CONFIG | {"emulators": {"pubsub": {"port": 9999}}}),
    "comments": """{
  // Functions, and a "quoted" word, ] }
  "functions": [ /* ours */
    { "source": "functions" } // the last one
    // and a comment after it
  ],
  "firestore": { "rules": "firestore.rules", "indexes": "firestore.indexes.json" }, // rules
  "hosting": { "public": "public", "rewrites": [ // first
    { "source": "**", "destination": "/index.html" } ] }
  /* the end */
}""",
    "nothing": "{}",
    "nothing, with a comment": "{\n  // nothing yet\n}\n",
}
RULES_FORMS = {
    "usual": RULES,
    "CRLF": RULES.replace("\n", "\r\n"),
    "no newline at the end": RULES.rstrip(),
    "tabs": RULES.replace("  ", "\t"),
    "odd spacing": "rules_version='2';service cloud.firestore{match   /databases/{ db }/documents{"
    "match /a/{b}{allow read;}}}",
    "braces on lines of their own": RULES.replace(" {\n", "\n{\n"),
    "a comment before the brace": RULES.replace("    match /shows", "    // last\n    match /shows").replace(
        "\n  }\n}", "\n    // one more {\n  }\n}"
    ),
    "no block of all documents": "rules_version = '2';\nservice cloud.firestore {\n"
    "  match /databases/{database}/documents/shows/{id} { allow read; }\n}\n",
    "an empty block": "rules_version = '2';\nservice cloud.firestore {\n"
    "  match /databases/{database}/documents {}\n}\n",
}


def host(folder: Path, config: str = CONFIGS["two spaces"], rules: str = RULES, ignored: str | None = None) -> Path:
    (folder / "functions").mkdir(parents=True)
    (folder / "functions" / "index.js").write_text("exports.api = 1\n")
    for name, text in {"firebase.json": config, "firestore.rules": rules, "firestore.indexes.json": INDEXES}.items():
        (folder / name).write_bytes(text.encode())
    if ignored is not None:
        (folder / ".gitignore").write_bytes(ignored.encode())
    (folder / "firestore.rules").chmod(0o640)
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and mode of all files."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode) for path in paths}


def config_of(folder: Path) -> Any:
    return jsontext.parse((folder / "firebase.json").read_text(), "firebase.json").value


def adopt(folder: Path) -> None:
    assert init.main([str(folder), "--write"]) == 0


def check_round_trip(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(folder)
    assert init.main([str(folder)]) == 0
    assert contents(folder) == before
    adopt(folder)
    adopted = contents(folder)
    capsys.readouterr()
    adopt(folder)
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to change"
    assert contents(folder) == adopted
    assert remove.main([str(folder), "--dry-run"]) == 0
    assert contents(folder) == adopted
    assert remove.main([str(folder)]) == 0
    assert contents(folder) == before
    assert not (folder / "marquee").exists()


@pytest.mark.parametrize("form", CONFIGS)
def test_a_host_becomes_what_it_was(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host", CONFIGS[form])
    check_round_trip(folder, capsys)
    adopt(folder)
    config = config_of(folder)
    [codebase] = [entry for entry in config["functions"] if entry.get("codebase") == "marquee"]
    assert (codebase["source"], codebase["prefix"]) == ("marquee", "marquee")
    original = jsontext.parse(CONFIGS[form], "firebase.json").value
    functions = original.get("functions", [])
    assert config["functions"][:-1] == (functions if isinstance(functions, list) else [functions]) or "." in str(
        functions
    )
    sites = config.get("hosting", [])
    rewrites = [site["rewrites"] for site in (sites if isinstance(sites, list) else [sites])[:1]]
    assert all(first["function"]["functionId"] == "marquee-api" for first, *_ in rewrites)


@pytest.mark.parametrize("form", RULES_FORMS)
def test_rules_become_what_they_were(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host", rules=RULES_FORMS[form])
    check_round_trip(folder, capsys)
    adopt(folder)
    lines = [line.strip() for line in (folder / "firestore.rules").read_text().splitlines()]
    assert lines.count("// marquee:begin") == lines.count("// marquee:end") == 1


@pytest.mark.parametrize("ignored", [None, "", "node_modules", "node_modules\r\n", "a\n\n\n"])
def test_ignored_files_become_what_they_were(
    tmp_path: Path, ignored: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    check_round_trip(host(tmp_path / "host", ignored=ignored), capsys)


def _edited(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_bytes().decode()
    assert old in text
    (folder / name).write_bytes(text.replace(old, new).encode())


@pytest.mark.parametrize("form", [form for form in CONFIGS if "functions" in jsontext.parse(CONFIGS[form], "").value])
def test_what_the_host_changed_since_stays(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host", CONFIGS[form], ignored="a\n")
    adopt(folder)
    text = (folder / "firebase.json").read_bytes().decode()
    changed = jsontext.with_member(text, "", (), "storage", {"rules": "storage.rules"})
    (folder / "firebase.json").write_bytes(changed.encode())
    _edited(folder, "firestore.rules", "match /shows", "match /tickets/{id} { allow read; }\n    match /shows")
    _edited(folder, ".gitignore", "a\n", "a\nb\n")
    capsys.readouterr()
    adopt(folder)
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to change"
    assert remove.main([str(folder)]) == 0
    expected = jsontext.with_member(CONFIGS[form], "", (), "storage", {"rules": "storage.rules"})
    assert config_of(folder) == jsontext.parse(expected, "").value
    assert (folder / "firebase.json").read_bytes().decode().count("//") == expected.count("//")
    assert "marquee" not in (folder / "firestore.rules").read_text()
    assert "match /tickets" in (folder / "firestore.rules").read_text()
    assert (folder / ".gitignore").read_text() == "a\nb\n"
    assert not (folder / "marquee").exists()


def test_a_file_that_was_changed_around_the_parts_is_that_without_them(tmp_path: Path) -> None:
    folder = host(tmp_path / "host", CONFIGS["comments"])
    adopt(folder)
    _edited(folder, "firebase.json", "// the last one", "// the last but one")
    assert remove.main([str(folder)]) == 0
    changed = CONFIGS["comments"].replace("// the last one", "// the last but one")
    assert (folder / "firebase.json").read_text() == changed


def test_new_names_reach_the_triggers_the_rules_and_the_indexes(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    before = contents(folder)
    adopt(folder)
    settings = folder / "marquee" / "marquee.toml"
    settings.write_text(
        settings.read_text()
        .replace('collection = "events" ', 'collection = "shows" ')
        .replace("us-central1", "europe-west1")
        .replace('prefix = "marquee_"', 'prefix = "mq_"')
    )
    adopt(folder)
    assert "shows/{eventId}" in (folder / "marquee" / "functions.yaml").read_text()
    assert "match /mq_interactions/" in (folder / "firestore.rules").read_text()
    assert "marquee_" not in (folder / "firestore.rules").read_text() + (folder / "firestore.indexes.json").read_text()
    assert "mq_counted" in (folder / "firestore.indexes.json").read_text()
    rewrite = config_of(folder)["hosting"]["rewrites"][0]
    assert rewrite["function"] == {"functionId": "marquee-api", "region": "europe-west1"}
    assert len(config_of(folder)["hosting"]["rewrites"]) == 2
    assert remove.main([str(folder)]) == 0
    assert contents(folder) == before


TWO_DATABASES = _pretty(
    CONFIG | {"firestore": [FIRESTORE, {"database": "database-eu", "rules": "eu.rules", "indexes": "eu.indexes.json"}]}
)


def _other_database(folder: Path) -> None:
    _edited(folder, "marquee/marquee.toml", "[firestore]\n", '[firestore]\ndatabase = "database-eu"\n')


def _no_rules(folder: Path) -> None:
    text = _pretty(CONFIG | {"firestore": {"indexes": "firestore.indexes.json"}})
    (folder / "firebase.json").write_text(text)


@pytest.mark.parametrize("change", [_other_database, _no_rules])
def test_files_that_are_not_to_have_the_parts_any_more_become_what_they_were(
    tmp_path: Path, change: Spoil, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = host(tmp_path / "host", TWO_DATABASES)
    (folder / "eu.rules").write_text(RULES)
    (folder / "eu.indexes.json").write_text(INDEXES)
    before = contents(folder)
    adopt(folder)
    change(folder)
    adopt(folder)
    assert contents(folder)["firestore.rules"] == before["firestore.rules"]
    capsys.readouterr()
    adopt(folder)
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to change"
    assert remove.main([str(folder)]) == 0
    left = contents(folder)
    assert {path for path in left.keys() | before.keys() if left.get(path) != before.get(path)} <= {"firebase.json"}


@pytest.mark.parametrize(
    ("form", "rule", "address"),
    [
        ("two spaces", {"source": "/api/**"}, "/api/v1."),
        ("an API of its own", {"source": "/marquee/**"}, "/marquee/api/v1."),
        ("no rewrites", {"source": "/api/**"}, "/api/v1."),
        ("sites as a list", {"source": "/api/**"}, "/api/v1 of the site a; --site names another."),
    ],
)
def test_the_address_that_is_told_is_the_one_that_is_written(
    tmp_path: Path, form: str, rule: dict[str, str], address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = host(tmp_path / "host", CONFIGS[form])
    for region in ("us-central1", "us-central1", "europe-west1"):
        if region == "europe-west1":
            _edited(folder, "marquee/marquee.toml", "us-central1", region)
        adopt(folder)
        assert f"note: Hosting answers at {address}" in capsys.readouterr().out.splitlines()
        hosting = config_of(folder)["hosting"]
        function = {"functionId": "marquee-api", "region": region}
        assert (hosting[0] if isinstance(hosting, list) else hosting)["rewrites"][0] == rule | {"function": function}


def test_an_address_that_the_host_has_changed_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host")
    adopt(folder)
    for source in ('"source": "/shop/api/**"', '"regex": "/shop/api/**"'):
        _edited(folder, "firebase.json", '"source": "/api/**"', source)
        capsys.readouterr()
        adopt(folder)
        assert "note: Hosting answers at /shop/api/v1." in capsys.readouterr().out.splitlines()
        _edited(folder, "firebase.json", source, '"source": "/api/**"')


def test_an_update_replaces_the_code_and_removes_what_is_gone(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    adopt(folder)
    record = folder / "marquee" / ".adopted.json"
    document = json.loads(record.read_text())
    current = (folder / "marquee" / "main.py").read_bytes()
    for name in ("main.py", "shared/gone.py"):
        _write(f"marquee/{name}", "old\n")(folder)
        document["copied"][name] = digest(b"old\n")
    record.write_text(json.dumps(document))
    adopt(folder)
    assert (folder / "marquee" / "main.py").read_bytes() == current
    assert not (folder / "marquee" / "shared" / "gone.py").exists()


def _write(name: str, text: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    return spoil


def _unlink(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_write("marquee/index.js", "1"), r"^error: marquee/: expected no such folder"),
        (_write("marquee", "1"), r"^error: marquee: expected a folder or nothing"),
        (_unlink("firebase.json"), r"^error: firebase\.json: expected that of a Firebase project"),
        (_unlink("firestore.rules"), r"^error: firestore\.rules: expected the file that firebase\.json names"),
        (_unlink("firestore.indexes.json"), r"^error: firestore\.indexes\.json: expected the file that"),
        (
            _write("firebase.json", '{"functions": [{"source": "a", "codebase": "marquee"}]}'),
            r"of another codebase than",
        ),
        (_write("firebase.json", '{"functions": {"source": "a", "prefix": "marquee"}}'), r"of another prefix than"),
        (_write("firebase.json", '{"functions": {"source": "./marquee"}}'), r"of another source than"),
        (
            _write("firebase.json", '{"functions": "functions.json"}'),
            r"^error: firebase\.json: expected an object or obj",
        ),
        (_write("firebase.json", "[]"), r"^error: firebase\.json: expected an object"),
        (_write("firebase.json", '{"hosting": "web"}'), r"^error: firebase\.json: expected objects as"),
        (_write("firebase.json", "{,}"), r"^error: firebase\.json: expected .* in line 1"),
        (_write("firestore.rules", RULES.replace("rules_version = '2';", "")), r"expected rules of version 2"),
        (_write("firestore.rules", RULES.replace("rules_version", "// rules_version")), r"expected rules of version 2"),
        (_write("firestore.rules", "rules_version = '2';"), r"expected `service cloud\.firestore"),
        (_write("firestore.rules", RULES.rstrip().rstrip("}").rstrip().rstrip("}")), r"expected a closing brace"),
        (_write("firestore.rules", RULES + "// marquee:begin\n"), r"once each, in this order"),
        (_write("firestore.rules", RULES + "// marquee:begin\n// marquee:end\n"), r"there, but no record"),
        (_write("firestore.indexes.json", "[]"), r"expected an object with indexes"),
        (
            _write(
                "firestore.indexes.json",
                '{"fieldOverrides": [{"collectionGroup": "marquee_counted", "fieldPath": "n", "indexes": [{}]}]}',
            ),
            r"^error: firestore\.indexes\.json: expected .* for this field, got ",
        ),
        (_write(".gitignore", "# marquee: begin\n"), r"^error: \.gitignore: expected .* once each"),
        (
            _write(
                "firestore.rules", RULES.replace("match /shows", "function marqueeIsOwn(a) { return true; } match /x")
            ),
            r"^error: firestore\.rules: expected no function that is called .* got marqueeIsOwn;",
        ),
        (
            _write("firestore.indexes.json", '{"fieldOverrides": null}'),
            r"^error: firestore\.indexes\.json: expected a li",
        ),
        (
            _write("firebase.json", '{"hosting": {"public": ".", "ignore": "x"}}'),
            r"an array at hosting\.ignore, got 'x'",
        ),
        (_write("firebase.json", '{"hosting": {"public": ".", "rewrites": "x"}}'), r"an array at hosting\.rewrites"),
        (_write("firebase.json", '{"hosting": {"public": ".", "rewrites": null}}'), r"an array at hosting\.rewrites"),
        (_write("firebase.json", '{"hosting": {"public": ".", "rewrites": {}}}'), r"an array at hosting\.rewrites"),
    ],
)
def test_nothing_unknown_is_overwritten(
    tmp_path: Path, spoil: Spoil, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = host(tmp_path / "host")
    spoil(folder)
    before = contents(folder)
    assert init.main([str(folder), "--write"]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("firestore.rules", "request.auth != null", "true"),
        ("firestore.rules", "// marquee:end", ""),
        ("firebase.json", '"runtime": "python311"', '"runtime": "python312"'),
        (".gitignore", "/marquee/venv/", "/marquee/env/"),
    ],
)
def test_changed_parts_are_refused_by_both_commands(
    tmp_path: Path, name: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = host(tmp_path / "host")
    adopt(folder)
    _edited(folder, name, old, new)
    before = contents(folder)
    for command in (remove.main, lambda arguments: init.main([*arguments, "--write"])):
        capsys.readouterr()
        assert command([str(folder)]) == 1
        assert capsys.readouterr().err.startswith(f"error: {name}: ")
        assert contents(folder) == before


def test_changed_code_is_neither_overwritten_nor_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host")
    adopt(folder)
    (folder / "marquee" / "main.py").write_text("mine\n")
    (folder / "marquee" / "notes.txt").write_text("mine\n")
    assert init.main([str(folder), "--write"]) == 1
    assert "marquee/main.py: expected the file as it was copied" in capsys.readouterr().err
    assert remove.main([str(folder)]) == 0
    assert {path for path in contents(folder) if path.startswith("marquee/")} == {
        "marquee/main.py",
        "marquee/notes.txt",
    }
    assert "marquee/notes.txt stays: it is not Marquee's." in capsys.readouterr().out


def test_what_running_leaves_goes_with_the_folder(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    before = contents(folder)
    adopt(folder)
    (folder / "marquee" / "venv").symlink_to(tmp_path)
    for name in ("shared/__pycache__/errors.pyc", ".marquee/emulators/models/a", ".env.app"):
        _write(f"marquee/{name}", "x")(folder)
    assert remove.main([str(folder)]) == 0
    assert contents(folder) == before
    assert not (folder / "marquee").exists()
    assert tmp_path.is_dir()


@pytest.mark.parametrize("name", [".envrc", ".environment/a", ".env-notes", "notes.txt", ".git/config"])
def test_what_the_host_keeps_in_the_folder_stays(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host")
    adopt(folder)
    _write(f"marquee/{name}", "mine")(folder)
    assert remove.main([str(folder)]) == 0
    assert (folder / "marquee" / name).read_text() == "mine"
    assert f"note: marquee/{name} stays: it is not Marquee's." in capsys.readouterr().out


def test_a_folder_that_was_deleted_by_hand_is_adopted_anew(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    before = contents(folder)
    adopt(folder)
    shutil.rmtree(folder / "marquee")
    adopt(folder)
    assert remove.main([str(folder)]) == 0
    left = contents(folder)
    assert json.loads(left["firebase.json"][0]) == json.loads(before["firebase.json"][0])
    assert left["firestore.rules"] == before["firestore.rules"]


def test_a_project_that_has_not_adopted_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert remove.main([str(host(tmp_path / "host"))]) == 1
    assert "this project has not adopted Marquee" in capsys.readouterr().err


def test_this_project_does_not_adopt_itself() -> None:
    assert init.main([str(ROOT)]) == 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("match /{document = **}", True),
        ("match /{document=**}", True),
        ("match /{collection}/{id}", True),
        ("match /{ collection }/{rest=**}", True),
        ("match /shows/{id}", False),
        ("match /shows/{id}/{rest=**}", False),
        ("// match /{document=**}\n match /shows/{id}", False),
    ],
)
def test_a_match_of_any_collection_is_told(
    tmp_path: Path, path: str, *, expected: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = RULES.replace("match /shows/{id}", path)
    assert init.main([str(host(tmp_path / "host", rules=opened))]) == 0
    assert ("note: firestore.rules has a match of any collection" in capsys.readouterr().out) is expected


def test_a_match_of_any_collection_beside_the_block_of_documents_is_told() -> None:
    text = "service cloud.firestore { match /databases/{db}/documents/{document=**} { allow read; } }"
    assert [*Rules("firestore.rules", "").notes(text)]


def test_a_codebase_that_takes_the_folder_along_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = _pretty(CONFIG | {"functions": {"source": "."}})
    assert init.main([str(host(tmp_path / "host", config))]) == 0
    assert "note: The functions of the top folder are deployed with all" in capsys.readouterr().out


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5, 12])
def test_what_was_killed_halfway_can_be_removed_or_continued(tmp_path: Path, done: int) -> None:
    folder = host(tmp_path / "host")
    before = contents(folder)
    plan = adopt_plan(partial(files.read, folder), [], sources.adopted(folder))
    files.write(folder, plan.changes[:done])
    assert remove.main([str(folder)]) == 0
    assert contents(folder) == before
    files.write(folder, plan.changes[:done])
    adopt(folder)
    whole = host(tmp_path / "whole")
    adopt(whole)
    assert contents(folder) == contents(whole)


def test_what_was_killed_before_anything_was_replaced_can_be_adopted_and_removed(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    before = contents(folder)
    _write(f"marquee/shared/{files.STAGED}x1y2z3", "half a file")(folder)
    adopt(folder)
    assert remove.main([str(folder)]) == 0
    assert contents(folder) == before
    assert not (folder / "marquee").exists()


def test_the_rewrite_goes_to_the_site_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "host", CONFIGS["sites as a list"])
    assert init.main([str(folder), "--write", "--site", "b"]) == 0
    assert ["rewrites" in site for site in config_of(folder)["hosting"]] == [False, True]
    capsys.readouterr()
    adopt(folder)
    assert capsys.readouterr().out.splitlines()[-1] == "nothing to change"
    _edited(folder, "marquee/marquee.toml", "us-central1", "europe-west1")
    adopt(folder)
    assert ["rewrites" in site for site in config_of(folder)["hosting"]] == [False, True]
    assert init.main([str(host(tmp_path / "other")), "--site", "b"]) == 1
    assert "check --site" in capsys.readouterr().err


@pytest.fixture(autouse=True)
def _few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of a few of the two hundred files of the functions, which all are alike."""
    monkeypatch.setattr(sources, "_PACKAGES", ("shared/ports",))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Function that makes the replacement of the file of a number fail."""
    replaced = Path.replace

    def fail_at(number: int) -> None:
        count = 0

        def replace(self: Path, target: Path) -> Path:
            nonlocal count
            count += 1
            if count == number:
                raise PermissionError(13, "Permission denied", str(target))
            return replaced(self, target)

        monkeypatch.setattr(Path, "replace", replace)

    yield fail_at
    monkeypatch.undo()


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 20])
def test_a_failure_leaves_everything_as_it_was(
    tmp_path: Path, number: int, failing: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = host(tmp_path / "host")
    before = contents(folder)
    failing(number)
    assert init.main([str(folder), "--write"]) == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert contents(folder) == before
    assert not (folder / "marquee").exists()


def test_a_file_that_changes_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("changed")
    with pytest.raises(AdoptionError, match=r"^b: it was changed meanwhile"):
        files.write(tmp_path, [Change("a", b"a", b"new"), Change("b", b"b", b"new")])
    assert contents(tmp_path).keys() == {"a", "b"}
    assert (tmp_path / "a").read_text() == "a"


def test_a_link_stays_one(tmp_path: Path) -> None:
    folder = host(tmp_path / "host")
    (folder / "firestore.rules").rename(tmp_path / "shared.rules")
    (folder / "firestore.rules").symlink_to(tmp_path / "shared.rules")
    adopt(folder)
    assert (folder / "firestore.rules").is_symlink()
    assert "marquee:begin" in (tmp_path / "shared.rules").read_text()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"source": "/api/**"}, True),
        ({"source": "api/**"}, True),
        ({"source": "/api/v1/recommendations"}, True),
        ({"source": "/:version(api)/**"}, True),
        ({"source": "/@(api|rpc)/**"}, True),
        ({"source": "!/@(api)/**"}, True),
        ({"source": "/ap?/**"}, True),
        ({"regex": "^/api/.*"}, True),
        ({"regex": "/(rpc|api)/.*"}, True),
        ({"source": "**"}, False),
        ({"source": "/**"}, False),
        ({"source": "/*/**"}, False),
        ({"source": "/:page*"}, False),
        ({"source": "/apis/**"}, False),
        ({"source": "/shows/api"}, False),
        ({"regex": ".*"}, False),
        ({"regex": "/shows/.*"}, False),
        ({"destination": "/"}, False),
    ],
)
def test_only_what_is_for_the_api_in_particular_takes_its_path(rule: dict[str, str], *, expected: bool) -> None:
    assert takes_api(rule) is expected


def test_what_comes_next_names_the_app_s_own_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = host(tmp_path / "an app")
    adopt(folder)
    assert f"MARQUEE_CONFIG='{folder}/marquee/marquee.toml' venv/bin/marquee check" in capsys.readouterr().out


def test_the_copy_is_what_a_deployment_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_PACKAGES", PACKAGES)
    folder = host(tmp_path / "host")
    adopt(folder)
    copied = {path.removeprefix("marquee/") for path in contents(folder) if path.startswith("marquee/")}
    assert copied == uploaded() | {"LICENSE", "firestore.indexes.json", ".env", ".env.local", ".adopted.json"}
    assert {path for path in copied if path.startswith("functions/reference/")}
    assert os.access(folder / "marquee" / "main.py", os.R_OK)
