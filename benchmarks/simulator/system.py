"""Simulated deployment: the functions on an SQLite file and a folder, by a simulated clock, as an app calls them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from cloudevents.http import CloudEvent
from flask import request
from flask.testing import FlaskClient

from benchmarks.simulator.clock import Clock, Timer
from benchmarks.simulator.world import World
from functions import wiring
from functions.interaction import interaction
from functions.monitor import monitor
from functions.retrain import retrain
from jobs.demo import TriggeringLog, make_app
from shared.adapters.cloudevent import encode_change
from shared.entities import Event
from shared.services.ingest.bulk_load import CHUNK, load_interactions
from shared.services.training import smoke_test
from shared.settings import Settings

_REFRESH_S: Final = 600.0
"""Seconds between two looks of the instance at the stores: a look costs as much as ten requests."""
_PATIENCE_S: Final = 60.0
"""Seconds that a list waits for the stores: on a busy machine, a list without a history would be one by chance."""
_MAX_SENT: Final = 500
"""Interactions of a request at most, as the API has it."""
_SETTLED_IN: Final = timedelta(minutes=30)
"""Time after which `monitor` has settled what was recorded before."""


@dataclass(frozen=True, slots=True)
class Shown:
    """List of events as the app got it.

    Attributes
    ----------
    kind : kind of the list, such as `recommendations`.
    user_id : user for whom it was asked, "" for nobody.
    recommendation_id, model_version : as the answer has them.
    event_ids : its events, best first.
    sources : what ranked each of them.
    at : time of the answer.
    """

    kind: str
    user_id: str
    recommendation_id: str
    model_version: str
    event_ids: tuple[str, ...]
    sources: tuple[str, ...]
    at: datetime

    def source(self, event_id: str) -> str:
        """Source of an event of the list."""
        return self.sources[self.event_ids.index(event_id)]


class CallFailed(Exception):
    """Answer of the deployment that the simulation does not expect: its status and text."""


class System:
    """Deployment in this process, as an app, its triggers and its scheduler see it.

    Parameters
    ----------
    client : client of the HTTP functions.
    wired : their services.
    clock : their clock.
    timer : what their requests are timed by.
    """

    def __init__(self, client: FlaskClient, wired: wiring.Services, clock: Clock, timer: Timer) -> None:
        self._client = client
        self.wired = wired
        self.clock = clock
        self.timer = timer

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, clock: Clock, **settings: Any) -> Iterator[Self]:
        """Deployment with empty stores in `folder`, in the block."""
        configured = Settings(
            documents=f"sqlite:{folder / 'documents.db'}",
            objects=f"folder:{folder / 'bucket'}",
            require_auth=False,
            refresh_s=_REFRESH_S,
            deadline_s=_PATIENCE_S,
            **settings,
        )
        built, timer = wiring.build(configured), Timer()
        log = TriggeringLog(built.documents.interactions, interaction)
        wired = replace(
            built,
            documents=replace(built.documents, interactions=log),
            now=clock,
            timer=timer,
            # A process of its own takes longer than the training of a small city.
            run_smoke_test=smoke_test.answer,
        )
        app = make_app(wired)
        app.add_url_rule("/monitor", "monitor", view_func=lambda: monitor(request), methods=["POST"])
        app.add_url_rule("/retrain", "retrain", view_func=lambda: retrain(request), methods=["POST"])
        with wiring.use(wired), _quiet():
            try:
                yield cls(app.test_client(), wired, clock, timer)
            finally:
                built.documents.close()

    def load(self, world: World) -> None:
        """Load of a city's users, and of what happened before the simulation with the events of then."""
        now = self.clock()
        self.wired.documents.users.put(world.users, now=now)
        self.publish([event for event in world.events if event.created_at and event.created_at <= now])
        for begin in range(0, len(world.past), CHUNK):
            load_interactions(self.wired.documents, world.past[begin : begin + CHUNK], now=now)
        # What was loaded is settled before anything else happens.
        self.clock.forward(now + _SETTLED_IN)
        self.monitor()

    def publish(self, events: Sequence[Event]) -> None:
        """Publication of events, as organizers write them."""
        if events:
            self.wired.documents.events.put(events, now=self.clock())

    def list(self, kind: str, user_id: str, *, limit: int, event_id: str = "", event_ids: Sequence[str] = ()) -> Shown:
        """List of events for a user, "" for nobody; that of events similar to `event_id`, or of `event_ids` ranked."""
        who = {"user_id": user_id} if user_id else {}
        if kind == "rank":
            body = self._called("POST", "/api/v1/rank", json={**who, "event_ids": list(event_ids)})
        else:
            path = "/recommendations" if kind == "recommendations" else f"/events/{event_id or kind}"
            path += "/similar" if kind == "similar" else ""
            window = {"window": "week"} if kind == "trending" else {}
            body = self._called("GET", f"/api/v1{path}", query_string={**who, **window, "limit": limit})
        return Shown(
            kind,
            user_id,
            body["recommendation_id"],
            body["model_version"] or "",
            tuple(item["event_id"] for item in body["items"][:limit]),
            tuple(item["source"] for item in body["items"][:limit]),
            self.clock.at,
        )

    def record(self, who: Mapping[str, str], entries: Sequence[Mapping[str, Any]]) -> None:
        """Interactions of a user, `user_id`, or a visitor, `anonymous_id`; of both, the visitor signs in as the user.

        Raises `CallFailed` where the deployment rejects an interaction.
        """
        for begin in range(0, len(entries), _MAX_SENT):
            part = list(entries[begin : begin + _MAX_SENT])
            body = self._called("POST", "/api/v1/interactions", json={**who, "interactions": part})
            if body["rejected"]:
                raise CallFailed(f"interactions: expected all accepted, got {body['rejected'][0]}")

    def write_document(self, document_id: str, fields: Mapping[str, Any]) -> None:
        """Delivery to the trigger of an interaction document that an app has written itself, as it is."""
        attributes = {
            "id": document_id,
            "source": "//firestore.googleapis.com/projects/local/databases/(default)",
            "type": "google.cloud.firestore.document.v1.written",
        }
        interaction(CloudEvent(attributes, encode_change("interactions", document_id, dict(fields))))

    def define(self, experiment_id: str, body: Mapping[str, Any]) -> None:
        """Definition of an experiment, as an admin makes it."""
        self._called("PUT", f"/api/v1/experiments/{experiment_id}", json=dict(body))

    def experiment(self, experiment_id: str) -> dict[str, Any]:
        """Experiment with its latest analysis."""
        return self._called("GET", f"/api/v1/experiments/{experiment_id}")

    def monitor(self) -> dict[str, Any]:
        """Run of `monitor`; its report."""
        return self._called("POST", "/monitor")

    def report(self, day: date) -> dict[str, Any]:
        """Report of a UTC day, as the API gives it; empty without one."""
        query = {"from": day.isoformat(), "to": day.isoformat()}
        reports: list[dict[str, Any]] = self._called("GET", "/api/v1/report", query_string=query)["reports"]
        return reports[0] if reports else {}

    def retrain(self) -> dict[str, Any]:
        """Run of `retrain`; its document."""
        return self._called("POST", "/retrain")

    def _called(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        response: Any = self._client.open(path, method=method, **given)
        if response.status_code != 200:
            raise CallFailed(f"{method} {path}: expected status 200, got {response.status}: {response.text[:300]}")
        body: dict[str, Any] = response.get_json()
        return body


@contextmanager
def _quiet() -> Iterator[None]:
    """Block in which the functions log problems alone: a simulated month is some hundred thousand lines."""
    loggers = [logging.getLogger(name) for name in ("functions", "shared")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
