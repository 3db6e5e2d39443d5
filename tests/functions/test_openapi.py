"""Generated requests (schemathesis) from the OpenAPI document, valid and invalid; it describes every response."""

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
"""Generated requests per route, besides those that cover each keyword; 300 found no further failure."""
CONFIG = """
[checks]
# The default list of statuses for invalid requests lacks 413, the status for too many entries.
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, "5xx"]

[[operations]]
# Its answer lists the entries that are invalid.
include-operation-id = "postInteractions"
checks.negative_data_rejection.expected-statuses = [200, 400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]

[[operations]]
# Two valid days may be too far apart, or in the wrong order.
include-operation-id = "getReport"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, "5xx"]

[[operations]]
# The end of a valid period may come before its beginning.
include-operation-id = ["getRecommendations", "getSimilarEvents", "getPopularEvents", "getTrendingEvents"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, "5xx"]

[[operations]]
# The time of a new rule is to come.
include-operation-id = ["putRules", "previewRules"]
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, "5xx"]

[[operations]]
# Shares add up, times follow each other, names differ, versions exist; and there may be too many experiments.
include-operation-id = "putExperiment"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 409, "5xx"]
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


def test_every_response_to_generated_requests_conforms_to_the_document(
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
    # The document's own operation is not tested, since schemathesis reads the document at the start.
    operations = len(list(contract.contract().operations())) - 1
    assert f"Tested: {operations}" in done.stdout, done.stdout
