"""Test deployment of the functions: real stores, a manual clock, and plain-text tokens."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from tests.stores import keys

Wire = Callable[..., Services]
"""Function that installs services until the test ends."""

REFRESH = timedelta(seconds=30)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


@dataclass
class Clock:
    """Manual clock: the time changes only by assignment or `forward`."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, by: timedelta = REFRESH) -> datetime:
        """Advance the clock; returns the new time."""
        self.now += by
        return self.now


class PlainIdentity:
    """Identity provider that parses plain-text tokens such as `user:alice`, `user:olga:jazz_club` or `admin:root`."""

    def caller(self, id_token: str) -> Caller:
        role, _, rest = id_token.partition(":")
        user_id, *organizer_ids = rest.split(":")
        if role == "down":
            raise StoreUnavailable("cannot fetch the keys")
        if role not in {"user", "admin", "anonymous"}:
            raise Unauthenticated("expected a valid ID token")
        return Caller(
            user_id,
            is_admin=role == "admin",
            is_anonymous=role == "anonymous",
            organizer_ids=tuple(organizer_ids),
        )

    def attest(self, app_token: str) -> None:
        if app_token != "own app":
            raise Unauthenticated("expected a valid App Check token")


def wire(
    documents: Documents,
    folder: Path,
    clock: Clock,
    *,
    objects: ObjectStore | None = None,
    timer: Callable[[], float] = time.perf_counter,
    **settings: Any,
) -> Services:
    """Services on the given documents and objects; by default, objects are in `folder`."""
    numbers, seeds = count(1), count(1)
    configured = replace(Settings(require_auth=False, model="svd", refresh_s=REFRESH.total_seconds()), **settings)
    objects = objects or FolderObjects(folder)
    return Services(
        settings=configured,
        documents=documents,
        objects=objects,
        keys=keys,
        serving=Serving(documents, objects, refresh_s=configured.refresh_s, keys=keys),
        identity=PlainIdentity(),
        now=clock,
        timer=timer,
        new_id=lambda: f"id{next(numbers):06}",
        seed=lambda: next(seeds),
        run_smoke_test=smoke_test.answer,
    )


def client() -> FlaskClient:
    """Flask test client for the HTTP functions, routed as by functions-framework."""
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
    """CloudEvent that Firestore delivers for a new interaction document."""
    return delivered(encode_change("interactions", document_id, fields), event_id=event_id)


def delivered(data: Any, *, event_id: str = "delivery_1") -> CloudEvent:
    """CloudEvent of a Firestore trigger with an arbitrary payload."""
    attributes = {
        "id": event_id,
        "source": "//firestore.googleapis.com/projects/local/databases/(default)",
        "type": "google.cloud.firestore.document.v1.written",
    }
    return CloudEvent(attributes, data)
