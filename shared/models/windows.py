"""Replays the past for the blend to learn from: at each of several moments, what was known then and what came next."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.models.candidates import Candidates
from shared.models.catalog import Catalog
from shared.models.choice import Choices
from shared.models.declared import Declared
from shared.models.history import Histories
from shared.models.interactions import InteractionTable
from shared.models.popularity import popularity
from shared.models.request import Request
from shared.models.signals import SIGNALS, EventSignal, Past, State
from shared.models.splits import Split, splits

USERS: Final = 2_800
SAMPLE: Final = 200
_MAX_PICKS: Final = 30
_CHUNK: Final = 64


def replay(
    table: InteractionTable,
    catalog: Catalog,
    users: Mapping[str, User],
    declared: Declared,
    *,
    now_s: float,
    seed: int,
) -> Choices | None:
    """What users picked after each split of the past and a sample of what else they could have picked.

    Signals learn from what lies before a split, and see users as they were then. Candidates are the events that were to
    come and had been created before the window's end. None if nobody picked anything.
    """
    rng = np.random.default_rng(seed)
    found = list(splits(table, now_s, rng))
    parts = [
        part
        for number, split in enumerate(found)
        for part in _replay_split(split, catalog, users, declared, number, USERS // len(found), rng)
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


def _replay_split(
    split: Split,
    catalog: Catalog,
    users: Mapping[str, User],
    declared: Declared,
    number: int,
    max_users: int,
    rng: "np.random.Generator",
) -> Iterator[_Part]:
    moment, past = datetime.fromtimestamp(split.now_s, UTC), split.past
    rows = np.flatnonzero((catalog.starts_at > split.now_s) & (catalog.created_at < split.until_s))
    pickers, picks = _picks(split, rows, len(catalog))
    everyone = np.unique(pickers)
    if not len(everyone):
        return
    if len(everyone) > max_users:
        everyone = np.sort(rng.choice(everyone, max_users, replace=False))
    known = Past(past, catalog, split.now_s, declared)
    states = {signal.name: signal.fit(known) for signal in SIGNALS}
    popular = popularity(past, len(catalog))[rows]
    live = Candidates(catalog, rows, split.now_s, popular)
    of_events = {s.name: s.score(states[s.name], live) for s in SIGNALS if isinstance(s, EventSignal)}
    chances = _chances(popular)
    ids = past.users.ids(everyone)
    for begin in range(0, len(everyone), _CHUNK):
        chunk = everyone[begin : begin + _CHUNK]
        profiles = [users.get(key) or User(user_id=key) for key in ids[begin : begin + _CHUNK]]
        picked = np.isin(pickers, chunk)
        sample = np.flatnonzero(rng.random(len(rows)) < chances)
        columns = np.union1d(sample, picks[picked])
        histories = Histories.of_table(profiles, past, moment, newest=MAX_HISTORY)
        some = Candidates(catalog, rows[columns], split.now_s, popular[columns])
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
            yield (
                values[place][np.concatenate([hits, rest])],
                np.repeat(np.array([1 / len(hits), 0], np.float32), [len(hits), len(rest)]),
                np.concatenate([np.zeros(len(hits)), -np.log(chances[columns[rest]])]).astype(np.float32),
                int(segments[place]),
                number,
            )


def _chances(popular: NDArray[np.float64]) -> NDArray[np.float64]:
    """How likely each candidate is to be in a sample of about `SAMPLE`, float64 of shape (c,).

    Half of the sample is drawn evenly and half by popularity, since popular events are what a list confuses picks with.
    """
    total = popular.sum()
    shares = popular / total if total > 0 else np.zeros(len(popular))
    chances: NDArray[np.float64] = np.minimum(SAMPLE * (0.5 / max(len(popular), 1) + 0.5 * shares), 1)
    return chances


def _picks(split: Split, rows: NDArray[np.int64], n_events: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and columns of the first hits of a split on candidates that the user had no booking of before."""
    column = np.full(n_events, -1)
    column[rows] = np.arange(len(rows))
    past, later = split.past, split.later.where(column[split.later.event_rows] >= 0)
    pairs = np.unique(later.user_rows.astype(np.int64) * n_events + later.event_rows)
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
    return np.stack(columns, axis=-1), request.segments()
