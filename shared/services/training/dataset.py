"""What training learns from, gathered from a folder's entities or from the ledger's columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, Self

from shared.catalog.catalog import Catalog
from shared.entities import Event, Interaction, User
from shared.feedback.interactions import InteractionTable
from shared.learning.replay import MAX_LEARNED, Replay
from shared.ledger import parquet
from shared.ledger.index import EVENTS, INTERACTIONS, USERS
from shared.ranking.recommender import Recommender
from shared.services.training.ledger_sync import LedgerFiles

HOLDOUT_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything that training reads, as entities: what a folder or a test holds."""

    events: tuple[Event, ...]
    users: dict[str, User]
    interactions: tuple[Interaction, ...]


@dataclass(frozen=True)
class TrainingSet:
    """What models are fitted to and judged on.

    Attributes
    ----------
    events : as entities; `catalog` holds them as columns, with a row for every event that interactions name.
    users : declared profiles by id.
    table : the interactions that occurred before the training's now.
    now : the training's; `table` holds nothing later.
    watermark : everything that the store stamped earlier is inside; None when it came from no store.
    seed : of the replay, from which the blend learns its weights.
    """

    events: Sequence[Event]
    catalog: Catalog
    users: Mapping[str, User]
    table: InteractionTable
    now: datetime
    watermark: datetime | None = None
    seed: int = 0

    @classmethod
    def of(cls, data: Dataset, *, now: datetime, seed: int = 0) -> Self:
        """The material of entities."""
        catalog = Catalog.of(data.events, mentioned=(one.event_id for one in data.interactions if one.event_id))
        table = InteractionTable.of(data.interactions, catalog).before(now)
        return cls(data.events, catalog, data.users, table, now, seed=seed)

    @classmethod
    def of_ledger(cls, files: LedgerFiles, *, now: datetime) -> Self:
        """The material of a ledger, which stays columns except for the events."""
        contents = {name: files.contents(feed.chunks) for name, feed in files.ledger.feeds.items()}
        columns = parquet.interactions(contents[INTERACTIONS])
        events = list(parquet.events(parquet.newest(EVENTS, contents[EVENTS])))
        catalog = Catalog.of(events, mentioned=columns.events.ids())
        users = parquet.Profiles(parquet.newest(USERS, contents[USERS]))
        table = InteractionTable.of_columns(columns, catalog).before(now)
        return cls(events, catalog, users, table, now, files.ledger.watermark())

    @cached_property
    def replay(self) -> Replay:
        """What the blend learns from, for all that are trained on this material."""
        some = self.table.of_some_users(MAX_LEARNED)
        users = self.users.some(some.users.keys) if isinstance(self.users, parquet.Profiles) else self.users
        return Replay(some, self.catalog, users, now=self.now, seed=self.seed)

    def fit(self, model: str, now: datetime, *, half_life_days: float) -> Recommender:
        """Train a model on what occurred before a moment."""
        return Recommender.fit(
            model,
            self.table.before(now),
            self.catalog,
            self.users,
            now=now,
            half_life_days=half_life_days,
            replay=self.replay,
        )

    def counts(self) -> dict[str, int]:
        """How much there is."""
        return {"events": len(self.events), "users": len(self.users), "interactions": len(self.table)}


def fit(
    data: Dataset, *, model: str, now: datetime, half_life_days: float, seed: int = 0
) -> tuple[Recommender, Catalog, InteractionTable]:
    """Train one model on everything in `data` that occurred before `now`."""
    training_set = TrainingSet.of(data, now=now, seed=seed)
    return training_set.fit(model, now, half_life_days=half_life_days), training_set.catalog, training_set.table
