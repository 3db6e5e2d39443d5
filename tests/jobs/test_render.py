"""Rendered files: those of the repository, those of an app's names, and the command that writes them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from functions.wiring import read_config
from jobs.render import indexes, main, manifest, render
from jobs.securityrules import BEGIN, END, FILE, fragment, rules
from shared.schema import CollectionSchema, FunctionsSchema, Own, Schema
from tests.contract.test_host_rules import APART, SHARED
from tools.emulators.programs import ROOT

HOST = Schema.parse("""
[functions]
region = ["europe-west1", "us-east1"]
monitor = "*/10 * * * *"
retrain = "every monday 04:05"
timezone = "Europe/Paris"
[firestore]
database = "true"
prefix = "m_"
[events]
collection = "shows"
description = "info.long text"
[interactions]
collection = "acts"
""")


@pytest.mark.parametrize("name", render(Schema()))
def test_committed_files_are_those_of_the_committed_names(name: str) -> None:
    assert (ROOT / name).read_text() == render(Schema.parse(read_config("")))[name], "run python -m jobs.render"


def test_the_manifest_has_regions_schedules_and_triggers_of_the_names() -> None:
    endpoints: dict[str, Any] = yaml.safe_load(manifest(HOST))["endpoints"]
    assert endpoints["api"]["region"] == ["europe-west1", "us-east1"]
    others = [endpoint for name, endpoint in endpoints.items() if name != "api"]
    assert all(endpoint["region"] == ["europe-west1"] for endpoint in others), "what runs once is in one region"
    triggers = {name: endpoints[name]["eventTrigger"] for name in ("interaction", "event")}
    assert {trigger["eventFilters"]["database"] for trigger in triggers.values()} == {"true"}
    paths = {name: trigger["eventFilterPathPatterns"]["document"] for name, trigger in triggers.items()}
    assert paths == {"interaction": "acts/{interactionId}", "event": "shows/{eventId}"}
    schedules = {name: endpoints[name]["scheduleTrigger"] for name in ("monitor", "retrain")}
    assert {name: schedule["schedule"] for name, schedule in schedules.items()} == {
        "monitor": "*/10 * * * *",
        "retrain": "every monday 04:05",
    }
    assert {schedule["timeZone"] for schedule in schedules.values()} == {"Europe/Paris"}


def test_indexes_are_of_the_collections_and_fields_of_the_names() -> None:
    overrides = json.loads(indexes(HOST))["fieldOverrides"]
    own = {HOST.own(name) for name in Own}
    assert {override["collectionGroup"] for override in overrides} <= own | {"shows", "acts"}
    exempt = {override["fieldPath"] for override in overrides if override["collectionGroup"] == "shows"}
    assert exempt == {"info.`long text`", "image_url"}


def test_the_fragment_is_in_the_rules_and_names_no_collection_of_the_app() -> None:
    for schema in (Schema(), HOST, APART, SHARED):
        lines = fragment(schema).splitlines()
        assert (lines[0], lines[-1]) == (BEGIN, END)
        whole = [line.strip() for line in rules(schema).splitlines()]
        assert "\n".join(line.strip() for line in lines) in "\n".join(whole)
        matched = set(re.findall(r"^match /([^/]+)/", fragment(schema), re.MULTILINE))
        own = {schema.own(Own.RULES), schema.own(Own.DEAD_LETTERS), schema.interactions.collection}
        assert matched == own | ({schema.profiles.collection} if schema.has_interests else set())
        assert f"match /{schema.events.collection}/" in rules(schema)
        assert rules(schema).count(f"match /{schema.profiles.collection}/") == 1


@pytest.mark.parametrize("value", [BEGIN, END])
def test_a_value_that_reads_like_a_marker_is_none(value: str) -> None:
    schema = Schema.parse(f'[events]\nstatus = {{ field = "s", published = "{value}" }}')
    assert fragment(schema) == fragment(Schema())


def test_functions_that_an_app_may_have_as_well_begin_with_marquee() -> None:
    assert all(name.startswith("marquee") for name in re.findall(r"^function (\w+)", fragment(Schema()), re.MULTILINE))


NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
PREFIXES = st.from_regex(r"[A-Za-z0-9_-]{0,20}", fullmatch=True)
DATABASES = st.from_regex(r"[a-z][a-z0-9-]{2,20}[a-z0-9]", fullmatch=True)


@given(NAMES, NAMES, PREFIXES, st.sampled_from(["(default)", "null", "1e10", "true"]) | DATABASES)
def test_any_names_are_read_from_the_rendered_files_as_they_are(
    events: str, interactions: str, prefix: str, database: str
) -> None:
    schema = Schema(
        events=CollectionSchema(events),
        interactions=CollectionSchema(interactions),
        prefix=prefix,
        database=database,
        functions=FunctionsSchema(monitor="5 4 * * *"),
    )
    endpoints = yaml.safe_load(manifest(schema))["endpoints"]
    trigger = endpoints["event"]["eventTrigger"]
    assert trigger["eventFilters"]["database"] == database
    assert trigger["eventFilterPathPatterns"]["document"] == f"{events}/{{eventId}}"
    groups = {override["collectionGroup"] for override in json.loads(indexes(schema))["fieldOverrides"]}
    assert {events, interactions, f"{prefix}counted"} <= groups


def test_the_command_writes_checks_and_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.toml").write_text('[events]\ncollection = "shows"\n')
    monkeypatch.setenv("MARQUEE_CONFIG", str(tmp_path / "names.toml"))
    there = ["--folder", str(tmp_path)]
    assert main([*there, "--check"]) == 1
    assert "functions.yaml, firestore.rules, firestore.indexes.json: expected what" in capsys.readouterr().err
    assert main(there) == main([*there, "--check"]) == main(there) == 0
    assert capsys.readouterr().out.splitlines() == [
        "functions.yaml, firestore.rules, firestore.indexes.json written",
        *["nothing to write"] * 2,
    ]
    assert "match /shows/" in (tmp_path / FILE).read_text()
    assert main(["--rules-fragment"]) == 0
    assert capsys.readouterr().out == fragment(Schema.parse('[events]\ncollection = "shows"\n'))


@pytest.mark.parametrize("arguments", [["--chek"], ["x"], ["--folder", "not-there"]])
def test_wrong_usage_ends_with_2_and_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage: python -m jobs.render" in capsys.readouterr().err


def test_a_file_that_cannot_be_used_ends_with_2_and_its_key(tmp_path: Path) -> None:
    (tmp_path / "names.toml").write_text('[events]\ncolection = "shows"\n')
    environ = {"MARQUEE_CONFIG": str(tmp_path / "names.toml")}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.render"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "marquee.toml: [events] colection: expected a known key" in done.stderr
    assert "did you mean collection?" in done.stderr
