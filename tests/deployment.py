"""The deployed functions in tests: real stores, a clock that tests turn, and tokens that say who they are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from cloudevents.http import CloudEvent
from flask import Flask, Response, request
from flask.testing import FlaskClient

from functions.api import api
from functions.monitor import monitor
from functions.retrain import retrain
from functions.wiring import Services
from shared.adapters.cloudevent import encode_change
from shared.adapters.objects.folder import FolderObjects
from shared.errors import StoreUnavailable, Unauthenticated
from shared.ports import Caller, Documents, ObjectStore
from shared.services.serving.snapshot import Serving
from shared.services.training import smoke_test
from shared.settings import Settings
from tests.examples import NOW

Wire = Callable[..., Services]
"""Puts services into place until a test ends."""

REFRESH = timedelta(seconds=30)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@dataclass
class Clock:
    """A time that moves only when told."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta = REFRESH) -> datetime:
        """Let time pass and say what time it is then."""
        self.now += by
        return self.now


class PlainIdentity:
    """Takes a token such as `user:alice`, `user:olga:jazz_club` or `admin:root` at its word."""

    def caller(self, id_token: str) -> Caller:
        role, _, rest = id_token.partition(":")
        user_id, *organizer_ids = rest.split(":")
        if role == "down":
            raise StoreUnavailable("cannot fetch the keys")
        if role not in {"user", "admin"}:
            raise Unauthenticated("expected a valid ID token")
        return Caller(user_id, is_admin=role == "admin", organizer_ids=tuple(organizer_ids))

    def attest(self, app_token: str) -> None:
        if app_token != "own app":
            raise Unauthenticated("expected a valid App Check token")


def wire(
    documents: Documents, folder: Path, clock: Clock, *, objects: ObjectStore | None = None, **settings: Any
) -> Services:
    """Services on these documents and, unless told otherwise, the objects of a folder."""
    numbers = count(1)
    configured = Settings(**{"require_auth": False, "model": "svd", "refresh_s": REFRESH.total_seconds()} | settings)
    objects = objects or FolderObjects(folder)
    return Services(
        settings=configured,
        documents=documents,
        objects=objects,
        serving=Serving(documents, objects, refresh_s=configured.refresh_s),
        identity=PlainIdentity(),
        now=clock,
        new_id=lambda: f"id{next(numbers):06}",
        run_smoke_test=smoke_test.answer,
    )


def client() -> FlaskClient:
    """Sends requests to the HTTP functions as functions-framework would."""
    app = Flask("functions", static_folder=None)

    @app.route("/api/<path:_path>", methods=_METHODS)
    def call_api(_path: str) -> Response:
        return api(request)

    @app.route("/retrain", methods=_METHODS)
    def call_retrain() -> Response:
        return retrain(request)

    @app.route("/monitor", methods=_METHODS)
    def call_monitor() -> Response:
        return monitor(request)

    return app.test_client()


def created(document_id: str, fields: dict[str, Any], *, event_id: str = "delivery_1") -> CloudEvent:
    """What Firestore delivers for a new interaction document."""
    return delivered(encode_change("interactions", document_id, fields), event_id=event_id)


def delivered(data: Any, *, event_id: str = "delivery_1") -> CloudEvent:
    """A delivery with any payload."""
    attributes = {
        "id": event_id,
        "source": "//firestore.googleapis.com/projects/local/databases/(default)",
        "type": "google.cloud.firestore.document.v1.created",
    }
    return CloudEvent(attributes, data)
