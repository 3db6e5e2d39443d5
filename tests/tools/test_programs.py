from pathlib import Path

import pytest

from tools.emulators import programs
from tools.emulators.programs import ProgramMissing


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("version", ["1.8.0_402", "9.0.4", "10"])
def test_an_outdated_java_is_refused_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    program(tmp_path, "java", f"""echo 'openjdk version "{version}"' >&2""")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match=r"install Java 11 or later"):
        programs.java()


@pytest.mark.parametrize("version", ["11.0.2", "17", "21.0.1"])
def test_a_supported_java_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    program(tmp_path, "java", f"""echo 'openjdk version "{version}" 2024-01-16' >&2""")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.java() == str(tmp_path / "java")


def test_missing_programs_are_named_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match=r"needs Java: install Java 11"):
        programs.java()
    with pytest.raises(ProgramMissing, match=r"gcloud components install cloud-firestore-emulator"):
        programs.firestore_jar()


def test_gcloud_is_asked_for_its_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jar = tmp_path / "sdk" / "platform" / "cloud-firestore-emulator" / "cloud-firestore-emulator.jar"
    program(tmp_path, "gcloud", f"echo '{tmp_path / 'sdk'}'")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramMissing, match=r"apt-get install google-cloud-cli-firestore-emulator"):
        programs.firestore_jar()
    jar.parent.mkdir(parents=True)
    jar.touch()
    assert programs.firestore_jar() == jar


def test_an_outdated_node_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "node", "echo v18.20.4")
    program(tmp_path / ".tools" / "node_modules" / ".bin", "firebase", "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ProgramMissing, match=r"needs Node.js 20 or later, found v18.20.4"):
        programs.firebase(tmp_path)
    program(tmp_path / "bin", "node", "echo v20.20.2")
    assert programs.firebase(tmp_path) == tmp_path / ".tools" / "node_modules" / ".bin" / "firebase"


def test_without_the_firebase_cli_the_advice_is_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(ProgramMissing, match=r"run `make tools`"):
        programs.firebase(tmp_path)
