"""Benchmark fixture: a trained model whose catalog has as many live events as wanted, most of them newer than it."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import fields, replace
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import market
from benchmarks.offers import Offers
from shared.adapters.stores import open_objects
from shared.entities import Event, Location
from shared.ledger import parquet
from shared.ledger.index import EVENTS
from shared.models.artifact import pack
from shared.ports import ObjectStore
from shared.ranking.recommender import Recommender
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles

USERS: Final = 40_000
_MODEL: Final = "blend"
_TRAINED: Final = 110_000
_INTERACTIONS: Final = 400_000
_PAST_DAYS: Final = 90
_AHEAD_DAYS: Final = 900
"""Days in which the events of the training start, so that most of them are live."""
_CHUNK: Final = 100_000
"""Events that are added at once: bounds memory."""
_OF_KNOWN: Final = 3
"""Copies of an event that its organizer holds; an organizer of their own holds all others."""


def recommender(folder: Path, *, live: int) -> Recommender:
    """Recommender with `live` live events at `market.NOW`, at most some 100,000 of which the model was trained on.

    The others are copies of those, with texts, tags, places and prices of their own. The market and the trained model
    are kept in `folder` for later runs. A process of its own makes the copies, so that this one holds what an instance
    does.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        received = pool.submit(_without_model, folder, live).result()
    # Arrays that come from another process are not in the large pages that numpy asks for.
    return replace(_trained(folder, live), **deepcopy(received))


def _without_model(folder: Path, live: int) -> dict[str, Any]:
    """Fields of the recommender with all live events, but for the model."""
    made = _trained(folder, live)
    files = LedgerFiles(_objects(folder, live))
    events = parquet.newest(EVENTS, files.contents(files.ledger.feeds[EVENTS].chunks))
    made = extended(made, list(parquet.events(events)), live)
    return {field.name: getattr(made, field.name) for field in fields(made) if field.name != "scorer"}


def _trained(folder: Path, live: int) -> Recommender:
    """Recommender of the events of the training, which is made unless `folder` has it."""
    trained, kept = min(_TRAINED, live), folder / f"trained-{live}.npz"
    if not kept.exists():
        objects = _objects(folder, live)
        market.write(
            objects,
            interactions=min(_INTERACTIONS, 4 * trained),
            users=min(USERS, trained),
            events=trained,
            past_days=_PAST_DAYS,
            ahead_days=_AHEAD_DAYS,
        )
        known = TrainingSet.of_ledger(LedgerFiles(objects), now=market.NOW)
        kept.write_bytes(pack(known.fit(_MODEL, market.NOW, half_life_days=90.0).to_arrays()))
    with np.load(kept, allow_pickle=False) as arrays:
        return Recommender.from_arrays(_MODEL, dict(arrays))


def _objects(folder: Path, live: int) -> ObjectStore:
    return open_objects(f"folder:{folder / f'bucket-{live}'}")


def extended(recommender: Recommender, events: Sequence[Event], live: int) -> Recommender:
    """Recommender with copies of its live events, so that `live` events are."""
    rows = np.flatnonzero(recommender.catalog.live(market.NOW))
    is_live = set(recommender.catalog.events.ids(rows))
    originals = [event for event in events if event.event_id in is_live]
    missing = live - len(originals)
    for number, begin in enumerate(range(0, missing, _CHUNK)):
        copies = list(islice(_copies(originals, begin), min(_CHUNK, missing - begin)))
        recommender = recommender.with_events(_with_offers(copies, np.random.default_rng(number)))
    catalog = recommender.catalog.prepared(market.NOW)
    return replace(recommender, catalog=catalog)


def _copies(originals: Sequence[Event], begin: int) -> Iterator[Event]:
    for number in count(begin):
        copy, place = divmod(number, len(originals))
        event = originals[place]
        organizer = event.organizer_id if copy < _OF_KNOWN else f"{event.organizer_id}~{copy}"
        yield replace(event, event_id=f"later_{number}", organizer_id=organizer)


def _with_offers(events: Sequence[Event], rng: np.random.Generator) -> list[Event]:
    """Events with texts, tags, places and prices of their own."""
    topics = np.array([int(event.subcategory.split()[-1]) for event in events])
    offers = Offers.of(topics, rng)
    columns = (offers.titles.to_pylist(), offers.descriptions.to_pylist(), offers.tags.to_pylist(), offers.venues)
    return [
        replace(
            event,
            title=title,
            description=description,
            tags=tuple(dict.fromkeys(tags)),
            venue_id=f"venue_{venue}",
            location=Location(float(lat), float(lng)),
            price=float(price),
        )
        for event, title, description, tags, venue, lat, lng, price in zip(
            events, *columns, offers.lat, offers.lng, offers.prices, strict=True
        )
    ]
