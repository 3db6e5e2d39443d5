"""The scheduled function."""

import pytest
from flask.testing import FlaskClient

from shared.models.recommender import MODELS
from shared.ports import Documents
from tests import laws
from tests.functions import Clock


def test_it_trains_and_publishes(client: FlaskClient, clock: Clock, store: Documents) -> None:
    assert client.get("/api/v1/health").get_json()["model_version"] is None
    response = client.post("/retrain")
    assert response.status_code == 200
    body = response.get_json()
    assert body["version"] == "20260501T120000Z-id000001"
    data = laws.city()
    assert body["counts"] == {
        "events": len(data.events),
        "users": len(data.users),
        "interactions": len(data.interactions),
    }
    assert set(MODELS) <= body["metrics"].keys()
    clock.forward()
    assert client.get("/api/v1/health").get_json()["model_version"] == body["version"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_nothing_but_post_trains(client: FlaskClient, clock: Clock, method: str) -> None:
    response = client.open("/retrain", method=method)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    clock.forward()
    assert client.get("/api/v1/health").get_json()["model_version"] is None
