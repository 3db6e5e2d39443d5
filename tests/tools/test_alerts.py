"""Alerts on logs: what they count is what the functions log, under their deployed names."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from shared.adapters.objects.folder import FolderObjects
from shared.entities.alert import ALERT_RULES, THRESHOLDS
from shared.schema import FunctionsSchema
from shared.services.monitoring import alerts
from tests.examples import NOW
from tools.alerts import ALERTS, WATCHED, commands, main
from tools.emulators.programs import ROOT

EVERY = (*ALERTS, *WATCHED)


def test_each_alert_is_a_metric_and_a_policy_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--project", "city", "--channel", "projects/city/notificationChannels/1"]) == 0
    printed = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == 2 * len(EVERY)
    assert len({alert.name for alert in EVERY}) == len(EVERY)
    for alert, metric, policy in zip(EVERY, printed[::2], printed[1::2], strict=True):
        assert metric[:6] == ["gcloud", "logging", "metrics", "create", alert.name, "--project=city"]
        [document] = [json.loads(word.removeprefix("--policy=")) for word in policy if word.startswith("--policy=")]
        assert f"user/{alert.name}" in document["conditions"][0]["conditionThreshold"]["filter"]
        assert "--notification-channels=projects/city/notificationChannels/1" in policy


def test_the_log_of_every_function_is_watched_under_its_deployed_name() -> None:
    functions = set(yaml.safe_load((ROOT / "functions.yaml").read_text())["endpoints"])
    named = {name for alert in ALERTS for name in alert.functions}
    assert named == functions
    [metric, *_] = commands(FunctionsSchema(prefix="marquee"), "city", None)
    assert set(re.findall(r'"marquee-(\w+)"', metric[-1])) == functions


def test_every_message_that_is_counted_is_logged() -> None:
    source = "\n".join((ROOT / "functions" / f"{name}.py").read_text() for name in ("monitor", "retrain"))
    decisions = (ROOT / "shared" / "services" / "training" / "run.py").read_text()
    for alert in ALERTS:
        for message in re.findall(r'message="([^"]+)"', alert.condition):
            assert message in source or ('"run {document.decision}"' in source and message.split()[-1] in decisions)


def test_every_quantity_that_is_watched_has_an_alert_on_the_line_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raised = dict.fromkeys(ALERT_RULES, 1e12)
    alerts.watch(FolderObjects(tmp_path), raised, THRESHOLDS, now=NOW)
    lines = [json.loads(text) for text in caplog.messages]
    assert [(alert.name, alert.condition) for alert in WATCHED] == [
        (f"marquee_alert_{name}", f'jsonPayload.message="{line["message"]}" AND jsonPayload.alert="{line["alert"]}"')
        for name, line in zip(ALERT_RULES, lines, strict=True)
    ]


def test_nothing_is_run_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gcloud").write_text(f'#!/bin/sh\necho "$1" >> "{tmp_path / "called"}"\n')
    (tmp_path / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert main(["--project", "city"]) == 0
    assert not (tmp_path / "called").exists()
    assert main(["--project", "city", "--run"]) == 0
    assert (tmp_path / "called").read_text().split() == ["logging", "alpha"] * len(EVERY)
    monkeypatch.setenv("PATH", "")
    assert main(["--project", "city", "--run"]) == 1
    assert "gcloud is not installed" in capsys.readouterr().err


def test_wrong_usage_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    monkeypatch.setenv("MARQUEE_CONFIG", "none.toml")
    with pytest.raises(SystemExit, match="2"):
        main(["--project", "city"])
