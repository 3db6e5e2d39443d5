"""Records for admins over HTTP: trainings and dead letters."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shared.ports import DeadLetter, Documents
from tests import deployment
from tests.deployment import Clock, Wire
from tests.examples import NOW

RUNS, LETTERS = "/api/v1/runs", "/api/v1/dead-letters"
ADMIN = {"Authorization": "Bearer admin:root"}


def test_trainings_are_listed_newest_first_without_what_no_training_wrote(
    wire: Wire, clock: Clock, tmp_path: Path
) -> None:
    wire(model="popularity", challengers_s=0.0)
    client = deployment.client()
    assert client.get(RUNS).get_json() == {"runs": []}
    first = client.post("/retrain").get_json()
    clock.forward(timedelta(days=1))
    second = client.post("/retrain").get_json()
    (tmp_path / "runs" / "20990101T000000Z.json").write_text("{}")
    (tmp_path / "runs" / "20990101T000000Z.txt").write_text("")
    runs = client.get(RUNS).get_json()["runs"]
    assert [run["run_id"] for run in runs] == [second["run_id"], first["run_id"]]
    assert (runs[1]["decision"], runs[1]["version"]) == ("published", first["version"])
    assert {"read", "load", "trial", "fit", "publish"} <= runs[1]["phases"].keys()
    assert runs[1]["reads"] > 0
    assert runs[1]["price_usd"] > 0
    assert runs[1]["metrics"]["popularity"]["users"] > 0
    assert [run["run_id"] for run in client.get(RUNS, query_string={"limit": 1}).get_json()["runs"]] == [
        second["run_id"]
    ]


def test_dead_letters_are_listed_newest_first_without_their_fields(client: FlaskClient, store: Documents) -> None:
    assert client.get(LETTERS).get_json() == {"dead_letters": []}
    for number in range(3):
        letter = DeadLetter(f"key_{number}", "interactions", f"id_{number}", "type: unknown", "alice", '{"a": 1}')
        store.dead_letters.put(letter, now=NOW + timedelta(seconds=number))
    found = client.get(LETTERS, query_string={"limit": 2}).get_json()["dead_letters"]
    assert found == [
        {"put_at": at, "collection": "interactions", "document_id": document_id, "reason": "type: unknown"}
        for at, document_id in (("2026-05-01T12:00:02Z", "id_2"), ("2026-05-01T12:00:01Z", "id_1"))
    ]


@pytest.mark.parametrize("path", [RUNS, LETTERS])
def test_records_are_for_admins(wire: Wire, path: str) -> None:
    wire(require_auth=True)
    client = deployment.client()
    for headers, status in (({}, 401), ({"Authorization": "Bearer user:alice"}, 403), (ADMIN, 200)):
        assert client.get(path, headers=headers).status_code == status


@pytest.mark.parametrize("path", [RUNS, LETTERS])
@pytest.mark.parametrize("limit", ["0", "101", "x", ""])
def test_a_limit_out_of_range_is_refused(client: FlaskClient, path: str, limit: str) -> None:
    answer = client.get(path, query_string={"limit": limit})
    assert (answer.status_code, answer.get_json()["field"]) == (400, "limit")
