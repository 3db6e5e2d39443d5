"""Command line of the emulators: what it refuses before anything starts, what it prints, and whether the UI can run."""

import json
import signal
import socket
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.missing import skipped_when_missing
from tools.emulators import __main__ as command
from tools.emulators import programs
from tools.emulators.process import busy_ports
from tools.emulators.storage import export_bucket, storage_emulator
from tools.emulators.suite import ADMIN, Suite, default_ports, unused_ports

METADATA = "firebase-export-metadata.json"


def test_ports_in_use_are_named_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert busy_ports({"auth": port}) == ["auth"]
        monkeypatch.setattr(command, "default_ports", lambda: {"auth": port})
        assert command.main([]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("starting the emulators of ")
    assert f"error: ports in use: {port} (auth); end what uses them" in err
    assert busy_ports({"auth": port}) == []


def test_emulators_that_end_at_once_are_an_error_with_what_they_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "firebase").write_text("#!/bin/sh\necho no emulators today\nexit 3\n")
    (tmp_path / "firebase").chmod(0o755)
    monkeypatch.setattr(programs, "firebase", lambda: tmp_path / "firebase")
    monkeypatch.setattr(programs, "java", lambda: "java")
    monkeypatch.setattr(command, "default_ports", unused_ports)
    assert command.main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "exit status 3; it said: no emulators today" in error


def test_an_account_that_sees_the_dashboard_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    suite = Suite("http://127.0.0.1:1", "", "", "", "", tmp_path, "", "")
    monkeypatch.setattr(command, "emulator_suite", lambda *_, **__: nullcontext(suite))
    monkeypatch.setattr(command, "default_ports", unused_ports)
    monkeypatch.setattr(signal, "pause", interrupted)
    answers = {"load": None, "retrain": {"version": "v"}, "await_functions": None, "add_admin": "new password"}
    for name, answer in answers.items():
        monkeypatch.setattr(Suite, name, lambda *_, answer=answer: answer)
    assert command.main([]) == 0
    dashboard = f"dashboard  http://127.0.0.1:1/dashboard.html, as {ADMIN} with the password new password"
    assert dashboard in capsys.readouterr().out.splitlines()


def test_the_ports_are_those_of_the_configuration() -> None:
    config = json.loads((programs.ROOT / "firebase.json").read_text())["emulators"]
    assert default_ports() == {
        **{name: emulator["port"] for name, emulator in config.items()},
        "websocket": config["firestore"]["websocketPort"],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--import", "other"], "--import: expected the folder of an export"),
        (["--import", "none"], "--import: expected the folder of an export"),
        (["data", "--import", "export"], "--import: expected an export or FOLDER, not both"),
        (["--export-on-exit", "other"], "--export-on-exit: expected a new folder, or an export"),
        (["--export-on-exit", "none/export"], "--export-on-exit: expected a folder in one that exists"),
    ],
)
def test_a_folder_that_is_no_export_is_neither_read_nor_replaced(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("other", "export"):
        (tmp_path / name).mkdir()
    (tmp_path / "export" / METADATA).write_text("{}")
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_the_ui_runs_where_it_is_cached_or_can_be_fetched(tmp_path: Path) -> None:
    environ = {"FIREBASE_EMULATORS_PATH": str(tmp_path / "cache")}
    assert not programs.has_emulator_ui(tmp_path, environ)
    described = tmp_path / ".tools/node_modules/firebase-tools/lib/emulator/downloadableEmulatorInfo.json"
    described.parent.mkdir(parents=True)
    page = tmp_path / "ui.zip"
    ui = {"binaryPathRelativeToCacheDir": "ui/server.mjs", "remoteUrl": page.as_uri()}
    described.write_text(json.dumps({"ui": {"main": ui}}))
    assert not programs.has_emulator_ui(tmp_path, environ)
    page.touch()
    assert programs.has_emulator_ui(tmp_path, environ)
    page.unlink()
    (tmp_path / "cache" / "ui").mkdir(parents=True)
    (tmp_path / "cache" / "ui" / "server.mjs").touch()
    assert programs.has_emulator_ui(tmp_path, environ)


@pytest.mark.emulator
def test_exported_objects_are_there_again(tmp_path: Path) -> None:
    objects = {"keys/ring.json": b"{}", "models/a b/x=1.npz": bytes(range(256))}
    for name, data in objects.items():
        (tmp_path / "first" / "bucket" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "first" / "bucket" / name).write_bytes(data)
    with skipped_when_missing(), storage_emulator(data=tmp_path / "first") as storage:
        export_bucket(storage, "bucket", tmp_path / "second")
    found = {
        path.relative_to(tmp_path / "second" / "bucket").as_posix(): path.read_bytes()
        for path in (tmp_path / "second").rglob("*")
        if path.is_file()
    }
    assert found == objects
