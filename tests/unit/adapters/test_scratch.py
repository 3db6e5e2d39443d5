"""Scratch folders: gone after their block, and those of killed processes gone with the next."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from shared.adapters import scratch as module
from shared.adapters.scratch import scratch
from tools.emulators.programs import ROOT

_HOLD = """
import sys
from shared.adapters.scratch import scratch
with scratch("marquee-test-") as folder:
    (folder / "copy").write_bytes(b"data")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def _made_long_ago(folder: Path) -> None:
    os.utime(folder, (0, 0))


def _holder() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _HOLD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _folder_of(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_folder_is_deleted_after_its_block_and_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch("marquee-test-") as folder:
            (folder / "file").write_bytes(b"data")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_killed_process_is_deleted_by_the_next_one(tmp_path: Path) -> None:
    with _holder() as process:
        left = _folder_of(process)
        process.kill()
    assert (left / "copy").exists()
    _made_long_ago(left)
    with scratch("marquee-test-") as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_in_use_stays_however_old_it_is(tmp_path: Path) -> None:
    with _holder() as process:
        used = _folder_of(process)
        _made_long_ago(used)
        with scratch("marquee-test-"):
            assert (used / "copy").exists()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_was_just_made_stays_though_it_is_not_locked_yet() -> None:
    young = Path(tempfile.mkdtemp(prefix="marquee-test-"))
    with scratch("marquee-test-"):
        assert young.exists()


def test_links_and_other_folders_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_YOUNG_S", -1.0)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"data")
    (tmp_path / "marquee-test-link").symlink_to(tmp_path / "kept")
    with scratch("marquee-test-"):
        assert (tmp_path / "kept" / "file").exists()
