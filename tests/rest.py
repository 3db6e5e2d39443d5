"""Firestore REST client of an app: requests with a user's token under the security rules."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from shared.entities import Interaction, InteractionType
from shared.entities.fields import GeoPoint

_TIMEOUT_S = 30
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


@dataclass(frozen=True, slots=True)
class Rest:
    """Client of a project on the Firestore emulator at HOST:PORT; `token` authenticates the user, "" for nobody."""

    host: str
    project: str
    token: str = ""
    database_id: str = "(default)"

    @property
    def database(self) -> str:
        """Resource name of the database."""
        return f"projects/{self.project}/databases/{self.database_id}"

    def create(self, collection: str, key: str, fields: Mapping[str, Any], *, stamp: str = "") -> requests.Response:
        """Create a document; `stamp` is a field that the server sets to its time."""
        return self._commit(collection, key, fields, stamp, {"currentDocument": {"exists": False}})

    def update(
        self, collection: str, key: str, fields: Mapping[str, Any], *, stamp: str = "", without: Sequence[str] = ()
    ) -> requests.Response:
        """Set fields of a document, which is created if missing, and delete those `without`; others stay unchanged."""
        mask = {"updateMask": {"fieldPaths": [*fields, *without]}}
        return self._commit(collection, key, fields, stamp, mask)

    def delete(self, collection: str, key: str) -> requests.Response:
        """Delete a document."""
        return requests.delete(self._url(f"documents/{collection}/{key}"), headers=self._headers(), timeout=_TIMEOUT_S)

    def get(self, collection: str, key: str) -> requests.Response:
        """Read a document."""
        return requests.get(self._url(f"documents/{collection}/{key}"), headers=self._headers(), timeout=_TIMEOUT_S)

    def commit(self, *writes: Mapping[str, Any]) -> requests.Response:
        """Commit writes as Firestore's REST API has them, all or none."""
        return self.post("commit", {"writes": writes})

    def query(self, collection: str, *conditions: tuple[str, str, Any], group: bool = False) -> requests.Response:
        """Query of a collection, or of its `group` at any depth; conditions are field, operator and value."""
        filters = [
            {"fieldFilter": {"field": {"fieldPath": field}, "op": operator, "value": encoded(value)}}
            for field, operator, value in conditions
        ]
        query: dict[str, Any] = {"from": [{"collectionId": collection, "allDescendants": group}]}
        if filters:
            query["where"] = {"compositeFilter": {"op": "AND", "filters": filters}}
        return self.post("runQuery", {"structuredQuery": query})

    def post(self, method: str, body: Mapping[str, Any]) -> requests.Response:
        """Call of a method of the documents, such as `commit` or `batchGet`."""
        return requests.post(self._url(f"documents:{method}"), json=body, headers=self._headers(), timeout=_TIMEOUT_S)

    def name(self, collection: str, key: str) -> str:
        """Resource name of a document."""
        return f"{self.database}/documents/{collection}/{key}"

    def list(self, collection: str) -> requests.Response:
        """List the documents of a collection."""
        return requests.get(self._url(f"documents/{collection}"), headers=self._headers(), timeout=_TIMEOUT_S)

    def _commit(
        self, collection: str, key: str, fields: Mapping[str, Any], stamp: str, how: dict[str, Any]
    ) -> requests.Response:
        values = {field: encoded(value) for field, value in fields.items()}
        write = {"update": {"name": self.name(collection, key), "fields": values}, **how}
        if stamp:
            write["updateTransforms"] = [{"fieldPath": stamp, "setToServerValue": "REQUEST_TIME"}]
        return self.commit(write)

    def _url(self, path: str) -> str:
        return f"http://{self.host}/v1/{self.database}/{path}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def unsigned_token(project: str, user_id: str, **claims: Any) -> str:
    """Unsigned ID token, which only the emulator accepts."""
    payload = {
        "iss": f"https://securetoken.google.com/{project}",
        "aud": project,
        "sub": user_id,
        "user_id": user_id,
        "iat": 0,
        "exp": 2**32,
    }
    parts = ({"alg": "none", "typ": "JWT"}, payload | claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def key_of(fields: Mapping[str, Any]) -> str:
    """Document id that follows from an interaction's fields."""
    given = {"event_id": "", "organizer_id": "", "query": "", "category": "", "recommendation_id": "", **fields}
    values = {name: given[name] for name in Interaction.__dataclass_fields__ if name in given}
    return Interaction(interaction_id="", **values | {"type": InteractionType(given["type"])}).expected_id()


def encoded(value: Any) -> dict[str, Any]:
    """Firestore REST encoding of a value."""
    if value is None:
        return {"nullValue": None}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"integerValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(value)]}
    if isinstance(value, datetime):
        return {"timestampValue": value.isoformat()}
    if isinstance(value, GeoPoint):
        return {"geoPointValue": {"latitude": value.latitude, "longitude": value.longitude}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [encoded(item) for item in value]}}
    if isinstance(value, dict):
        return {"mapValue": {"fields": {name: encoded(item) for name, item in value.items()}}}
    return {"stringValue": value}
