"""A deployment's own past, replayed for the blend to learn from; a trial and the training after it share the work."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Self

import numpy as np

from shared.catalog.catalog import Catalog
from shared.entities import User
from shared.feedback.interactions import InteractionTable
from shared.feedback.profiles import Declared
from shared.learning.listwise import TrainingGroups
from shared.learning.samples import TrainingGroup, sample_groups, stacked
from shared.learning.windows import Window, random_split, split, windows_of
from shared.signals.registry import SIGNALS
from shared.signals.signal import SignalParams, TrainingData

USERS: Final = 2_800
"""Whose choices are replayed, in all windows together."""
MAX_LEARNED: Final = 1_000_000
"""Interactions that the blend learns from: its weights and its matrices over attributes are a few million numbers,
which more users make little better for what they cost. Popularity counts everybody."""
_HELD_OUT: Final = 3 / 8


class Replay:
    """What some users did up to a moment, cut into windows, and what signals learned from what came before each.

    A window's choices depend on nothing after its end, so models that are trained as of several moments share them: a
    model as of `cutoff()` has seen no window that begins there or later.

    Parameters
    ----------
    table : interactions before `now`.
    catalog : the events that `table` was made for.
    users : declared profiles by id.
    now : the end of the last window.
    seed : of what is drawn.
    """

    def __init__(
        self,
        table: InteractionTable,
        catalog: Catalog,
        users: Mapping[str, User],
        *,
        now: datetime,
        seed: int = 0,
    ) -> None:
        self._table = table
        self._catalog = catalog
        self._users = users
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._windows = windows_of(table, now.timestamp())
        self._replayed: list[list[TrainingGroup]] = []
        self._past: TrainingData | None = None

    @classmethod
    def of(cls, table: InteractionTable, catalog: Catalog, users: Mapping[str, User], *, now: datetime) -> Self:
        """The replay of at most `MAX_LEARNED` interactions, drawn by user."""
        return cls(table.of_some_users(MAX_LEARNED), catalog, users, now=now)

    def cutoff(self) -> datetime | None:
        """Where the windows begin that a trial holds out, three of eight; None where there is none to learn from."""
        held = max(1, int(len(self._windows) * _HELD_OUT))
        return datetime.fromtimestamp(self._windows[-held].start_s, UTC) if len(self._windows) > held else None

    def groups(self, until: datetime) -> TrainingGroups | None:
        """What users picked in the windows that had ended by `until`, and what else they could have picked.

        Where there is no such window, a part of what users went to until then is held out at random. None if nobody
        picked anything.
        """
        until_s = until.timestamp()
        ended = sum(window.until_s <= until_s for window in self._windows)
        # From the oldest to the newest, whoever asks, so that what is drawn is the same.
        for window in self._windows[len(self._replayed) : ended]:
            self._replayed.append(self._of_window(window))
        return stacked(self._replayed[:ended] or [self._at_random(until_s)])

    def params(self, name: str, moment: datetime) -> SignalParams:
        """What a signal learns from what came before a moment."""
        return self._params(name, self._known(moment.timestamp()))

    def _of_window(self, window: Window) -> list[TrainingGroup]:
        past = self._known(window.start_s)
        params = {name: self._params(name, past) for name in _BY_NAME}
        size = USERS // len(self._windows)
        return list(sample_groups(split(self._table, window), past, params, self._users, size, self._rng))

    def _at_random(self, until_s: float) -> list[TrainingGroup]:
        rng = np.random.default_rng(self._seed)
        found = random_split(self._table.between(-np.inf, until_s), until_s, rng)
        if found is None:
            return []
        past = TrainingData(found.past, self._catalog, until_s, self._declared)
        params = {name: self._params(name, past) for name in _BY_NAME}
        return list(sample_groups(found, past, params, self._users, USERS, rng))

    def _known(self, moment_s: float) -> TrainingData:
        # Moments are asked for in order of time, so the last one is all that is worth keeping.
        if self._past is None or self._past.now_s != moment_s:
            self._past = TrainingData(self._table.between(-np.inf, moment_s), self._catalog, moment_s, self._declared)
        return self._past

    def _params(self, name: str, past: TrainingData) -> SignalParams:
        return past.cached(f"state {name}", lambda: _BY_NAME[name].fit(past))

    @cached_property
    def _declared(self) -> Declared:
        return Declared.of([self._users.get(key) or User(user_id=key) for key in self._table.users.ids()])


_BY_NAME: Final = {signal.name: signal for signal in SIGNALS}
