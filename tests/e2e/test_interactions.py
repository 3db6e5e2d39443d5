"""End-to-end tests of interactions, event changes and user erasure on the Firebase emulators."""

import json
import time
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
import requests
from pyarrow import parquet

from tests.e2e.client import Account, App, eventually, recommendations, record, sign_in
from tests.rest import Rest
from tools.emulators.suite import PROJECT, Suite

pytestmark = pytest.mark.e2e

BUCKET = f"{PROJECT}.appspot.com"


def owner(suite: Suite) -> Rest:
    """Firestore client of the project owner, which bypasses the security rules."""
    return Rest(suite.firestore, PROJECT, "owner")


def ids(app: App, account: Account | None = None, **query: str) -> list[str]:
    headers = {"Authorization": f"Bearer {account.token}"} if account else {}
    url = f"{app.suite.hosting}/api/v1/recommendations"
    answer = requests.get(url, query, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["degraded"] == []
    return [item["event_id"] for item in answer.json()["items"]]


@pytest.mark.parametrize("way", ["api", "firestore"])
def test_a_click_changes_the_next_list_of_that_user(app: App, way: str) -> None:
    account = sign_in(app.suite, f"newcomer_{way}")
    before = ids(app, account)
    assert before == ids(app)
    clicked = before[-1]
    if way == "api":
        record(app.suite, account, {"type": "click", "event_id": clicked})
    else:
        now = datetime.now(UTC) - timedelta(seconds=5)
        fields = {"user_id": account.user_id, "event_id": clicked, "type": "click", "occurred_at": now}
        size = len(account.user_id)
        key = f"click:{size}:{account.user_id}:{now:%Y%m%d}:{clicked}"
        rest = Rest(app.suite.firestore, PROJECT, account.token)
        assert rest.create("interactions", key, fields, stamp="recorded_at").status_code == 200
    after = eventually(lambda: {"ids": ids(app, account)}, lambda answer: answer["ids"] != before)["ids"]
    assert after != before
    items = recommendations(app.suite, account=account).json()["items"]
    assert any("because you looked at" in reason for item in items for reason in item["reasons"])
    assert ids(app) == before


def test_an_event_without_updated_at_is_recommended_in_time_and_removed_when_deleted(app: App) -> None:
    category, now = "end-to-end", datetime.now(UTC)
    event = {"title": "A new one", "category": category, "starts_at": now + timedelta(days=3)}
    rest = owner(app.suite)
    assert ids(app, category=category) == []

    def shown() -> dict[str, Any]:
        return {"ids": ids(app, category=category)}

    # The triggers of the sample's load may still be at work: the next event waits for no other.
    assert rest.create("events", "e2e_first", event).status_code == 200
    assert eventually(shown, lambda answer: answer["ids"] == ["e2e_first"])["ids"] == ["e2e_first"]
    assert rest.delete("events", "e2e_first").status_code == 200
    assert eventually(shown, lambda answer: answer["ids"] == [])["ids"] == []
    began = time.monotonic()
    assert rest.create("events", "e2e_new", event).status_code == 200
    assert eventually(shown, lambda answer: answer["ids"] == ["e2e_new"])["ids"] == ["e2e_new"]
    # Instances of the suite refresh every second, deployed instances every 30 seconds; this leaves 30 seconds of
    # a minute to the trigger.
    assert time.monotonic() - began < 30
    assert rest.update("events", "e2e_new", {"status": "on"}).status_code == 200
    assert eventually(shown, lambda answer: answer["ids"] == [])["ids"] == []
    letters = eventually(
        lambda: {"letters": list(documents_of(app.suite, "dead_letters"))}, lambda answer: bool(answer["letters"])
    )
    assert "e2e_new" in json.dumps(letters)
    assert rest.update("events", "e2e_new", {"status": "published"}).status_code == 200
    assert eventually(shown, lambda answer: answer["ids"] == ["e2e_new"])["ids"] == ["e2e_new"]
    assert rest.delete("events", "e2e_new").status_code == 200
    assert eventually(shown, lambda answer: answer["ids"] == [])["ids"] == []


def test_monitor_runs_on_its_schedule(monitored: dict[str, Any]) -> None:
    assert (monitored["lost"], monitored["upgraded"]) == (0, 0)


def test_no_document_and_no_object_contains_an_erased_user(app: App) -> None:
    account = sign_in(app.suite, "forgetmenot")
    rest = Rest(app.suite.firestore, PROJECT, account.token)
    assert rest.create("users", account.user_id, {"city": "Bern"}, stamp="updated_at").status_code == 200
    top = ids(app, account)[:3]
    record(
        app.suite,
        account,
        *({"type": "booking", "event_id": event_id} for event_id in top),
        {"type": "search", "query": "x"},
    )
    eventually(lambda: {"ids": ids(app, account)}, lambda answer: not {*top} & {*answer["ids"]})
    app.suite.retrain()
    assert account.user_id in everything(app.suite)

    data = _api(app, "GET", account, f"/users/{account.user_id}/data")
    assert {document["collection"] for document in data["documents"]} == {"users", "histories", "interactions"}
    assert _api(app, "DELETE", account, f"/users/{account.user_id}")["erased"] == 6
    time.sleep(1.1)  # run ids have a resolution of one second
    app.suite.retrain()
    assert account.user_id not in everything(app.suite)
    assert ids(app, account) == ids(app)


def _api(app: App, method: str, account: Account, path: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {account.token}"}
    answer = requests.request(method, f"{app.suite.hosting}/api/v1{path}", headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def everything(suite: Suite) -> str:
    """Full content as text: all documents of Firestore and all objects of the bucket."""
    url = f"http://{suite.firestore}/v1/projects/{PROJECT}/databases/(default)/documents:listCollectionIds"
    answer = requests.post(url, json={}, headers={"Authorization": "Bearer owner"}, timeout=60)
    names = answer.json()["collectionIds"]
    assert {"interactions", "event_counts"} <= set(names)
    return json.dumps([list(documents_of(suite, name)) for name in names]) + "".join(objects_of(suite))


def documents_of(suite: Suite, collection: str) -> Iterator[dict[str, Any]]:
    url = f"http://{suite.firestore}/v1/projects/{PROJECT}/databases/(default)/documents/{collection}"
    token = ""
    while True:
        query = {"pageSize": "300", "pageToken": token}
        page = requests.get(url, query, headers={"Authorization": "Bearer owner"}, timeout=60).json()
        yield from page.get("documents", [])
        token = page.get("nextPageToken", "")
        if not token:
            return


def objects_of(suite: Suite) -> Iterator[str]:
    base = f"{suite.storage}/storage/v1/b/{BUCKET}/o"
    for item in requests.get(base, timeout=60).json()["items"]:
        url = f"{base}/{urllib.parse.quote(item['name'], safe='')}?alt=media"
        data = requests.get(url, timeout=60).content
        yield item["name"]
        # Ledger files are compressed, so a search of their bytes would miss an id.
        yield repr(parquet.read_table(pa.BufferReader(data)).to_pylist()) if "parquet" in item["name"] else repr(data)
