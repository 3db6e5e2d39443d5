"""Benchmark fixture: a trained deployment with an exact number of live events."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.market import RECURRING
from benchmarks.offers import Offers
from jobs.console import Console
from jobs.load import load_folder
from jobs.sample import write_sample
from shared.adapters.keys import StoredKeys
from shared.adapters.stores import open_documents, open_objects
from shared.entities import Event, Location, Status
from shared.models.artifact import Manifest, describe, digest, pack
from shared.ports import Documents, ObjectStore
from shared.services.registry import publish
from shared.services.training.dataset import Dataset, fit

USERS: Final = 2_000
_TRAINED: Final = 10_000
_INTERACTIONS: Final = 40_000
_EVENTS_PER_LIVE_EVENT: Final = 2.6
"""Generated events per live event; a generated city has about 1.4 past events for each upcoming one."""


def build(folder: Path, *, live: int, console: Console) -> None:
    """Deployment in `folder`: documents.db and bucket/ of a city with exactly `live` live events; reused if it exists.

    Texts, tags, places and prices are those of `Offers`, which most events have of their own. At most 10,000
    of the live events are part of the training; the rest are added later and have attributes only.
    """
    done = folder / "done.json"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    size = round(min(live, _TRAINED) * _EVENTS_PER_LIVE_EVENT)
    write_sample(folder / "csv", users=USERS, events=size, interactions=_INTERACTIONS, seed=1, now=now)
    objects = open_objects(f"folder:{folder / 'bucket'}")
    documents = open_documents(f"sqlite:{folder / 'documents.db'}", StoredKeys(objects))
    # Loaded a day ago, so that an instance does not read the documents of the model again.
    loaded = now - timedelta(days=1)
    load_folder(folder / "csv", documents, rejected=folder / "rejected.csv", clock=lambda: loaded, console=console)
    stored = sorted(documents.events.changed_since(None), key=lambda event: event.event_id)
    showable = sorted(documents.events.live(now), key=lambda event: event.event_id)
    surplus = {event.event_id for event in showable[live:]}
    events = _with_offers([*stored, *_later(showable, live - len(showable))], np.random.default_rng(1))
    trained, later = events[: len(stored)], events[len(stored) :]
    documents.events.put(
        [replace(event, status=Status.HIDDEN) if event.event_id in surplus else event for event in trained], now=loaded
    )
    console.say(f"training on {len(trained):,} events")
    # Hours ago, too, so that only the first look of an instance reads the later events, and none after it again.
    train(documents, objects, now=now, watermark=loaded + timedelta(hours=1))
    documents.events.put(later, now=loaded + timedelta(hours=2))
    documents.close()
    done.write_text(json.dumps({"live": live, "trained_at": now.isoformat()}))


def train(documents: Documents, objects: ObjectStore, *, now: datetime, watermark: datetime) -> None:
    """Training: fit the blend on all documents and publish it, without the gate of a scheduled training run.

    Instances read the documents again that were written after `watermark`.
    """
    data = Dataset(
        tuple(documents.events.changed_since(None)),
        {user.user_id: user for user in documents.users.changed_since(None)},
        tuple(documents.interactions.since(None)),
    )
    recommender = fit(data, model="blend", now=now, half_life_days=90.0)[0]
    arrays = recommender.to_arrays()
    packed = pack(arrays)
    manifest = Manifest(
        version=f"{now:%Y%m%dT%H%M%SZ}-bench",
        model="blend",
        trained_at=now,
        watermark=watermark,
        sha256=digest(packed),
        arrays=describe(arrays),
        counts={},
        metrics={},
    )
    publish(objects, manifest, packed, began=now, uploaded=lambda: None)


def _later(events: list[Event], count: int) -> list[Event]:
    """Copies of events under new ids, `count` of them."""
    return [
        replace(events[number % len(events)], event_id=f"later_{number}", booked=None, capacity=None)
        for number in range(max(count, 0))
    ]


def _with_offers(events: list[Event], rng: np.random.Generator) -> list[Event]:
    """Events with texts, tags, places and prices of their own; a share of them has those of the first of its series.

    The generated city has few texts, which most of its events share.
    """
    _, topics = np.unique([f"{event.category} {event.subcategory}" for event in events], return_inverse=True)
    offers = Offers.of(topics, rng)
    titles, descriptions, tags = offers.titles.to_pylist(), offers.descriptions.to_pylist(), offers.tags.to_pylist()
    first: dict[tuple[str, str], int] = {}
    recurs = rng.random(len(events)) < RECURRING
    changed = []
    for number, event in enumerate(events):
        begun = first.setdefault((event.organizer_id, event.title), number)
        row = begun if recurs[number] else number
        changed.append(
            replace(
                event,
                title=titles[row],
                description=descriptions[row],
                tags=tuple(dict.fromkeys(tags[row])),
                venue_id=f"venue_{offers.venues[row]}",
                location=Location(float(offers.lat[row]), float(offers.lng[row])),
                price=float(offers.prices[row]),
            )
        )
    return changed
