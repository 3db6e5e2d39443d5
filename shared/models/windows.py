"""Replays the past for the blend to learn from: at each of several moments, what was known then and what came next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.models.catalog import Catalog
from shared.models.choice import Choices
from shared.models.history import Histories
from shared.models.interactions import InteractionTable
from shared.models.popularity import popularity
from shared.models.request import Candidates, Request
from shared.models.signals import SIGNALS, EventSignal, Past, State

WINDOWS: Final = 8
SHARE: Final = 0.06
USERS_PER_WINDOW: Final = 350
SAMPLE: Final = 200
_MAX_PICKS: Final = 30
_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, POSIX seconds, from `start` to before `end`."""

    start: float
    end: float


def latest_windows(
    table: InteractionTable, now_s: float, *, count: int = WINDOWS, share: float = SHARE
) -> list[Window]:
    """The latest `count` windows before `now_s` with `share` of the hits each, oldest first; fewer if times repeat."""
    times = table.occurred_at[table.positive()]
    if not len(times):
        return []
    cuts = [times[int(len(times) * (1 - share * left))] for left in range(count, 0, -1)]
    edges = np.unique([*np.floor(cuts), now_s])
    return [Window(float(start), float(end)) for start, end in pairwise(edges) if start > times[0]]


def replay(
    table: InteractionTable, catalog: Catalog, users: Mapping[str, User], windows: list[Window], *, seed: int
) -> Choices | None:
    """What users picked in each window and a sample of what else they could have picked; None if nobody picked.

    Signals learn from what lies before a window, and see users as they were then. Candidates are the events that were
    to come and had been created before the window's end.
    """
    rng = np.random.default_rng(seed)
    parts = [
        part
        for number, window in enumerate(windows)
        for part in _replay_window(table, catalog, users, window, number, rng)
    ]
    if not parts:
        return None
    sizes = np.array([len(values) for values, _, _, _, _ in parts])
    return Choices(
        values=np.concatenate([values for values, _, _, _, _ in parts]),
        chosen=np.concatenate([chosen for _, chosen, _, _, _ in parts]),
        offsets=np.concatenate([offsets for _, _, offsets, _, _ in parts]),
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        segments=np.array([segment for _, _, _, segment, _ in parts], np.int64),
        windows=np.array([number for _, _, _, _, number in parts], np.int64),
    )


_Part = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], int, int]


def _replay_window(
    table: InteractionTable,
    catalog: Catalog,
    users: Mapping[str, User],
    window: Window,
    number: int,
    rng: np.random.Generator,
) -> Iterator[_Part]:
    moment = datetime.fromtimestamp(window.start, UTC)
    past = table.before(moment)
    rows = np.flatnonzero((catalog.starts_at > window.start) & (catalog.created_at < window.end))
    pickers, picks = _picks(table, past, rows, window, len(catalog))
    everyone = np.unique(pickers)
    if not len(everyone):
        return
    if len(everyone) > USERS_PER_WINDOW:
        everyone = np.sort(rng.choice(everyone, USERS_PER_WINDOW, replace=False))
    known = Past(past, catalog, window.start)
    states = {signal.name: signal.fit(known) for signal in SIGNALS}
    popular = popularity(past, len(catalog))[rows]
    live = Candidates(catalog, rows, window.start, popular)
    of_events = {s.name: s.score(states[s.name], live) for s in SIGNALS if isinstance(s, EventSignal)}
    ids = table.users.ids(everyone)
    for begin in range(0, len(everyone), _CHUNK):
        chunk = everyone[begin : begin + _CHUNK]
        profiles = [users.get(key) or User(user_id=key) for key in ids[begin : begin + _CHUNK]]
        picked = np.isin(pickers, chunk)
        sample = rng.choice(len(rows), min(SAMPLE, len(rows)), replace=False)
        columns = np.union1d(sample, picks[picked])
        histories = Histories.of_table(profiles, past, moment, newest=MAX_HISTORY)
        some = Candidates(catalog, rows[columns], window.start, popular[columns])
        values, segments = score_signals(
            states, Request(histories, some), {n: v[columns] for n, v in of_events.items()}
        )
        taken = histories.excluded(len(catalog))[:, rows[columns]]
        is_sampled = np.isin(columns, sample)
        for place, user in enumerate(chunk):
            own = np.isin(columns, picks[picked & (pickers == user)])
            hits = np.flatnonzero(own)
            if len(hits) > _MAX_PICKS:
                hits = np.sort(rng.choice(hits, _MAX_PICKS, replace=False))
            rest = np.flatnonzero(is_sampled & ~own & ~taken[place])
            if not len(rest):
                continue
            stands_for = max(1.0, (len(rows) - own.sum()) / len(rest))
            yield (
                values[place][np.concatenate([hits, rest])],
                np.repeat(np.array([1 / len(hits), 0], np.float32), [len(hits), len(rest)]),
                np.repeat(np.array([0, np.log(stands_for)], np.float32), [len(hits), len(rest)]),
                int(segments[place]),
                number,
            )


def _picks(
    table: InteractionTable, past: InteractionTable, rows: NDArray[np.int64], window: Window, n_events: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and columns of the first hits in the window on candidates that the user had no booking of before."""
    column = np.full(n_events, -1)
    column[rows] = np.arange(len(rows))
    inside = table.positive() & (table.occurred_at >= window.start) & (table.occurred_at < window.end)
    inside &= column[table.event_rows] >= 0
    pairs = np.unique(table.user_rows[inside].astype(np.int64) * n_events + table.event_rows[inside])
    before = past.user_rows[past.booked()].astype(np.int64) * n_events + past.event_rows[past.booked()]
    fresh = pairs[~np.isin(pairs, before)]
    return fresh // n_events, column[fresh % n_events]


def score_signals(
    states: Mapping[str, State], request: Request, of_events: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All signals, float32 of shape (b, c, F), and the users' segments, int64 of shape (b,)."""
    shape = (len(request), len(request.candidates))
    columns = [
        np.broadcast_to(of_events[signal.name], shape)
        if isinstance(signal, EventSignal)
        else signal.score(states[signal.name], request)
        for signal in SIGNALS
    ]
    return np.stack(columns, axis=-1), request.is_warm().astype(np.int64)
