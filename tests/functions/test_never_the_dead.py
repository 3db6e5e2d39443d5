"""Randomized test of visibility: 10,000 requests over all lists, filters, pages and outages, with a moving clock.

No list contains an event that is over. No list contains an event that is cancelled, hidden, sold out, blocked, booked
or dismissed from the first request on that could know it; if a store is down, the response is degraded.
"""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions import wiring
from shared.adapters.objects.folder import FolderObjects
from shared.entities import Event, InteractionType, Location, Rules, Status
from shared.ports import Documents
from tests import deployment
from tests.deployment import REFRESH, Clock
from tests.examples import an_interaction, end_of
from tests.stores import FragileObjects, Outage, documents, fragile

WORLDS = 25
REQUESTS = 400
HOUR = timedelta(hours=1)
EVENT_IDS = [f"event_{number}" for number in range(14)]
ORGANIZERS = ["club", "hall", "bar"]
CONDITIONS: list[tuple[str, list[Any]]] = [
    ("limit", [1, 3, 100]),
    ("near", ["41.9,-87.6", "0,0"]),
    ("radius_km", [1, 500]),
    ("when", ["today", "weekend", "week"]),
    ("from", ["2026-05-01T00:00:00Z"]),
    ("to", ["2026-05-03T00:00:00Z", "2027-01-01T00:00:00Z"]),
    ("category", ["music", "none"]),
    ("tags", ["jazz", "jazz,yoga"]),
    ("max_price", [0, 20]),
    ("exclude", ["event_1,event_2"]),
    ("diversity", [0.5, 1]),
    ("per_organizer", [1, 2]),
    ("explain", ["true", "false"]),
]


class Ticking(Clock):
    """Clock that advances by a second with each reading."""

    def __call__(self) -> Any:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class World:
    """Model of the stores: the true state, the state that an instance must know, and random changes."""

    rng: random.Random
    store: Documents
    clock: Clock
    client: FlaskClient
    outages: dict[str, Outage]
    events: dict[str, Event] = field(default_factory=dict)
    known: dict[str, Event] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    rules: Rules = field(default_factory=Rules)
    known_rules: Rules = field(default_factory=Rules)
    cursors: list[str] = field(default_factory=list)

    def happen(self) -> None:
        kind = self.rng.choice(["write", "write", "write", "wait", "take", "rules", "outage", "train"])
        if kind == "write":
            changed = [self._event() for _ in range(self.rng.randint(1, 4))]
            self.store.events.put(changed, now=self.clock.now)
            self.events |= {event.event_id: event for event in changed}
        elif kind == "wait":
            self.clock.forward(self.rng.randint(1, 8) * HOUR)
        elif kind == "take":
            taken = self.rng.choice([InteractionType.BOOKING, InteractionType.ATTEND, InteractionType.DISMISS])
            event_id = self.rng.choice(EVENT_IDS)
            self.store.users.remember([an_interaction("u", event_id, taken, occurred_at=self.clock.now)])
            self.gone.add(event_id)
        elif kind == "rules":
            blocked = tuple(self.rng.sample(EVENT_IDS, 2))
            self.rules = Rules(blocked_events=blocked, blocked_organizers=(self.rng.choice(ORGANIZERS),))
            self.store.rules.write(self.rules)
        elif kind == "outage":
            for outage in self.outages.values():
                outage.is_on = self.rng.random() < 0.25
        elif not any(outage.is_on for outage in self.outages.values()):
            assert self.client.post("/retrain").status_code == 200

    def _event(self) -> Event:
        starts = self.clock.now + self.rng.randint(-4, 30) * HOUR
        capacity = self.rng.choice([None, None, 10])
        return Event(
            event_id=self.rng.choice(EVENT_IDS),
            title=self.rng.choice(["Jazz night", "Yoga morning"]),
            category=self.rng.choice(["music", "sport"]),
            tags=tuple(self.rng.sample(["jazz", "yoga", "live"], 2)),
            organizer_id=self.rng.choice([*ORGANIZERS, ""]),
            location=self.rng.choice([None, Location(41.9, -87.6)]),
            price=self.rng.choice([None, 0.0, 15.0]),
            starts_at=starts,
            ends_at=self.rng.choice([None, starts + 2 * HOUR]),
            status=self.rng.choice([Status.PUBLISHED, Status.PUBLISHED, *Status]),
            capacity=capacity,
            booked=self.rng.choice([None, 9, 10]),
        )

    def ask(self) -> None:
        route = self.rng.choice(["recommendations", "similar", "popular", "trending", "rank"])
        user = self.rng.choice([{}, {"user_id": "u"}, {"user_id": "club"}])
        if route == "rank":
            answer = self.client.post("/api/v1/rank", json={"event_ids": EVENT_IDS, **user})
        else:
            path = {
                "recommendations": "recommendations",
                "similar": f"events/{self.rng.choice(EVENT_IDS)}/similar",
                "popular": "events/popular",
                "trending": "events/trending",
            }[route]
            some = self.rng.sample(CONDITIONS, self.rng.randint(0, 3))
            query = {name: self.rng.choice(values) for name, values in some} | user
            if route == "recommendations" and self.rng.random() < 0.3:
                query["recent"] = ",".join(self.rng.sample(EVENT_IDS, 2))
            if self.cursors and self.rng.random() < 0.3:
                query["cursor"] = self.rng.choice(self.cursors[-5:])
            answer = self.client.get(f"/api/v1/{path}", query_string=query)
        self.check(answer.status_code, answer.get_json(force=True), user.get("user_id", ""))

    def check(self, status: int, body: dict[str, Any], user_id: str) -> None:
        if status == 404:
            assert "event_id" in body["detail"]
            return
        if status == 503:
            assert self.outages["events"].is_on
            return
        assert status == 200, body
        if body.get("next_cursor"):
            self.cursors.append(body["next_cursor"])
        if not {"events", "refresh"} & set(body["degraded"]):
            self.known = dict(self.events)
        if not {"rules", "refresh"} & set(body["degraded"]):
            self.known_rules = self.rules
        shown = [item["event_id"] for item in body["items"]]
        assert len(shown) == len(set(shown))
        for event_id in shown:
            event = self.known.get(event_id) or self.events[event_id]
            assert end_of(event) > self.clock.now, (event, self.clock.now, body)
            is_full = event.capacity is not None and event.booked is not None and event.booked >= event.capacity
            assert event.status is Status.PUBLISHED, (event, body)
            assert not is_full, (event, body)
            assert event_id not in self.known_rules.blocked_events
            assert event.organizer_id not in (*self.known_rules.blocked_organizers, user_id or "nobody")
            assert user_id != "u" or "history" in body["degraded"] or event_id not in self.gone


@pytest.mark.parametrize("seed", range(WORLDS))
def test_no_list_contains_an_event_that_may_not_be_shown(seed: int, tmp_path: Path) -> None:
    outages = {name: Outage() for name in ("events", "users", "counters", "objects")}
    clock, store, rng = Ticking(), documents(), random.Random(seed)
    parts = {name: outage for name, outage in outages.items() if name != "objects"}
    objects = FragileObjects(FolderObjects(tmp_path), outages["objects"])
    with wiring.use(deployment.wire(fragile(store, **parts), tmp_path, clock, objects=objects)):
        world = World(rng, store, clock, deployment.client(), outages)
        for number in range(REQUESTS):
            if number % 4 == 0:
                world.happen()
            # A change takes effect within a refresh; the end of an event takes effect at once.
            clock.forward(REFRESH if number % 4 == 0 else timedelta(seconds=rng.choice([0, 5, 600])))
            world.ask()
    store.close()
