"""A made-up market of any size, written straight into a ledger: what a first reading of a large store leaves behind."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shared.ledger import parquet
from shared.ledger.index import EVENTS, INTERACTIONS, POINTER, USERS, Chunk, Feed, Ledger
from shared.ports import ObjectStore

NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
_TASTES: Final = 60
_DAYS: Final = 730
_AHEAD_DAYS: Final = 45
_CHUNK_ROWS: Final = 1_000_000
_TYPES: Final = ("view", "click", "save", "booking", "attend")
_TYPE_SHARES: Final = (0.35, 0.2, 0.15, 0.2, 0.1)
_US: Final = 1_000_000


def write(objects: ObjectStore, *, interactions: int, users: int, events: int, seed: int = 7) -> None:
    """Fill an empty bucket's ledger.

    Everybody has one taste of sixty and follows it four times out of five; within a taste, few events draw most, and
    what is done is done in the weeks before the event.
    """
    rng = np.random.default_rng(seed)
    taste_of_event = rng.integers(0, _TASTES, events)
    start_s = NOW.timestamp() + rng.uniform(-_DAYS, _AHEAD_DAYS, events) * 86_400
    feeds = {
        EVENTS: _stored(objects, EVENTS, [_events(taste_of_event, start_s, rng)]),
        USERS: _stored(objects, USERS, [_users(users)]),
    }
    order = np.argsort(taste_of_event, kind="stable")
    begins = np.searchsorted(taste_of_event[order], np.arange(_TASTES + 1))
    activity = rng.lognormal(0, 1, users)
    cumulated = np.cumsum(activity) / activity.sum()
    taste_of_user = rng.integers(0, _TASTES, users)

    def parts() -> list[pa.Table]:
        tables = []
        for first in range(0, interactions, _CHUNK_ROWS):
            size = min(_CHUNK_ROWS, interactions - first)
            user = np.searchsorted(cumulated, rng.random(size))
            taste = np.where(rng.random(size) < 0.8, taste_of_user[user], rng.integers(0, _TASTES, size))
            sizes = begins[taste + 1] - begins[taste]
            place = np.minimum((sizes * rng.random(size) ** 2.5).astype(np.int64), sizes - 1)
            event = order[begins[taste] + place]
            done_s = np.minimum(start_s[event] - rng.exponential(10 * 86_400, size), NOW.timestamp() - 1)
            tables.append(_interactions(first, user, event, done_s, rng))
        return tables

    feeds[INTERACTIONS] = _stored(objects, INTERACTIONS, parts())
    objects.write(POINTER, Ledger(feeds).to_json(), generation=0)


def _stored(objects: ObjectStore, feed: str, tables: list[pa.Table]) -> Feed:
    chunks = []
    for number, table in enumerate(tables):
        data = parquet.to_bytes(table)
        folder = f"ledger/{feed}/month=2026-04" if feed == INTERACTIONS else f"ledger/{feed}"
        name = f"{folder}/market-{number:03}.parquet"
        objects.write(name, data, generation=0)
        chunks.append(Chunk(name, len(table), len(data), NOW - timedelta(days=1)))
    return Feed(tuple(chunks), watermark=NOW)


def _ids(prefix: str, rows: NDArray[np.integer]) -> pa.Array:
    return pa.array(np.char.add(prefix, rows.astype("U")), pa.string())


def _of(feed: str, columns: dict[str, pa.Array], size: int) -> pa.Table:
    schema = parquet.schema(feed)
    return pa.table([columns.get(one.name, pa.nulls(size, one.type)).cast(one.type) for one in schema], schema=schema)


def _times(posix_s: NDArray[np.floating]) -> pa.Array:
    return pa.array((posix_s * _US).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))


def _interactions(
    first: int,
    user: NDArray[np.integer],
    event: NDArray[np.integer],
    done_s: NDArray[np.floating],
    rng: np.random.Generator,
) -> pa.Table:
    size = len(user)
    kinds = pa.array(_TYPES).take(pa.array(rng.choice(len(_TYPES), size, p=_TYPE_SHARES)))
    columns = {
        "interaction_id": _ids("i", np.arange(first, first + size)),
        "user_id": _ids("user_", user),
        "event_id": _ids("event_", event),
        "type": kinds,
        "occurred_at": _times(done_s),
        "recorded_at": _times(np.full(size, (NOW - timedelta(days=1)).timestamp())),
    }
    return _of(INTERACTIONS, columns, size)


def _events(taste: NDArray[np.integer], start_s: NDArray[np.floating], rng: np.random.Generator) -> pa.Table:
    size = len(taste)
    organizer = taste * 40 + rng.integers(0, 40, size)
    words = [f"word{number}" for number in range(3_000)]
    picked = rng.integers(0, 50, (size, 25)) + taste[:, None] * 50
    descriptions = [" ".join(words[place] for place in row) for row in picked.tolist()]
    tags = [[f"tag{a}", f"tag{b}"] for a, b in zip(taste.tolist(), (organizer % 300).tolist(), strict=True)]
    lat, lng = 41.6 + 0.6 * rng.random(size), -88.0 + 0.6 * rng.random(size)
    columns = {
        "event_id": _ids("event_", np.arange(size)),
        "title": _ids("Evening ", organizer * 3 + rng.integers(0, 3, size)),
        "description": pa.array(descriptions),
        "category": _ids("category ", taste // 5),
        "subcategory": _ids("kind ", taste),
        "tags": pa.array(tags),
        "organizer_id": _ids("organizer_", organizer),
        "venue_id": _ids("venue_", organizer % 1_500),
        "city": pa.array(["Chicago"] * size),
        "location": pa.StructArray.from_arrays([pa.array(lat), pa.array(lng)], names=["lat", "lng"]),
        "starts_at": _times(np.round(start_s / 3_600) * 3_600),
        "price": pa.array(np.round(rng.exponential(20, size))),
        "status": pa.array(["published"] * size),
        "created_at": _times(start_s - 60 * 86_400),
        "updated_at": _times(np.full(size, (NOW - timedelta(days=1)).timestamp())),
    }
    return _of(EVENTS, columns, size)


def _users(size: int) -> pa.Table:
    stamps = _times(np.full(size, (NOW - timedelta(days=1)).timestamp()))
    columns = {"user_id": _ids("user_", np.arange(size)), "city": pa.array(["Chicago"] * size), "updated_at": stamps}
    return _of(USERS, columns, size)
