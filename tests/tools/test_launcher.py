import zipfile
from pathlib import Path

from tools.emulators.launcher import write_launcher


def test_a_launcher_names_the_class_and_the_jar_in_lines_that_java_reads(tmp_path: Path) -> None:
    jar = tmp_path / ("long " * 30).strip() / "some.jar"
    write_launcher(tmp_path / "launcher.jar", jar, main_class="com.example.Main")
    with zipfile.ZipFile(tmp_path / "launcher.jar") as archive:
        manifest = archive.read("META-INF/MANIFEST.MF")
    assert max(map(len, manifest.split(b"\r\n"))) == 72
    headers = manifest.replace(b"\r\n ", b"").decode().split("\r\n")
    assert headers == ["Manifest-Version: 1.0", "Main-Class: com.example.Main", f"Class-Path: {jar.as_uri()}", ""]
