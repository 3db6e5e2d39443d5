"""Scheduled function `retrain`."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from functions import wiring
from shared.models.registry import trainable
from tests import laws
from tests.deployment import Clock, Wire


def test_retrain_trains_and_publishes(client: FlaskClient, clock: Clock) -> None:
    assert client.get("/api/v1/health").get_json()["model_version"] is None
    response = client.post("/retrain")
    assert response.status_code == 200
    body = response.get_json()
    assert body["decision"] == "published"
    assert body["version"].startswith("20260501T120000Z-id")
    data = laws.city()
    assert (body["rows"]["events"], body["rows"]["interactions"]) == (len(data.events), len(data.interactions))
    assert set(trainable()) == body["metrics"].keys()
    clock.forward()
    assert client.get("/api/v1/health").get_json()["model_version"] == body["version"]


def test_a_retry_with_the_same_schedule_time_does_not_train_twice(client: FlaskClient, clock: Clock) -> None:
    headers = {"X-CloudScheduler-ScheduleTime": "2026-05-01T11:58:00Z"}
    first = client.post("/retrain", headers=headers)
    clock.forward()
    assert client.post("/retrain", headers=headers).get_json() == first.get_json()
    assert first.get_json()["run_id"] == "20260501T115800Z"
    assert first.get_json()["version"].startswith("20260501T115800Z-")


@pytest.mark.parametrize("given", ["yesterday", "2026-04-01T00:00:00Z", "2026-05-01T13:00:00Z"])
def test_a_schedule_of_another_day_is_refused(client: FlaskClient, given: str) -> None:
    response = client.post("/retrain", headers={"X-CloudScheduler-ScheduleTime": given})
    assert (response.status_code, response.get_json()["field"]) == (400, "X-CloudScheduler-ScheduleTime")


def test_a_failed_run_is_reported_without_internals(
    client: FlaskClient, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: bytes) -> bytes:
        raise ZeroDivisionError("an internal")

    with wiring.use(replace(wire(), run_smoke_test=fails)):
        response = client.post("/retrain")
    assert response.status_code == 500
    assert "an internal" not in response.get_data(as_text=True)
    assert "an internal" in caplog.text


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post_requests_train(client: FlaskClient, clock: Clock, method: str) -> None:
    response = client.open("/retrain", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    clock.forward()
    assert client.get("/api/v1/health").get_json()["model_version"] is None
