"""Check of a deployment's invokers: a function that everybody may call is found, whatever grants it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.schema import FunctionsSchema
from tools.check_deployment import UNCHECKED, main, private_functions
from tools.emulators.programs import ROOT

SCHEDULER = "serviceAccount:scheduler@city.iam.gserviceaccount.com"


def _policy(*members: str, role: str = "roles/run.invoker", **more: Any) -> dict[str, Any]:
    return {"bindings": [{"members": [*members], "role": role, **more}], "etag": "BwYx", "version": 1}


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (_policy(SCHEDULER), 0),
        ({"etag": "ACAB"}, 0),
        (_policy(), 0),
        (_policy("domain:example.com"), 0),
        (_policy("allUsers"), 1),
        (_policy(SCHEDULER, "allAuthenticatedUsers"), 1),
        (_policy("allUsers", role="roles/owner"), 1),
        (_policy("allUsers", condition={"expression": "false", "title": "never"}), 1),
        (_policy("ALLUSERS"), 1),
        ({"bindings": [*_policy(SCHEDULER)["bindings"], *_policy("allUsers")["bindings"]]}, 1),
        ({}, 2),
        ([], 2),
        ({"bindings": "allUsers"}, 2),
        ({"bindings": ["allUsers"]}, 2),
        ({"bindings": [{"members": "allUsers", "role": "roles/run.invoker"}]}, 2),
    ],
)
def test_a_policy_that_lets_everybody_in_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: Any, status: int
) -> None:
    (tmp_path / "monitor.json").write_text(json.dumps(policy))
    assert main([str(tmp_path / "monitor.json")]) == status
    said = capsys.readouterr()
    if status == 1:
        assert "run `gcloud run services remove-iam-policy-binding monitor --region=us-central1 --member=" in said.err
    assert ("monitor: closed" in said.out) == (status == 0)


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({}, 0),
        ({"annotations": {}}, 0),
        ({"annotations": {UNCHECKED: "false"}}, 0),
        ({"annotations": {UNCHECKED: "true"}}, 1),
        ({"annotations": {UNCHECKED: True}}, 1),
        ({"annotations": None}, 2),
        ("monitor", 2),
    ],
)
def test_a_service_whose_invokers_nobody_checks_fails_whatever_its_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], metadata: Any, status: int
) -> None:
    policy, description = tmp_path / "monitor.json", tmp_path / "monitor.service.json"
    policy.write_text(json.dumps(_policy(SCHEDULER)))
    description.write_text(json.dumps({"kind": "Service", "metadata": metadata}))
    assert main([str(policy), str(description)]) == status
    said = capsys.readouterr()
    assert ("monitor: closed\n" in said.out) == (status == 0)
    if status == 1:
        assert "run `gcloud run services update monitor --region=us-central1 --invoker-iam-check`" in said.err
    # A policy alone does not tell.
    assert main([str(policy)]) == 0
    assert "give its description" in capsys.readouterr().out


def test_what_is_no_policy_is_no_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("", "ERROR: (gcloud.run)", "[" * 2_000):
        (tmp_path / "retrain.json").write_text(text)
        assert main([str(tmp_path / "retrain.json")]) == 2
    assert main([str(tmp_path / "missing.json")]) == 2
    assert "expected the JSON of an IAM policy or of a service" in capsys.readouterr().err


def test_every_function_but_the_api_is_checked_with_gcloud(tmp_path: Path) -> None:
    functions = private_functions(yaml.safe_load((ROOT / "functions.yaml").read_text()), FunctionsSchema())
    assert {*functions, "api"} == {"api", "event", "interaction", "monitor", "retrain"}
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/calls\necho '{json.dumps(_policy(SCHEDULER))}'\n")
    gcloud.chmod(0o755)
    command = [sys.executable, "-m", "tools.check_deployment", "--project", "city", "--region", "europe-west1"]
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == [
        f"run services {verb} {name} --region=europe-west1 --format=json --project=city"
        for name in functions
        for verb in ("get-iam-policy", "describe")
    ]


def test_without_gcloud_the_check_says_so_and_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    assert "gcloud is not installed" in capsys.readouterr().err


def test_functions_have_the_names_under_which_they_are_deployed() -> None:
    manifest = yaml.safe_load((ROOT / "functions.yaml").read_text())
    names = {f"marquee-{name}" for name in private_functions(manifest, FunctionsSchema())}
    assert set(private_functions(manifest, FunctionsSchema(prefix="marquee"))) == names
