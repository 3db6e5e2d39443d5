"""End-to-end test of an adoption: an app on the Firebase emulators, from `init` to `remove`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from jobs import init, remove
from tests.e2e.client import Account, eventually, sign_in
from tests.e2e.host import NAMES, write_host
from tests.missing import skipped_when_missing
from tools.emulators import programs
from tools.emulators.suite import PROJECT, Suite, firebase_emulators, unused_ports

pytestmark = pytest.mark.e2e

GENRES = ("jazz", "theatre", "comedy")
SHOWS = 24
USERS = 12


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of all files but the logs of the Firebase CLI."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-debug.log"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def before() -> dict[str, bytes]:
    """Files of the app before its adoption, filled by `shop`."""
    return {}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, before: dict[str, bytes]) -> Iterator[Suite]:
    """Emulators of the app with Marquee beside its own functions."""
    folder, ports = tmp_path_factory.mktemp("shop"), unused_ports()
    write_host(folder, ports)
    before.update(contents(folder))
    assert init.main([str(folder), "--write"]) == 0
    settings = folder / "marquee" / "marquee.toml"
    settings.write_text(settings.read_text().partition("\n[events]")[0] + NAMES)
    assert init.main([str(folder), "--write"]) == 0
    (folder / "marquee" / "venv").symlink_to(programs.ROOT / "venv")
    address = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    suite = Suite(
        hosting=f"http://{address['hosting']}",
        functions=f"http://{address['functions']}",
        auth=f"http://{address['auth']}",
        storage="",
        firestore=address["firestore"],
        folder=folder,
        hub=f"http://{address['hub']}",
        ui="",
        prefix="marquee-",
    )
    health = f"{suite.hosting}/marquee/api/v1/health"
    own = {"PYTHONDONTWRITEBYTECODE": "1"}
    with skipped_when_missing(), firebase_emulators(folder, health, settings=own):
        suite.await_functions()
        yield suite


@pytest.fixture(scope="module")
def fans(shop: Suite) -> list[Account]:
    """Users of the app, each with bookings of past and coming shows of one genre, in a trained model."""
    _write_shows(shop)
    accounts = [sign_in(shop, f"fan{number}") for number in range(USERS)]
    now = datetime.now(UTC)
    for number, account in enumerate(accounts):
        entries = [
            {"type": "booking", "event_id": f"show{show}", "occurred_at": (now - timedelta(minutes=show)).isoformat()}
            for show in _booked(number)
        ]
        stored = requests.post(
            f"{shop.hosting}/marquee/api/v1/interactions",
            json={"interactions": entries},
            headers={"Authorization": f"Bearer {account.token}"},
            timeout=60,
        )
        assert stored.status_code == 200, stored.text
        assert len(stored.json()["accepted"]) == len(entries), stored.json()
    return accounts


def _booked(number: int) -> list[int]:
    """Shows that a fan has booked, all of one genre."""
    return [show for show in range(number % 3, SHOWS, 3) if show % 5 != number % 5][:6]


@pytest.fixture(scope="module")
def version(shop: Suite, fans: Sequence[Account]) -> str:
    """Version of the model that the scheduled function has trained on what the app wrote."""
    assert fans
    run = shop.retrain()
    assert run["decision"] == "published", run
    return str(run["version"])


def _write_shows(shop: Suite) -> None:
    """Shows as the app's own backend writes them."""
    now = datetime.now(UTC)
    for number in range(SHOWS):
        starts_at = now + timedelta(days=3 + number)
        fields: dict[str, Any] = {
            "name": {"stringValue": f"Show {number}"},
            "startsAt": {"timestampValue": starts_at.isoformat()},
            "until": {"integerValue": str(int((starts_at + timedelta(hours=2)).timestamp() * 1000))},
            "genre": {"stringValue": GENRES[number % 3]},
            "isLive": {"booleanValue": True},
            "host": {"referenceValue": f"projects/{PROJECT}/databases/(default)/documents/hosts/host{number % 4}"},
            "place": {
                "mapValue": {
                    "fields": {
                        "town": {"stringValue": "Lyon"},
                        "geo": {"geoPointValue": {"latitude": 45.75, "longitude": 4.85}},
                    }
                }
            },
        }
        _patch(shop, f"shows/show{number}", fields, "owner").raise_for_status()


def _patch(shop: Suite, path: str, fields: dict[str, Any], token: str, mask: str = "") -> requests.Response:
    url = f"http://{shop.firestore}/v1/projects/{PROJECT}/databases/(default)/documents/{path}{mask}"
    return requests.patch(url, json={"fields": fields}, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def _items(shop: Suite, account: Account) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{shop.hosting}/marquee/api/v1/recommendations?limit=20",
        headers={"Authorization": f"Bearer {account.token}"},
        timeout=60,
    ).json()
    assert "items" in answer, answer
    return list(answer["items"]) if answer["model_version"] else []


def _items_after(shop: Suite, account: Account, booked: Sequence[int]) -> list[dict[str, Any]]:
    """Items of the account's list once none of them is booked; bookings reach the history by a trigger, in a queue."""
    items = _items(shop, account)
    return [] if {f"show{show}" for show in booked} & {item["event_id"] for item in items} else items


def test_the_app_gets_recommendations_of_its_own_shows(shop: Suite, fans: Sequence[Account], version: str) -> None:
    assert version
    lists = set()
    for number in range(3):
        items = eventually(partial(_items_after, shop, fans[number], _booked(number)), bool)
        shows = [int(item["event_id"].removeprefix("show")) for item in items]
        assert len(shows) > 5
        assert items[0]["title"] == f"Show {shows[0]}"
        lists.add(tuple(shows))
    assert len(lists) == 3


def test_a_show_that_the_app_takes_off_is_not_recommended_any_more(
    shop: Suite, fans: Sequence[Account], version: str
) -> None:
    assert version
    shown = eventually(lambda: _items(shop, fans[0]), bool)[0]["event_id"]
    off = _patch(shop, f"shows/{shown}", {"isLive": {"booleanValue": False}}, "owner", "?updateMask.fieldPaths=isLive")
    off.raise_for_status()
    left = eventually(
        lambda: [item["event_id"] for item in _items(shop, fans[0])], lambda ids: bool(ids) and shown not in ids
    )
    assert left
    assert shown not in left


def test_the_app_keeps_its_functions_and_its_website(shop: Suite) -> None:
    api = requests.get(f"{shop.hosting}/api/v1/tickets", timeout=60)
    assert (api.status_code, api.text) == (200, "the shop's api at /api/v1/tickets")
    event = requests.get(f"{shop.functions}/{PROJECT}/us-central1/event", timeout=60)
    assert (event.status_code, event.text) == (200, "the shop's event")
    assert requests.get(f"{shop.hosting}/anywhere", timeout=60).text.strip() == "<h1>The shop</h1>"


def test_the_app_keeps_its_rules_and_gets_those_of_the_interests(shop: Suite, fans: Sequence[Account]) -> None:
    owner, other = fans[0], fans[1]
    assert _patch(shop, "shows/show1", {"name": {"stringValue": "Mine"}}, owner.token).status_code == 403
    url = f"http://{shop.firestore}/v1/projects/{PROJECT}/databases/(default)/documents"
    assert requests.get(f"{url}/shows/show1", timeout=30).status_code == 200
    document = f"projects/{PROJECT}/databases/(default)/documents/marquee_interests/{owner.user_id}"
    write: dict[str, Any] = {
        "update": {"name": document, "fields": {"city": {"stringValue": "Lyon"}}},
        "updateTransforms": [{"fieldPath": "updated_at", "setToServerValue": "REQUEST_TIME"}],
    }
    for account, status in ((other, 403), (owner, 200)):
        written = requests.post(
            f"{url}:commit",
            json={"writes": [write]},
            headers={"Authorization": f"Bearer {account.token}"},
            timeout=30,
        )
        assert written.status_code == status, written.text


def test_the_models_are_in_a_folder_of_the_app(shop: Suite, version: str) -> None:
    assert list((shop.folder / "marquee" / ".marquee" / "emulators").rglob(f"*{version}*"))


# The last: the emulators still run, as they may.
def test_the_app_is_what_it_was_before(shop: Suite, version: str, before: dict[str, bytes]) -> None:
    assert version
    assert remove.main([str(shop.folder)]) == 0
    left = contents(shop.folder)
    assert left.keys() == before.keys()
    assert left == before
    assert not (shop.folder / "marquee").exists()
