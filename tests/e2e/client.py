"""HTTP client of the emulator suite, as a mobile app: Auth, Firestore and the API."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import requests

from tools.emulators.suite import PROJECT, Suite

_DATABASE = f"projects/{PROJECT}/databases/(default)"
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
    login = {"email": f"{user_id.lower()}@example.com", "password": "correct horse"}
    # The emulator accepts the token "owner" for the project owner, who may choose the id of an account.
    owner = {"Authorization": "Bearer owner"}
    _json(
        requests.post(
            f"{toolkit}/projects/{PROJECT}/accounts", json={**login, "localId": user_id}, headers=owner, timeout=10
        )
    )
    answer = _json(
        requests.post(
            f"{toolkit}/accounts:signInWithPassword?key=any", json={**login, "returnSecureToken": True}, timeout=10
        )
    )
    return Account(answer["localId"], answer["idToken"])


def recommendations(suite: Suite, *, user_id: str = "", account: Account | None = None) -> requests.Response:
    """Response of GET recommendations through Hosting."""
    query = {"user_id": user_id} if user_id else {}
    headers = {"Authorization": f"Bearer {account.token}"} if account else {}
    return requests.get(f"{suite.hosting}/api/v1/recommendations", query, headers=headers, timeout=60)


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


def eventually(ask: Callable[[], Answer], holds: Callable[[Answer], bool]) -> Answer:
    """Polling: first answer for which `holds` is true, or the last answer after three minutes."""
    give_up = time.monotonic() + _PATIENCE_S
    answer = ask()
    while not holds(answer) and time.monotonic() < give_up:
        time.sleep(0.2)
        answer = ask()
    return answer


def _json(response: requests.Response) -> dict[str, Any]:
    response.raise_for_status()
    return dict(response.json())
