"""Replays the past for the blend to learn from: at each of several moments, what was known then and what came next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.history import Histories
from shared.feedback.popularity import popularity
from shared.learning.listwise import TrainingGroups
from shared.learning.windows import Split
from shared.signals.candidates import Candidates
from shared.signals.registry import SIGNALS
from shared.signals.signal import EventSignal, SignalParams, TrainingData
from shared.signals.users import UserBatch

SAMPLE: Final = 200
_MAX_PICKS: Final = 30
_CHUNK: Final = 64


@dataclass(frozen=True, slots=True)
class TrainingGroup:
    """One user's picks in a window and a sample of what else was live then, as r rows; see `TrainingGroups`."""

    values: NDArray[np.float32]
    labels: NDArray[np.float32]
    log_weights: NDArray[np.float32]
    segment: int


def stacked(windows: Sequence[Sequence[TrainingGroup]]) -> TrainingGroups | None:
    """The choices of some windows, one after the other; None without any."""
    groups = [(number, group) for number, found in enumerate(windows) for group in found]
    if not groups:
        return None
    sizes = np.array([len(group.values) for _, group in groups])
    return TrainingGroups(
        values=np.concatenate([group.values for _, group in groups]),
        labels=np.concatenate([group.labels for _, group in groups]),
        log_weights=np.concatenate([group.log_weights for _, group in groups]),
        starts=np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        segments=np.array([group.segment for _, group in groups], np.int64),
        windows=np.array([number for number, _ in groups], np.int64),
    )


def sample_groups(
    split: Split,
    past: TrainingData,
    params: Mapping[str, SignalParams],
    users: Mapping[str, User],
    max_users: int,
    rng: "np.random.Generator",
) -> Iterator[TrainingGroup]:
    """What users picked after a split and a sample of what else they could have picked.

    Signals learned from what lies before the split, `past`, and see users as they were then. Candidates are the events
    that were to come and had been created before the window's end.
    """
    catalog, table = past.catalog, past.table
    moment = datetime.fromtimestamp(past.now_s, UTC)
    rows = np.flatnonzero((catalog.starts_at > past.now_s) & (catalog.created_at < split.window.until_s))
    pickers, picks = _picks(split, rows, len(catalog))
    everyone = np.unique(pickers)
    if not len(everyone):
        return
    if len(everyone) > max_users:
        everyone = np.sort(rng.choice(everyone, max_users, replace=False))
    popular = popularity(table, len(catalog))[rows]
    live = Candidates(catalog, rows, past.now_s, popular)
    of_events = {s.name: s.score(params[s.name], live) for s in SIGNALS if isinstance(s, EventSignal)}
    chances = _chances(popular)
    is_judged = np.zeros(len(table.users), np.bool_)
    is_judged[everyone] = True
    theirs = table.where(is_judged[table.user_rows])
    ids = table.users.ids(everyone)
    for begin in range(0, len(everyone), _CHUNK):
        chunk = everyone[begin : begin + _CHUNK]
        profiles = [users.get(key) or User(user_id=key) for key in ids[begin : begin + _CHUNK]]
        picked = np.isin(pickers, chunk)
        sample = np.flatnonzero(rng.random(len(rows)) < chances)
        columns = np.union1d(sample, picks[picked])
        histories = Histories.of_table(profiles, theirs, moment, newest=MAX_HISTORY)
        some = Candidates(catalog, rows[columns], past.now_s, popular[columns])
        values, segments = score_signals(
            params, UserBatch(histories, some), {n: v[columns] for n, v in of_events.items()}
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
            yield TrainingGroup(
                values[place][np.concatenate([hits, rest])],
                np.repeat(np.array([1 / len(hits), 0], np.float32), [len(hits), len(rest)]),
                np.concatenate([np.zeros(len(hits)), -np.log(chances[columns[rest]])]).astype(np.float32),
                int(segments[place]),
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
    params: Mapping[str, SignalParams], batch: UserBatch, of_events: Mapping[str, NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All signals, float32 of shape (b, c, F), and the users' segments, int64 of shape (b,)."""
    shape = (len(batch), len(batch.candidates))
    columns = [
        np.broadcast_to(of_events[signal.name], shape)
        if isinstance(signal, EventSignal)
        else signal.score(params[signal.name], batch)
        for signal in SIGNALS
    ]
    return np.stack(columns, axis=-1), batch.segments()
