"""Friends who go, through the functions: only mutual friends see it, only where it is on, and no model holds it."""

import json
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from functions.interaction import interaction
from shared.adapters.objects.folder import FolderObjects
from shared.entities import InteractionType, Profile, User
from shared.models.artifact import unpack
from shared.ports import Documents
from shared.services.registry import POINTER, read_manifest
from tests.deployment import Clock, Wire, created
from tests.examples import NOW
from tests.known import known

ANN, BOB, STALKER = "ann", "bob", "stalker"
PARTY = "yoga_3"
FRIENDS = [
    User(user_id=ANN, friends=(BOB,)),
    User(user_id=BOB, friends=(ANN,)),
    User(user_id=STALKER, friends=(ANN, BOB)),
]
LATER = timedelta(minutes=25)


@pytest.fixture
def friends(wire: Wire, client: FlaskClient, store: Documents, clock: Clock) -> FlaskClient:
    """Client of a deployment where friends are on and Bob has booked the party."""
    wire(require_auth=True, model="blend", challengers_s=0.0, has_friends=True)
    store.users.put(FRIENDS, now=NOW)
    book(client, store, BOB)
    return client


def book(client: FlaskClient, store: Documents, user_id: str, kind: str = "booking") -> None:
    sent = {"interactions": [{"type": kind, "event_id": PARTY}]}
    assert client.post("/api/v1/interactions", json=sent, headers=token(user_id)).status_code == 200
    for entry in store.interactions.since(NOW):
        if entry.user_id == user_id:
            interaction(created(entry.interaction_id, entry.to_document()))


def token(user_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer user:{user_id}"}


def monitored(client: FlaskClient, clock: Clock) -> dict[str, Any]:
    clock.forward(LATER)
    answer = client.post("/monitor")
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def items(client: FlaskClient, user_id: str) -> list[dict[str, Any]]:
    """Recommended and ranked events of a user."""
    listed = client.get("/api/v1/recommendations?limit=100", headers=token(user_id)).get_json()["items"]
    body = {"event_ids": [f"{kind}_{n}" for kind in ("jazz", "yoga") for n in range(10)]}
    return [*listed, *client.post("/api/v1/rank", json=body, headers=token(user_id)).get_json()["items"]]


def marked(client: FlaskClient, user_id: str) -> set[str]:
    """Events with a friend in the source or a reason."""
    found = items(client, user_id)
    return {item["event_id"] for item in found if item["source"] == "friends" or "a friend goes" in item["reasons"]}


def train(client: FlaskClient, clock: Clock) -> None:
    clock.forward(timedelta(hours=1))
    assert client.post("/retrain").get_json()["decision"] == "published"
    clock.forward()


def test_a_mutual_friend_who_goes_is_a_reason_and_a_stranger_learns_nothing(friends: FlaskClient, clock: Clock) -> None:
    train(friends, clock)
    assert marked(friends, ANN) == set()
    assert monitored(friends, clock)["shared"] >= 3
    assert marked(friends, ANN) == {PARTY}
    assert marked(friends, STALKER) == marked(friends, BOB) == set()


def test_naming_somebody_as_a_friend_changes_no_answer(friends: FlaskClient, store: Documents, clock: Clock) -> None:
    train(friends, clock)
    for friend in (BOB, ANN, "jazz_fan_0", STALKER):
        store.users.put([User(user_id="nosy", friends=(friend,))], now=clock.now)
        monitored(friends, clock)
        assert items(friends, "nosy") == items(friends, "newcomer")


@pytest.mark.parametrize("end", ["cancel", "unfriend", "erase", "refuse profiling"])
def test_what_friends_were_told_is_taken_back(friends: FlaskClient, store: Documents, clock: Clock, end: str) -> None:
    train(friends, clock)
    monitored(friends, clock)
    assert marked(friends, ANN) == {PARTY}
    if end == "cancel":
        book(friends, store, BOB, "cancel")
    elif end == "unfriend":
        store.users.put([User(user_id=BOB)], now=clock.now)
    elif end == "refuse profiling":
        answer = friends.put(f"/api/v1/users/{BOB}/profiling", json={"allowed": False}, headers=token(BOB))
        assert answer.status_code == 200
    else:
        assert friends.delete(f"/api/v1/users/{BOB}", headers=token(BOB)).status_code == 200
        assert marked(friends, ANN) == set()
    monitored(friends, clock)
    assert marked(friends, ANN) == set()


def test_a_user_who_unfriends_sees_nothing_at_once(friends: FlaskClient, store: Documents, clock: Clock) -> None:
    train(friends, clock)
    monitored(friends, clock)
    store.users.put([User(user_id=ANN)], now=clock.now)
    assert marked(friends, ANN) == set()


def test_with_friends_off_there_is_nothing_in_lists_reasons_and_models(
    friends: FlaskClient, wire: Wire, clock: Clock, tmp_path: Path
) -> None:
    train(friends, clock)
    monitored(friends, clock)
    assert marked(friends, ANN) == {PARTY}
    assert weighs_friends(tmp_path)
    wired = wire(require_auth=True, model="blend", challengers_s=0.0)
    assert not wired.settings.has_friends
    assert marked(friends, ANN) == set()
    assert "shared" not in monitored(friends, clock)
    train(friends, clock)
    assert marked(friends, ANN) == set()
    assert not weighs_friends(tmp_path)


def test_plans_that_change_while_friends_are_off_are_right_when_they_are_on_again(
    friends: FlaskClient, wire: Wire, store: Documents, clock: Clock
) -> None:
    train(friends, clock)
    monitored(friends, clock)
    wire(require_auth=True, model="blend")
    book(friends, store, BOB, "cancel")
    monitored(friends, clock)
    wire(require_auth=True, model="blend", has_friends=True)
    monitored(friends, clock)
    assert marked(friends, ANN) == set()


def test_a_request_reads_no_friend_s_document(friends: FlaskClient, store: Documents, clock: Clock, wire: Wire) -> None:
    train(friends, clock)
    monitored(friends, clock)
    read: list[str] = []
    profile = store.users.profile

    class Users:
        def __getattr__(self, name: str) -> Any:
            assert name == "profile", f"a request called {name}"
            return self.read

        def read(self, user_id: str, *, timeout_s: float) -> Profile:
            read.append(user_id)
            return profile(user_id, timeout_s=timeout_s)

    users: Any = Users()
    wire(replace(store, users=users), require_auth=True, has_friends=True)
    assert marked(friends, ANN) == {PARTY}
    assert set(read) == {ANN}


def arrays_of_model(folder: Path) -> tuple[dict[str, Any], str]:
    objects = FolderObjects(folder)
    version = json.loads(known(objects.read(POINTER)).data)["version"]
    manifest = read_manifest(objects, version)
    return unpack(known(objects.read(f"models/{version}/model.npz")).data, manifest), manifest.to_json().decode()


def weighs_friends(folder: Path) -> bool:
    arrays, _ = arrays_of_model(folder)
    return bool(arrays["blend.weights"][:, arrays["blend.signals"].tolist().index(b"friends_going")].any())


def test_no_model_holds_a_user_by_id_or_by_hash(friends: FlaskClient, clock: Clock, tmp_path: Path) -> None:
    monitored(friends, clock)
    train(friends, clock)
    arrays, manifest = arrays_of_model(tmp_path)
    users = [BOB, ANN, STALKER, *(f"{kind}_fan_{n}" for kind in ("jazz", "yoga") for n in range(14))]
    held = b"".join(array.tobytes() for array in arrays.values()) + manifest.encode()
    for user_id in users:
        for size in (4, 8, 16):
            digest = blake2b(user_id.encode(), digest_size=size).digest()
            assert digest not in held
            assert digest.hex().encode() not in held
        assert user_id.encode() not in held or len(user_id) < 4
    assert not any(name.startswith("signal.friends") for name in arrays)
    assert not any(array.dtype == np.uint64 for name, array in arrays.items() if name.startswith("signal."))


def test_every_type_of_hit_is_told(friends: FlaskClient, store: Documents, clock: Clock) -> None:
    train(friends, clock)
    for kind in (InteractionType.SAVE, InteractionType.ATTEND):
        book(friends, store, BOB, "cancel")
        book(friends, store, BOB, kind)
        monitored(friends, clock)
        assert marked(friends, ANN) == {PARTY}
