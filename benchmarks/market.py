"""Synthetic market: a ledger of any size, as the first ledger sync of a large store leaves it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.offers import Offers
from shared.ledger import parquet
from shared.ledger.index import EVENTS, INTERACTIONS, POINTER, USERS, Chunk, Feed, Ledger
from shared.ports import ObjectStore

NOW: Final = datetime(2026, 5, 1, tzinfo=UTC)
_CLUSTERS: Final = 60
_DAYS: Final = 730
_AHEAD_DAYS: Final = 45
RECURRING: Final = 0.2
"""Share of events that recur: most events of real calendars have a title of their own."""

_OCCURRENCES: Final = 5
_PERIOD_DAYS: Final = 28
_EVENTS_PER_ORGANIZER: Final = 10
_MIN_HOSTS: Final = 40
"""Minimum number of organizers of a cluster."""

_CHUNK_ROWS: Final = 1_000_000
_TYPES: Final = ("view", "click", "save", "booking", "attend")
_TYPE_SHARES: Final = (0.35, 0.2, 0.15, 0.2, 0.1)
_US: Final = 1_000_000


def write(
    objects: ObjectStore,
    *,
    interactions: int,
    users: int,
    events: int,
    seed: int = 7,
    past_days: int = _DAYS,
    ahead_days: int = _AHEAD_DAYS,
) -> None:
    """Synthetic ledger in an empty bucket, with the given numbers of interactions, users and events.

    Each user and event belongs to one of 60 clusters; 80 % of a user's interactions are within the cluster. Event
    popularity within a cluster is skewed, and interactions occur in the weeks before the event, or before now where it
    is far off. A fifth of the events recur every four weeks; the text, tags, place and price of all others are their
    own.

    Parameters
    ----------
    past_days, ahead_days : days before and after now in which the events start.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(events)
    # Shuffled, since popularity goes by row.
    series = rng.permutation(np.where(rows < events * RECURRING, rows // _OCCURRENCES, rows))
    cluster_of_event = rng.integers(0, _CLUSTERS, events)[series]
    start_s = _starts(series, past_days, ahead_days, rng)
    # The end of the weeks in which there are interactions with an event.
    until_s = np.where(start_s > NOW.timestamp() + _AHEAD_DAYS * 86_400, NOW.timestamp(), start_s)
    feeds = {
        EVENTS: _stored(objects, EVENTS, [_events(series, cluster_of_event, start_s, rng)]),
        USERS: _stored(objects, USERS, [_users(users)]),
    }
    order = np.argsort(cluster_of_event, kind="stable")
    begins = np.searchsorted(cluster_of_event[order], np.arange(_CLUSTERS + 1))
    activity = rng.lognormal(0, 1, users)
    cumulated = np.cumsum(activity) / activity.sum()
    cluster_of_user = rng.integers(0, _CLUSTERS, users)

    def parts() -> Iterator[pa.Table]:
        for first in range(0, interactions, _CHUNK_ROWS):
            size = min(_CHUNK_ROWS, interactions - first)
            user = np.searchsorted(cumulated, rng.random(size))
            cluster = np.where(rng.random(size) < 0.8, cluster_of_user[user], rng.integers(0, _CLUSTERS, size))
            sizes = begins[cluster + 1] - begins[cluster]
            offset = np.minimum((sizes * rng.random(size) ** 2.5).astype(np.int64), sizes - 1)
            event = order[begins[cluster] + offset]
            done_s = np.minimum(until_s[event] - rng.exponential(10 * 86_400, size), NOW.timestamp() - 1)
            yield _interactions(first, user, event, done_s, rng)

    feeds[INTERACTIONS] = _stored(objects, INTERACTIONS, parts())
    objects.write(POINTER, Ledger(feeds).to_json(), generation=0)


def _stored(objects: ObjectStore, feed: str, tables: Iterable[pa.Table]) -> Feed:
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
    return pa.table(
        [columns.get(field.name, pa.nulls(size, field.type)).cast(field.type) for field in schema], schema=schema
    )


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


def _starts(
    series: NDArray[np.integer], past_days: int, ahead_days: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Start of each event, POSIX seconds on the hour: uniform in the days, and four weeks after the one before it."""
    ordered = np.argsort(series, kind="stable")
    first = np.searchsorted(series[ordered], series[ordered])
    occurrence = np.empty(len(series), np.int64)
    occurrence[ordered] = np.arange(len(series)) - first
    span = np.bincount(series, minlength=len(series))[series] - 1
    begins = rng.random(len(series))[series] * (past_days + ahead_days - span * _PERIOD_DAYS) - past_days
    hours = np.round((NOW.timestamp() + (begins + occurrence * _PERIOD_DAYS) * 86_400) / 3_600)
    starts: NDArray[np.float64] = hours * 3_600
    return starts


def _events(
    series: NDArray[np.integer], cluster: NDArray[np.integer], start_s: NDArray[np.floating], rng: np.random.Generator
) -> pa.Table:
    size = len(series)
    # Events of a series have its row in everything that follows.
    cluster_of_series = np.zeros(size, np.int64)
    cluster_of_series[series] = cluster
    offers = Offers.of(cluster_of_series, rng)
    hosts = max(_MIN_HOSTS, size // (_EVENTS_PER_ORGANIZER * _CLUSTERS))
    organizer = cluster_of_series * hosts + rng.integers(0, hosts, size)
    columns = {
        "event_id": _ids("event_", np.arange(size)),
        "title": offers.titles.take(series),
        "description": offers.descriptions.take(series),
        "category": _ids("category ", cluster // 5),
        "subcategory": _ids("kind ", cluster),
        "tags": offers.tags.take(series),
        "organizer_id": _ids("organizer_", organizer[series]),
        "venue_id": _ids("venue_", offers.venues[series]),
        "city": pa.array(["Chicago"] * size),
        "location": pa.StructArray.from_arrays(
            [pa.array(offers.lat[series]), pa.array(offers.lng[series])], names=["lat", "lng"]
        ),
        "starts_at": _times(start_s),
        "price": pa.array(offers.prices[series]),
        "status": pa.array(["published"] * size),
        "created_at": _times(start_s - 60 * 86_400),
        "updated_at": _times(np.full(size, (NOW - timedelta(days=1)).timestamp())),
    }
    return _of(EVENTS, columns, size)


def _users(size: int) -> pa.Table:
    stamps = _times(np.full(size, (NOW - timedelta(days=1)).timestamp()))
    columns = {"user_id": _ids("user_", np.arange(size)), "city": pa.array(["Chicago"] * size), "updated_at": stamps}
    return _of(USERS, columns, size)
