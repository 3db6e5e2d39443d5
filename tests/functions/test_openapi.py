"""schemathesis draws requests from the API's document, allowed and not, and checks every answer against it."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.serving import make_server

from functions import contract
from tests.deployment import Clock, Wire

ROOT = Path(__file__).parents[2]
EXAMPLES = 40
"""Drawn requests a route beside those that cover each keyword; what it took to find nothing in 300 was fixed before."""
CONFIG = """
[checks]
# Its own list of answers to what the document forbids lacks 413, which tells of too many entries.
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]
"""


@contextmanager
def _served(client: FlaskClient) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, client.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/openapi.json"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_no_drawn_request_finds_an_answer_that_the_document_does_not_tell(
    wire: Wire, client: FlaskClient, clock: Clock, tmp_path: Path
) -> None:
    wire(require_auth=True)
    assert client.post("/retrain").status_code == 200
    clock.forward()
    tmp_path.joinpath("schemathesis.toml").write_text(CONFIG)
    with _served(client) as document:
        command = [sys.executable, "-m", "schemathesis.cli", "run", document, "--checks", "all", "--seed", "7"]
        command += ["--max-examples", str(EXAMPLES), "--header", "Authorization: Bearer admin:root", "--no-color"]
        environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.functions.formats", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    # It does not ask for the document again, which it reads first.
    operations = len(list(contract.contract().operations())) - 1
    assert f"Tested: {operations}" in done.stdout, done.stdout
