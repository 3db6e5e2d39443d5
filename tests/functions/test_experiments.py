"""Experiments end to end: what admins define, what users see, and what the scheduled job finds."""

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from shared.entities import Experiment, Variant
from shared.entities.provenance import Provenance, Segment, named, verified
from shared.experiments.assignment import assigned
from shared.models.artifact import Manifest
from shared.ports import Documents, ObjectStore
from shared.ranking.recommender import Recommender
from shared.services.registry import load_version
from shared.signals.users import UserBatch
from tests.deployment import Clock, Wire
from tests.examples import DAY, NOW
from tests.stores import keys

API = "/api/v1"
BODY: dict[str, Any] = {
    "variants": [{"name": "now", "share": 0.5}, {"name": "popular", "share": 0.5, "model": "popularity"}],
    "starts_at": (NOW + timedelta(minutes=2)).isoformat(),
    "ends_at": (NOW + 7 * DAY).isoformat(),
}


def experiment(**changes: Any) -> Experiment:
    return Experiment.from_document("e", {**BODY, **changes})


def started(client: FlaskClient, clock: Clock, body: dict[str, Any]) -> None:
    """Experiment that has begun and that the instance knows."""
    answer = client.put(f"{API}/experiments/e", json=body)
    assert answer.status_code == 200, answer.text
    clock.forward(timedelta(minutes=3))
    client.get(f"{API}/events/popular")


def listed(client: FlaskClient, user_id: str, clock: Clock) -> tuple[list[str], Provenance, dict[str, Any]]:
    body = client.get(f"{API}/recommendations", query_string={"user_id": user_id, "limit": 5}).get_json()
    found = verified(body["recommendation_id"], keys(), user_id=user_id, at=clock.now)
    assert found is not None
    return [item["event_id"] for item in body["items"]], found, body


def test_an_experiment_is_stored_listed_and_changed(client: FlaskClient, clock: Clock) -> None:
    stored = client.put(f"{API}/experiments/e", json=BODY).get_json()
    assert stored["variants"][1] == {"name": "popular", "share": 0.5, "model": "popularity", "weights": "learned"}
    assert client.get(f"{API}/experiments/e").get_json() == {**stored, "analysis": None}
    assert client.get(f"{API}/experiments").get_json() == {"experiments": [stored]}
    assert client.get(f"{API}/experiments/other").status_code == 404
    clock.forward(timedelta(minutes=3))
    assert client.put(f"{API}/experiments/e", json={**BODY, "metric": "stars"}).status_code == 409
    assert client.put(f"{API}/experiments/e", json={**BODY, "ends_at": (NOW + DAY).isoformat()}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"variants": [{"name": "a", "share": 1}]}, "variants"),
        ({"variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "x": 1}]}, "x"),
        ({"variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "model": "no"}]}, "model"),
        (
            {"variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "model": "no version"}]},
            "model",
        ),
        ({"starts_at": NOW.isoformat().replace("2026", "2025")}, "ends_at"),
        ({"starts_at": (NOW - DAY).isoformat()}, "starts_at"),
        ({"metric": "luck"}, "metric"),
        ({"other": 1}, "other"),
    ],
)
def test_an_invalid_experiment_is_refused_by_field(client: FlaskClient, changes: dict[str, Any], field: str) -> None:
    answer = client.put(f"{API}/experiments/e", json={**BODY, **changes})
    assert (answer.status_code, answer.get_json(force=True)["field"]) == (400, field)


def test_a_planned_experiment_moves_to_no_start_in_the_past_but_may_be_called_off(client: FlaskClient) -> None:
    assert client.put(f"{API}/experiments/e", json=BODY).status_code == 200
    answer = client.put(f"{API}/experiments/e", json={**BODY, "starts_at": (NOW - DAY).isoformat()})
    assert (answer.status_code, answer.get_json(force=True)["field"]) == (400, "starts_at")
    later = {**BODY, "starts_at": (NOW + DAY).isoformat()}
    assert client.put(f"{API}/experiments/e", json=later).status_code == 200
    over = {**BODY, "starts_at": (NOW - DAY).isoformat(), "ends_at": (NOW - DAY / 2).isoformat()}
    assert client.put(f"{API}/experiments/e", json=over).status_code == 200


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("user:alice", 403), ("admin:root", 200)])
def test_experiments_are_for_admins(wire: Wire, client: FlaskClient, token: str | None, status: int) -> None:
    wire(require_auth=True)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert client.put(f"{API}/experiments/e", headers=headers, json=BODY).status_code == status
    assert client.get(f"{API}/experiments", headers=headers).status_code == status
    assert client.get(f"{API}/experiments/e", headers=headers).status_code == status


def test_no_more_than_ten_experiments_are_under_way(client: FlaskClient) -> None:
    answers = [client.put(f"{API}/experiments/e{number}", json=BODY).status_code for number in range(11)]
    assert answers == [200] * 10 + [409]


def test_each_user_sees_the_variant_of_the_hash_and_its_list_says_so(trained: FlaskClient, clock: Clock) -> None:
    usual = {f"u{number}": listed(trained, f"u{number}", clock)[0] for number in range(20)}
    usual["jazz_fan_0"] = listed(trained, "jazz_fan_0", clock)[0]
    started(trained, clock, BODY)
    popular = [item["event_id"] for item in trained.get(f"{API}/events/popular").get_json()["items"]]
    seen = Counter[str]()
    for user_id in usual:
        hit = assigned([experiment()], user_id, Segment.COLD, clock.now)
        assert hit is not None
        ids, provenance, body = listed(trained, user_id, clock)
        seen[hit[0]] += 1
        assert provenance.variant == named(hit[0])
        assert body["degraded"] == []
        is_popular = hit[0] == "e/popular"
        assert (provenance.model == 0) == is_popular
        assert not is_popular or user_id == "jazz_fan_0" or ids == popular[:5]
        assert listed(trained, user_id, clock)[0] == ids
    assert seen.keys() == {"e/now", "e/popular"}
    ranked = trained.post(f"{API}/rank", json={"user_id": "u0", "event_ids": ["jazz_1", "yoga_1"]}).get_json()
    found = verified(ranked["recommendation_id"], keys(), user_id="u0", at=clock.now)
    assert found is not None
    assert found.variant == listed(trained, "u0", clock)[1].variant


def test_nobody_and_users_who_do_not_wish_to_be_profiled_are_in_no_experiment(
    trained: FlaskClient, clock: Clock
) -> None:
    started(trained, clock, BODY)
    assert trained.put(f"{API}/users/u1/profiling", json={"allowed": False}).status_code == 200
    assert listed(trained, "u1", clock)[1].variant == 0
    body = trained.get(f"{API}/recommendations").get_json()
    found = verified(body["recommendation_id"], keys(), user_id="", at=clock.now)
    assert found is not None
    assert found.variant == 0


def test_an_experiment_costs_a_request_no_read_and_no_write(
    trained: FlaskClient, clock: Clock, store: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(trained, clock, BODY)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a request asks the store for experiments")

    monkeypatch.setattr(type(store.experiments), "ending_after", refuse)
    monkeypatch.setattr(type(store.experiments), "get", refuse)
    for number in range(5):
        assert listed(trained, f"u{number}", clock)[2]["degraded"] == []


def test_a_variant_may_have_an_earlier_version_of_the_model(trained: FlaskClient, clock: Clock, wire: Wire) -> None:
    before = trained.get(f"{API}/models").get_json()["models"][0]["version"]
    clock.forward(DAY)
    after = trained.post("/retrain").get_json()["version"]
    clock.forward()
    assert after != before
    body = {
        **BODY,
        "variants": [{"name": "now", "share": 0.5}, {"name": "old", "share": 0.5, "model": before}],
        "starts_at": (clock.now + timedelta(minutes=1)).isoformat(),
    }
    started(trained, clock, body)
    versions = Counter(listed(trained, f"u{number}", clock)[2]["model_version"] for number in range(20))
    assert versions.keys() == {before, after}


def test_a_version_is_loaded_once_whatever_its_weights(
    wire: Wire, client: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire(model="blend")
    before = client.post("/retrain").get_json()["version"]
    clock.forward(DAY)
    client.post("/retrain")
    clock.forward()
    loaded = list[str]()

    def load(objects: ObjectStore, version: str) -> tuple[Recommender, Manifest]:
        loaded.append(version)
        return load_version(objects, version)

    monkeypatch.setattr("shared.services.serving.snapshot.load_version", load)
    variants = [{"name": "now", "share": 0.5}, {"name": "old", "share": 0.5, "model": before, "weights": "hand"}]
    starts_at = (clock.now + timedelta(minutes=1)).isoformat()
    started(client, clock, {**BODY, "variants": variants, "starts_at": starts_at})
    for _ in range(3):
        clock.forward(timedelta(minutes=1))
        found = [listed(client, f"u{number}", clock) for number in range(10)]
        versions = {(body["model_version"] == before, provenance.variant) for _, provenance, body in found}
        assert versions == {(True, named("e/old")), (False, named("e/now"))}
    assert loaded.count(before) == 1


def test_a_model_that_cannot_be_loaded_is_left_out_and_the_answer_says_so(
    trained: FlaskClient, clock: Clock, store: Documents
) -> None:
    variants = (Variant(name="a", share=0.5), Variant(name="b", share=0.5, model="gone"))
    store.experiments.put(Experiment(experiment_id="e", variants=variants, starts_at=NOW - DAY, ends_at=NOW + 7 * DAY))
    clock.forward(timedelta(minutes=1))
    found = [listed(trained, f"u{number}", clock) for number in range(20)]
    assert {provenance.variant for _, provenance, _ in found} == {0, named("e/a")}
    assert all("experiments" in body["degraded"] for _, _, body in found)
    assert all(ids for ids, _, _ in found)


def test_a_model_of_a_variant_that_fails_is_no_error(
    trained: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(trained, clock, BODY)

    def fail(_self: object, _batch: UserBatch) -> np.ndarray[Any, Any]:
        raise ValueError("a fault")

    monkeypatch.setattr("shared.models.baselines.MostPopular.score", fail)
    found = [listed(trained, f"new{number}", clock) for number in range(10)]
    assert {provenance.variant for _, provenance, _ in found} == {0, named("e/now")}
    assert all(ids for ids, _, _ in found)


def test_hand_set_weights_rank_by_the_same_model(wire: Wire, client: FlaskClient, clock: Clock) -> None:
    wire(model="blend")
    client.post("/retrain")
    clock.forward()
    variants = [{"name": "now", "share": 0.5}, {"name": "hand", "share": 0.5, "weights": "hand"}]
    started(client, clock, {**BODY, "variants": variants})
    found = [listed(client, f"u{number}", clock) for number in range(10)]
    assert {provenance.variant for _, provenance, _ in found} == {named("e/now"), named("e/hand")}
    assert len({provenance.model for _, provenance, _ in found}) == 1
    assert all(body["degraded"] == [] for _, _, body in found)


def test_without_a_setting_nothing_is_explored_and_with_one_lists_say_what_was(
    wire: Wire, trained: FlaskClient, clock: Clock
) -> None:
    assert all(listed(trained, f"u{number}", clock)[1].explored == () for number in range(10))
    wire(exploration=0.5)
    clock.forward(timedelta(minutes=1))
    drawn = 0
    for number in range(10):
        ids, provenance, body = listed(trained, f"u{number}", clock)
        assert len(set(ids)) == len(ids) == 5
        places = {position for position, _ in provenance.explored}
        assert places == {place for place, item in enumerate(body["items"]) if item["source"] == "explored"}
        assert all(0.02 <= chance <= 1 for _, chance in provenance.explored)
        drawn += len(places)
    assert 10 < drawn < 40
    nobody = trained.get(f"{API}/recommendations").get_json()
    assert all(item["source"] != "explored" for item in nobody["items"])


def test_pages_of_explored_lists_repeat_no_event(wire: Wire, trained: FlaskClient, clock: Clock) -> None:
    wire(exploration=0.5)
    query = {"user_id": "u1", "limit": 3}
    seen, cursor = list[str](), None
    for _ in range(3):
        body = trained.get(f"{API}/recommendations", query_string={**query, **({"cursor": cursor} if cursor else {})})
        seen += [item["event_id"] for item in body.get_json()["items"]]
        cursor = body.get_json()["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) > 3


def test_a_variant_explores_more_than_the_deployment(wire: Wire, trained: FlaskClient, clock: Clock) -> None:
    variants = [{"name": "now", "share": 0.5}, {"name": "curious", "share": 0.5, "exploration": 0.5}]
    started(trained, clock, {**BODY, "variants": variants})
    drawn = Counter[int]()
    for number in range(20):
        _, provenance, _ = listed(trained, f"u{number}", clock)
        drawn[provenance.variant] += len(provenance.explored)
    assert drawn[named("e/now")] == 0 < drawn[named("e/curious")]


def test_a_variant_may_be_more_diverse(trained: FlaskClient, clock: Clock) -> None:
    variants = [{"name": "now", "share": 0.5}, {"name": "diverse", "share": 0.5, "diversity": 1.0}]
    asked = {f"jazz_fan_{number}": listed(trained, f"jazz_fan_{number}", clock)[0] for number in range(5)}
    started(trained, clock, {**BODY, "variants": variants})
    for user_id, before in asked.items():
        ids, provenance, _ = listed(trained, user_id, clock)
        is_diverse = provenance.variant == named("e/diverse")
        query = {"user_id": user_id, "limit": 5, "diversity": 1.0}
        wanted = trained.get(f"{API}/recommendations", query_string=query).get_json()["items"]
        assert ids == ([item["event_id"] for item in wanted] if is_diverse else before)
