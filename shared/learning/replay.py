"""Replay of a deployment's past: training groups by time window, shared by model selection and the final training."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Final, Self

import numpy as np

from shared.catalog.catalog import Catalog
from shared.entities import User
from shared.feedback.exposures import Exposures
from shared.feedback.interactions import InteractionTable
from shared.feedback.profiles import Declared
from shared.learning.listwise import TrainingGroups
from shared.learning.samples import GroupSampler, TrainingGroup, stack_groups
from shared.learning.seen import SeenInVain, seen_in_vain
from shared.learning.windows import Split, Window, random_split, selection_cutoff, split, windows_of
from shared.signals.registry import SIGNALS
from shared.signals.signal import SignalParams, TrainingData

MAX_GROUPS: Final = 2_800
"""Training groups of a draw in all windows together; half as many cost 0.4 % of NDCG."""
DRAWS: Final = 4
"""Draws of users and negatives, whose weights are averaged: they halve what the seed alone changes in NDCG."""
MAX_LEARNED: Final = 1_000_000
"""Interactions that the blend learns from: its weights and its matrices over attributes are a few million numbers,
which more users make little better for what they cost. Popularity counts all users."""


class Replay:
    """Replay of past interactions: time windows, and for each the signals learned before it and its training groups.

    A window's groups depend on nothing after its end, so models trained as of several times share them: a model as of
    `cutoff()` has seen no window that begins there or later.

    Parameters
    ----------
    table : interactions before `now`.
    catalog : the events that `table` points into.
    users : declared profiles by id.
    now : end of the last window.
    seed : seed of the samples of users and negatives.
    has_friends : whether friends who go are a signal; where not, no model weighs them.
    exposures : events that the users of `table` were shown; None where nothing is known of it.
    """

    def __init__(
        self,
        table: InteractionTable,
        catalog: Catalog,
        users: Mapping[str, User],
        *,
        now: datetime,
        seed: int = 0,
        has_friends: bool = False,
        exposures: Exposures | None = None,
    ) -> None:
        self.has_friends = has_friends
        self._table = table
        self._catalog = catalog
        self._users = users
        self._exposures = exposures
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._windows = windows_of(table, now.timestamp())
        self._draws_of_windows: list[list[list[TrainingGroup]]] = []
        self._latest_data: TrainingData | None = None
        self._latest_params: dict[str, SignalParams] = {}

    @classmethod
    def of(cls, table: InteractionTable, catalog: Catalog, users: Mapping[str, User], *, now: datetime) -> Self:
        """Replay of at most `MAX_LEARNED` interactions, those of a random sample of users."""
        return cls(table.of_some_users(MAX_LEARNED), catalog, users, now=now)

    def cutoff(self) -> datetime | None:
        """Cutoff of model selection, see `selection_cutoff`."""
        return selection_cutoff(self._windows)

    def draws(self, until: datetime) -> tuple[TrainingGroups, ...]:
        """Draws of training groups of the windows that ended by `until`, `DRAWS` of them.

        If there is no such window, groups of a random split of the interactions before `until`. Empty without any
        positives.
        """
        until_s = until.timestamp()
        ended = sum(window.until_s <= until_s for window in self._windows)
        # Always from the oldest window on, so that the random samples do not depend on the order of calls.
        for window in self._windows[len(self._draws_of_windows) : ended]:
            self._draws_of_windows.append(self._of_window(window))
        draws = zip(*(self._draws_of_windows[:ended] or [self._of_random_split(until_s)]), strict=True)
        return tuple(groups for windows in draws if (groups := stack_groups(windows)) is not None)

    def params(self, name: str, moment: datetime) -> SignalParams:
        """Parameters of the signal `name` for candidates to come, learned from the interactions before `moment`."""
        moment_s = moment.timestamp()
        return _BY_NAME[name].to_come(self._params_before(moment_s, name), self._data_before(moment_s))

    def data(self, moment: datetime) -> TrainingData:
        """Training data of signals as of `moment`."""
        return self._data_before(moment.timestamp())

    def _of_window(self, window: Window) -> list[list[TrainingGroup]]:
        data = self._data_before(window.start_s)
        params = {name: self._params_before(window.start_s, name) for name in _BY_NAME}
        max_users = MAX_GROUPS // len(self._windows)
        return self._drawn(split(self._table, window), data, params, max_users, self._rng, self._seen_in(window))

    def _seen_in(self, window: Window) -> SeenInVain | None:
        if self._exposures is None or not len(self._exposures):
            return None
        return seen_in_vain(self._exposures, self._table, window, len(self._catalog))

    def _of_random_split(self, until_s: float) -> list[list[TrainingGroup]]:
        rng = np.random.default_rng(self._seed)
        found = random_split(self._table.as_of(until_s), until_s, rng)
        if found is None:
            return []
        data = TrainingData(found.past, self._catalog, until_s, self._declared, self._seed)
        params = {name: signal.fit(data) for name, signal in _BY_NAME.items()}
        return self._drawn(found, data, params, MAX_GROUPS, rng)

    def _drawn(
        self,
        found: Split,
        data: TrainingData,
        params: Mapping[str, SignalParams],
        max_users: int,
        rng: "np.random.Generator",
        seen: SeenInVain | None = None,
    ) -> list[list[TrainingGroup]]:
        """Training groups of a split, for each of the draws."""
        sampler = GroupSampler(found, data, params, self._users, self.has_friends, seen)
        return [list(sampler.draw(max_users, rng)) for _ in range(DRAWS)]

    def _data_before(self, moment_s: float) -> TrainingData:
        # Callers ask in order of time, so only the data and the parameters of the latest time are cached.
        if self._latest_data is None or self._latest_data.now_s != moment_s:
            past = self._table.as_of(moment_s)
            self._latest_data = TrainingData(past, self._catalog, moment_s, self._declared, self._seed)
            self._latest_params = {}
        return self._latest_data

    def _params_before(self, moment_s: float, name: str) -> SignalParams:
        data = self._data_before(moment_s)
        if name not in self._latest_params:
            self._latest_params[name] = _BY_NAME[name].fit(data)
        return self._latest_params[name]

    @cached_property
    def _declared(self) -> Declared:
        return Declared.of([self._users.get(user_id) or User(user_id=user_id) for user_id in self._table.users.ids()])


_BY_NAME: Final = {signal.name: signal for signal in SIGNALS}
