"""Published models over HTTP: activation, rollback, and requests during model swaps and failures."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from functions import wiring
from shared.adapters.objects.folder import FolderObjects
from shared.models import registry as models
from shared.models.artifact import Manifest
from shared.models.baselines import TruncatedSVD
from shared.ports import Documents
from shared.services.registry import POINTER, Pointer
from tests import deployment, laws
from tests.deployment import Clock, Wire
from tests.examples import DAY, NOW, an_interaction
from tests.known import known
from tests.stores import damage
from tests.unit.services.training.test_retrain import _of_nan

MODELS = "/api/v1/models"
HEALTH = "/api/v1/health"
ADMIN = {"Authorization": "Bearer admin:root"}


def _retrain(client: FlaskClient) -> str:
    return str(client.post("/retrain").get_json()["version"])


@pytest.fixture
def two(client: FlaskClient, clock: Clock) -> tuple[str, str]:
    """Two published versions, older first."""
    first = _retrain(client)
    clock.forward()
    return first, _retrain(client)


def test_models_are_listed_and_activated(client: FlaskClient, clock: Clock, two: tuple[str, str]) -> None:
    first, second = two
    listed = client.get(MODELS).get_json()["models"]
    assert [(model["version"], model["is_current"]) for model in listed] == [(second, True), (first, False)]
    assert listed[0]["model"] in models.MODELS
    assert listed[0]["counts"]["events"] == len(laws.city().events)
    assert listed[0]["size_mb"] > 0
    assert 0 <= listed[0]["metrics"]["ndcg@10"] <= 1
    response = client.post(f"{MODELS}/{first}:activate", json={"hold": True})
    assert response.status_code == 200
    assert response.get_json() == {
        "version": first,
        "newest": second,
        "activated_at": "2026-05-01T12:00:30Z",
        "is_held": True,
    }
    held = client.get(MODELS).get_json()["models"]
    assert [(model["version"], model["is_held"]) for model in held] == [(second, False), (first, True)]
    clock.forward()
    assert client.get(HEALTH).get_json()["model_version"] == first
    assert client.post("/retrain").get_json()["reason"] == f"{first} is held by hand"


def test_only_admins_see_and_activate_models(wire: Wire, clock: Clock, two: tuple[str, str]) -> None:
    wire(require_auth=True)
    client = deployment.client()
    for headers, status in (({}, 401), ({"Authorization": "Bearer user:alice"}, 403), (ADMIN, 200)):
        assert client.get(MODELS, headers=headers).status_code == status
        assert client.post(f"{MODELS}/{two[0]}:activate", json={}, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        ("20250101T000000Z-gone", {}, 404),
        ("..", {}, 404),
        ("x" * 129, {}, 400),
        ("first", {"hold": "yes"}, 400),
        ("first", {"force": True}, 400),
    ],
)
def test_an_invalid_activation_is_refused(
    client: FlaskClient, two: tuple[str, str], version: str, body: dict[str, object], status: int
) -> None:
    version = two[0] if version == "first" else version
    response = client.post(f"{MODELS}/{version}:activate", json=body)
    assert response.status_code in {status, 400}
    assert client.get(MODELS).get_json()["models"][0]["is_current"]


def test_a_damaged_version_is_not_activated(client: FlaskClient, two: tuple[str, str], tmp_path: Path) -> None:
    damage(tmp_path, f"models/{two[0]}/model.npz", lambda data: data[:-1])
    response = client.post(f"{MODELS}/{two[0]}:activate", json={})
    assert response.status_code == 409
    assert "sha256" in response.get_json()["detail"]
    assert client.get(MODELS).get_json()["models"][0]["is_current"]


def _point_to(folder: Path, version: str, change: Callable[[Path], None]) -> None:
    """Publish a damaged copy of the current version, as another program could."""
    current = Pointer.from_json((folder / POINTER).read_bytes()).version
    source, target = folder / "models" / current, folder / "models" / version
    target.mkdir()
    for name in ("model.npz", "manifest.json"):
        (target / name).write_bytes((source / name).read_bytes())
    change(target)
    objects = FolderObjects(folder)
    generation = known(objects.read(POINTER)).generation
    objects.write(POINTER, Pointer(version=version, newest=version).to_json(), generation=generation)


def _truncate(version: Path) -> None:
    path = version / "model.npz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip_a_bit(version: Path) -> None:
    data = bytearray((version / "model.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (version / "model.npz").write_bytes(bytes(data))


def _future_format(version: Path) -> None:
    manifest = json.loads((version / "manifest.json").read_bytes())
    (version / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))


def test_requests_succeed_during_swaps_and_versions_only_advance_except_for_a_rollback(
    wire: Wire, store: Documents, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired = wire(model="blend", challengers_s=0.0)
    client, seen, stop = deployment.client(), list[tuple[int, str | None]](), threading.Event()
    first = _retrain(client)

    def ask() -> None:
        mine = deployment.client()
        while not stop.is_set():
            response = mine.get("/api/v1/recommendations", query_string={"user_id": "jazz_fan_1"})
            seen.append((response.status_code, response.get_json().get("model_version")))

    def settle() -> str | None:
        """Let every instance refresh; returns the version in service."""
        clock.forward()
        version: str | None = client.get(HEALTH).get_json()["model_version"]
        # Counted from here, since concurrent responses may still come from the previous version.
        count = len(seen)
        while len(seen) < count + 8:
            assert any(asker.is_alive() for asker in askers)
        return version

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        assert settle() == first
        # A challenger that is deliberately worse.
        with wiring.use(replace(wired, settings=replace(wired.settings, model="popularity"))):
            refused = client.post("/retrain").get_json()
        assert refused["decision"] == "refused"
        assert settle() == first
        # A model of NaN.
        with monkeypatch.context() as patch, wiring.use(replace(wired, settings=replace(wired.settings, model="svd"))):
            patch.setattr(TruncatedSVD, "fit", _of_nan)
            assert client.post("/retrain").get_json()["decision"] == "refused"
        assert settle() == first
        # Damaged uploads: the model in service stays, and the response is degraded.
        for number, change in enumerate((_truncate, _flip_a_bit, _future_format)):
            _point_to(tmp_path, f"20260501T13000{number}Z-bad", change)
            assert settle() == first
            assert client.get(HEALTH).get_json()["degraded"] == ["model"]
        # A good version, then a rollback, then a better version.
        clock.forward(timedelta(days=1))
        store.interactions.append([an_interaction("u", "jazz_1")], now=NOW + DAY)
        second = _retrain(client)
        assert settle() == second > first
        assert client.get(HEALTH).get_json()["degraded"] == []
        client.post(f"{MODELS}/{first}:activate", json={})
        assert settle() == first
        clock.forward(timedelta(days=1))
        third = _retrain(client)
        assert settle() == third > second
    finally:
        stop.set()
        for asker in askers:
            asker.join(10)
    assert {status for status, _ in seen} == {200}
    versions = [version for number, (_, version) in enumerate(seen) if number == 0 or version != seen[number - 1][1]]
    assert [version for version in dict.fromkeys(versions) if version] == [first, second, third]
    # At a swap, the responses of two concurrent clients may be out of order by one.
    assert versions.count(second) <= 3
    assert Manifest.from_json((tmp_path / f"models/{third}/manifest.json").read_bytes()).model == "blend"
