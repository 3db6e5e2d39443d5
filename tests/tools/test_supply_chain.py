"""Supply chain: every pinned package has hashes and no address, and the audit says what it found, or that it cannot."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools.audit import FILES, main, pins
from tools.emulators.process import free_port
from tools.emulators.programs import ROOT

PINNED = pins((ROOT / name).read_text() for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_pinned_package_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n?", "", text))
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+ \\\n", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert not re.search(r"https?://|file://|--(?:extra-)?index|--find-links|--trusted-host", text)


@pytest.mark.parametrize("name", FILES)
def test_every_package_that_is_asked_for_is_pinned(name: str) -> None:
    wanted = re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)", (ROOT / name).with_suffix(".in").read_text())
    assert wanted
    assert set(wanted) <= pins([(ROOT / name).read_text()]).keys()


def test_the_files_agree_on_versions_and_hashes() -> None:
    found: dict[str, set[str]] = {}
    for name in FILES:
        for entry in re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text()):
            if match := re.match(r"([a-z0-9._-]+)==", entry):
                hashes = " ".join(re.findall(r"sha256:[0-9a-f]{64}", entry))
                found.setdefault(match[1], set()).add(f"{entry.split()[0]} {hashes}")
    assert [name for name, versions in found.items() if len(versions) > 1] == []


def test_installations_require_hashes() -> None:
    commands = re.findall(r"(?m)^\t.*pip install.*$", (ROOT / "Makefile").read_text())
    assert len(commands) >= 4
    assert all("--require-hashes" in command for command in commands)


@contextmanager
def _database(answer: Any, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_vulnerable_package_fails_the_audit(capsys: pytest.CaptureFixture[str]) -> None:
    results: list[Any] = [{} for _ in PINNED]
    place = list(PINNED).index("flask")
    results[place] = {"vulns": [{"id": "GHSA-0000"}]}
    with _database({"results": results}) as (address, asked):
        assert main(["--database", address]) == 1
    assert f"flask=={PINNED['flask']}: GHSA-0000" in capsys.readouterr().out
    [body] = asked
    assert body["queries"][place] == {
        "package": {"name": "flask", "ecosystem": "PyPI"},
        "version": PINNED["flask"],
    }


def test_sound_packages_pass_the_audit(capsys: pytest.CaptureFixture[str]) -> None:
    with _database({"results": [{}] * len(PINNED)}) as (address, _):
        assert main(["--database", address]) == 0
    assert f"{len(PINNED)} packages, 0 of them" in capsys.readouterr().out


UNUSABLE: list[Any] = [5, "x", [1], {"vulns": 5}, {"vulns": [5]}, {"vulns": [{}]}, {"vulns": ["GHSA-0000"]}]
"""Results of a package that a database does not give."""


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({}, 200),
        ([], 200),
        ({"results": []}, 200),
        ({}, 500),
        *(({"results": [result] * len(PINNED)}, 200) for result in UNUSABLE),
    ],
)
def test_an_audit_that_cannot_be_made_says_so(capsys: pytest.CaptureFixture[str], answer: Any, status: int) -> None:
    with _database(answer, status) as (address, _):
        assert main(["--database", address]) == 0
    assert main(["--database", f"http://127.0.0.1:{free_port()}"]) == 0
    said = capsys.readouterr()
    assert said.err.count("skipped: ") == 2
    assert "packages, 0 of them" not in said.out
