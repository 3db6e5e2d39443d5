"""HTTP client of the emulator suite, as a mobile app: Auth, Firestore and the API."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from typing import Any, TypeVar

import requests

from tools.emulators.suite import PROJECT, Suite

_DATABASE = f"projects/{PROJECT}/databases/(default)"
PASSWORD = "correct horse"
_OWNER = {"Authorization": "Bearer owner"}
"""Headers of the project's owner, whom the emulators know by this token: no rule binds them, and they choose ids."""
RADIUS_KM = 5
"""Distance from a visitor's place within which the site shows events, of `web/site/feed.js`."""
_EARTH_KM = 6371.0
_PATIENCE_S = 180.0
"""Longest wait for a trigger, whose turn comes after those of all loaded interactions: 18 s on two idle cores."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class App:
    """Emulator suite with loaded data and a published model; `regulars` are user ids, most active first."""

    suite: Suite
    model_version: str
    regulars: list[str]


@dataclass(frozen=True, slots=True)
class Account:
    """Signed-in user with an ID token."""

    user_id: str
    token: str


def sign_in(suite: Suite, user_id: str) -> Account:
    """Sign-in: create an account with this user id and sign in with its password."""
    toolkit = f"{suite.auth}/identitytoolkit.googleapis.com/v1"
    login = {"email": f"{user_id.lower()}@example.com", "password": PASSWORD}
    _json(
        requests.post(
            f"{toolkit}/projects/{PROJECT}/accounts", json={**login, "localId": user_id}, headers=_OWNER, timeout=10
        )
    )
    return log_in(suite, login["email"])


def log_in(suite: Suite, email: str, password: str = PASSWORD) -> Account:
    """Sign-in of an account that exists; all accounts of the tests have one password."""
    url = f"{suite.auth}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any"
    answer = _json(
        requests.post(url, json={"email": email, "password": password, "returnSecureToken": True}, timeout=10)
    )
    return Account(answer["localId"], answer["idToken"])


def recommendations(suite: Suite, *, user_id: str = "", account: Account | None = None) -> requests.Response:
    """Response of GET recommendations through Hosting."""
    query = {"user_id": user_id} if user_id else {}
    headers = {"Authorization": f"Bearer {account.token}"} if account else {}
    return requests.get(f"{suite.hosting}/api/v1/recommendations", query, headers=headers, timeout=60)


def record(suite: Suite, account: Account, *entries: dict[str, Any]) -> list[str]:
    """Ids of interactions that the API stores for an account; it must take all of them."""
    url = f"{suite.hosting}/api/v1/interactions"
    headers = {"Authorization": f"Bearer {account.token}"}
    answer = requests.post(url, json={"interactions": entries}, headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["rejected"]) == (200, []), answer.text
    return list(answer.json()["accepted"])


def write_interaction(suite: Suite, account: Account, *, user_id: str, event_id: str, type_: str) -> requests.Response:
    """Response of a write to `interactions` under the security rules, with `recorded_at` set by the server."""
    fields = {
        "user_id": {"stringValue": user_id},
        "event_id": {"stringValue": event_id},
        "type": {"stringValue": type_},
        "occurred_at": {"timestampValue": (datetime.now(UTC) - timedelta(seconds=5)).isoformat()},
    }
    write: dict[str, Any] = {
        "update": {
            "name": f"{_DATABASE}/documents/interactions/{type_}:{len(user_id)}:{user_id}:{event_id}",
            "fields": fields,
        },
        "updateTransforms": [{"fieldPath": "recorded_at", "setToServerValue": "REQUEST_TIME"}],
        "currentDocument": {"exists": False},
    }
    url = f"http://{suite.firestore}/v1/{_DATABASE}/documents:commit"
    return requests.post(
        url, json={"writes": [write]}, headers={"Authorization": f"Bearer {account.token}"}, timeout=10
    )


def user_of(suite: Suite, email: str) -> str:
    """Id of the account with an e-mail address."""
    url = f"{suite.auth}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:lookup"
    answer = _json(requests.post(url, json={"email": [email]}, headers=_OWNER, timeout=10))
    return str(answer["users"][0]["localId"])


def interactions_of(suite: Suite, user_id: str) -> list[dict[str, Any]]:
    """Documents of a user's interactions in Firestore, past the rules: fields by name, with the id as `name`."""
    by_user = {"fieldFilter": {"field": {"fieldPath": "user_id"}, "op": "EQUAL", "value": {"stringValue": user_id}}}
    query: dict[str, Any] = {"from": [{"collectionId": "interactions"}], "where": by_user}
    url = f"http://{suite.firestore}/v1/{_DATABASE}/documents:runQuery"
    response = requests.post(url, json={"structuredQuery": query}, headers=_OWNER, timeout=10)
    response.raise_for_status()
    found = [row["document"] for row in response.json() if "document" in row]
    return [
        {"name": each["name"].rpartition("/")[2], **{name: plain(value) for name, value in each["fields"].items()}}
        for each in found
    ]


def change_event(suite: Suite, event_id: str, fields: dict[str, Any]) -> None:
    """Change of some fields of an event by the project's owner, in the values of Firestore's REST API; None deletes."""
    url = f"http://{suite.firestore}/v1/{_DATABASE}/documents/events/{event_id}"
    mask = {"updateMask.fieldPaths": list(fields)}
    known = {name: value for name, value in fields.items() if value is not None}
    requests.patch(url, json={"fields": known}, params=mask, headers=_OWNER, timeout=30).raise_for_status()


def location_of(suite: Suite, event_id: str) -> tuple[float, float]:
    """Latitude and longitude of an event in Firestore."""
    url = f"http://{suite.firestore}/v1/{_DATABASE}/documents/events/{event_id}"
    place = _json(requests.get(url, timeout=30))["fields"]["location"]["mapValue"]["fields"]
    return place["lat"]["doubleValue"], place["lng"]["doubleValue"]


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance of two places, each a latitude and a longitude in degrees, by the haversine formula."""
    (lat, lng), (to_lat, to_lng) = ((radians(degrees) for degrees in place) for place in (one, other))
    chord = sin((to_lat - lat) / 2) ** 2 + cos(lat) * cos(to_lat) * sin((to_lng - lng) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(chord))


def eventually(ask: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer:
    """Polling: first answer for which `holds` is true, or the last answer after three minutes."""
    give_up = time.monotonic() + _PATIENCE_S
    answer = ask()
    while not holds(answer) and time.monotonic() < give_up:
        time.sleep(0.2)
        answer = ask()
    return answer


def plain(value: dict[str, Any]) -> Any:
    """Content of a value of Firestore's REST API, without its type."""
    return next(iter(value.values()))


def _json(response: requests.Response) -> dict[str, Any]:
    response.raise_for_status()
    return dict(response.json())
