"""Load test of instances: it fails, with what it knows, when its time is over or something was lost."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import instances
from benchmarks.budget import OutOfTime


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of a run on SQLite, where HAProxy and the disk are not asked for."""
    monkeypatch.setattr(instances, "haproxy", lambda: "haproxy")
    monkeypatch.setattr(instances, "need_disk", lambda *_: None)
    return ["--stores", "sqlite", "--minutes", "1", "--out", str(tmp_path / "out.json")]


def test_whatever_hangs_ends_with_the_time(
    given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # 0.2 of the 60 seconds are left.
    monkeypatch.setattr(instances, "_ENDING_S", 59.8)
    monkeypatch.setattr(instances, "build", lambda *_, **__: threading.Event().wait())
    assert instances.main(given) == 1
    output = capsys.readouterr()
    assert "out of time: 0.2 s were over during the deployment" in output.err
    assert "time: the deployment 0 s" in output.out


@pytest.mark.parametrize(
    ("checked", "status", "said"),
    [
        ({"documents": 7, "wrong: histories": 0}, 0, ""),
        ({"documents": 7, "wrong: histories": 2}, 1, "error: sqlite: 2 wrong: histories"),
    ],
)
def test_a_loss_is_an_error(
    checked: dict[str, int],
    status: int,
    said: str,
    given: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(instances, "_on_store", lambda *_: iter([{"rows": []}, {"rows": [], "checked": checked}]))
    assert instances.main(given) == status
    assert said in capsys.readouterr().err
    assert json.loads(Path(given[-1]).read_text())["stores"]["sqlite"]["checked"] == checked


def test_deliveries_that_are_outstanding_are_an_error_beside_what_was_measured(
    given: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def on_store(*_: object) -> Iterator[dict[str, Any]]:
        yield {"rows": [{"traffic": "lists"}]}
        raise OutOfTime("after 40 s 3 deliveries were outstanding")

    monkeypatch.setattr(instances, "_on_store", on_store)
    assert instances.main(given) == 1
    assert "error: out of time: after 40 s 3 deliveries were outstanding" in capsys.readouterr().err
    assert json.loads(Path(given[-1]).read_text())["stores"]["sqlite"]["rows"] == [{"traffic": "lists"}]
