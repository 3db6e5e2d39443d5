"""No command that runs beside emulators opens a bucket in production."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobs import load, newkey, restore, retrain, rollback
from shared.adapters.stores import open_objects
from shared.errors import SettingsError

Command = Callable[[Sequence[str]], int]


@pytest.mark.parametrize("by_settings", [False, True])
@pytest.mark.parametrize("functions", ["", "true"])
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (retrain.main, ("--store", "firestore:city")),
        (newkey.main, ()),
        (rollback.main, ()),
        (rollback.main, ("previous",)),
        (load.main, ("SAMPLE", "--store", "firestore:city")),
        (restore.main, ("--store", "firestore:city")),
    ],
)
def test_a_command_beside_emulators_refuses_a_bucket_in_production(
    command: Command,
    arguments: tuple[str, ...],
    functions: str,
    by_settings: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:9")
    monkeypatch.setenv("FUNCTIONS_EMULATOR", functions)
    monkeypatch.setenv("GCLOUD_PROJECT", "city")
    monkeypatch.setenv("MARQUEE_OBJECTS", "gs:city" if by_settings else "folder:models")
    assert command([*arguments, *([] if by_settings else ["--objects", "gs:city"])]) == 2
    said = capsys.readouterr().err
    assert "got 'gs:city', which is city in production" in said


def test_whatever_opens_a_bucket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("FUNCTIONS_EMULATOR", "true")
    with pytest.raises(SettingsError, match=r"^objects: .* or set STORAGE_EMULATOR_HOST$"):
        open_objects("gs:city")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    open_objects("gs:city")
