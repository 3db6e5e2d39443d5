"""Explored slots as models are evaluated on them: who saw which event, and what could have been drawn in its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.entities import User
from shared.entities.profile import MAX_HISTORY
from shared.feedback.exposures import ExploredColumns, Exposures
from shared.feedback.history import Histories
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.ranking.batch import CHUNK
from shared.ranking.recommender import Recommender
from shared.selection.gate import Difference
from shared.selection.offpolicy import LoggedSlots, chosen_probability, snips, snips_difference
from shared.services.training.dataset import TrainingSet
from shared.signals.users import UserBatch

MAX_SLOTS: Final = 20_000
"""Explored slots that models are evaluated on, the latest ones: they bound memory and time, and tell enough."""


@dataclass(frozen=True, slots=True)
class ExploredSlots:
    """Explored slots since a cutoff, n of u users and m events.

    Attributes
    ----------
    slots : reward and propensity of each.
    users : profiles of the users.
    past : interactions before the cutoff, the histories by which models score.
    cutoff : models are trained on what happened before it.
    events : int64 of shape (m,) – rows of the catalog, of the events that were drawn.
    drawn : int64 of shape (n,) – column of the event of each slot.
    allowed : bool of shape (n, m) – events that could have been drawn for each: drawn for anybody on the same UTC day,
        announced, and still to come.
    """

    slots: LoggedSlots
    users: tuple[User, ...]
    past: InteractionTable
    cutoff: datetime
    events: NDArray[np.int64]
    drawn: NDArray[np.int64]
    allowed: NDArray[np.bool_]

    @classmethod
    def of(cls, training_set: TrainingSet, columns: ExploredColumns, cutoff: datetime) -> Self:
        """Explored slots from a cutoff on, of users whom models learn from, at most the latest `MAX_SLOTS`."""
        table, catalog = training_set.table, training_set.catalog
        user_rows, rows = table.users.rows(columns.user_ids), catalog.events.rows(columns.event_ids)
        is_known = (user_rows >= 0) & (rows >= 0) & (columns.shown_at >= cutoff.timestamp())
        kept = np.flatnonzero(is_known)[-MAX_SLOTS:]
        user_rows, rows, shown_at = user_rows[kept], rows[kept], columns.shown_at[kept]
        shown = Exposures(user_rows.astype(np.int32), rows.astype(np.int32), np.zeros(len(kept), np.int32), shown_at)
        distinct, owners = np.unique(user_rows, return_inverse=True)
        events, drawn = np.unique(rows, return_inverse=True)
        days, of_slot = np.unique(shown_at // DAY_S, return_inverse=True)
        was_drawn = np.zeros((len(days), len(events)), np.bool_)
        was_drawn[of_slot, drawn] = True
        allowed = was_drawn[of_slot]
        allowed &= (catalog.created_at[events] <= shown_at[:, None]) & (catalog.starts_at[events] > shown_at[:, None])
        allowed[np.arange(len(kept)), drawn] = True
        ids = table.users.ids(distinct)
        past = table.before(cutoff)
        return cls(
            LoggedSlots(owners, shown.clicked(table, len(catalog)).astype(np.float64), columns.propensities[kept]),
            tuple(training_set.users.get(user_id) or User(user_id=user_id) for user_id in ids),
            past.where(np.isin(past.user_rows, distinct)),
            cutoff,
            events.astype(np.int64),
            drawn,
            allowed,
        )

    def __len__(self) -> int:
        return len(self.slots)

    def chances(self, model: Recommender) -> NDArray[np.float64]:
        """Chance that the policy of a model shows the event of each slot, float64 of shape (n,), see `offpolicy.py`."""
        chances = np.zeros(len(self))
        offered = model.candidates(self.events, self.cutoff)
        for begin in range(0, len(self.users), CHUNK):
            users = self.users[begin : begin + CHUNK]
            histories = Histories.of_table(users, self.past, self.cutoff, newest=MAX_HISTORY)
            scores = model.scorer.score(UserBatch(histories, offered))
            rows = np.flatnonzero((self.slots.owners >= begin) & (self.slots.owners < begin + len(users)))
            of_slots = scores[self.slots.owners[rows] - begin]
            chances[rows] = chosen_probability(of_slots, self.drawn[rows], self.allowed[rows])
        return chances

    def compared(self, chances: Mapping[str, NDArray[np.float64]], baseline: str) -> dict[str, Difference]:
        """Click-through rate of an explored slot under each model's policy, and differences to that of `baseline`."""
        found = {f"explored {name}": snips(self.slots, each) for name, each in chances.items()}
        if baseline in chances:
            found |= {
                f"explored {name} to {baseline}": snips_difference(self.slots, each, chances[baseline])
                for name, each in chances.items()
                if name != baseline
            }
        return {name: each for name, each in found.items() if each is not None}
