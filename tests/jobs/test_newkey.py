"""Command that adds a key to a deployment."""

from pathlib import Path

import pytest

from jobs import newkey
from shared.adapters.keys import KEY, StoredKeys
from shared.adapters.objects.folder import FolderObjects


def test_a_key_is_added_and_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = FolderObjects(tmp_path)
    before = StoredKeys(objects)()
    assert newkey.main(["--objects", f"folder:{tmp_path}"]) == 0
    after = StoredKeys(objects)()
    assert after.ring[1:] == before.ring
    told = capsys.readouterr()
    assert "has 2 keys; deploy the functions again" in told.out
    assert not any(key.hex() in told.out + told.err for key in after.ring)


def test_damaged_keys_are_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    FolderObjects(tmp_path).write(KEY, b"{", generation=0)
    assert newkey.main(["--objects", f"folder:{tmp_path}"]) == 1
    assert "error: keys/ring.json is damaged" in capsys.readouterr().err
