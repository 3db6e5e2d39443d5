"""What training learns from, gathered from a folder's entities or from the ledger's columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from shared.entities import Event, Interaction, User
from shared.models import parquet
from shared.models.catalog import Catalog
from shared.models.interactions import InteractionTable
from shared.models.ledger import EVENTS, INTERACTIONS, USERS
from shared.models.recommender import Recommender
from shared.services.ledger import Shelf

HOLDOUT_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything that training reads, as entities: what a folder or a test holds."""

    events: tuple[Event, ...]
    users: dict[str, User]
    interactions: tuple[Interaction, ...]


@dataclass(frozen=True)
class Material:
    """What models are fitted to and judged on.

    Attributes
    ----------
    events : as entities; `catalog` holds them as columns, with a row for every event that interactions name.
    users : declared profiles by id.
    table : the interactions that occurred before the training's now.
    watermark : everything that the store stamped earlier is inside; None when it came from no store.
    """

    events: Sequence[Event]
    catalog: Catalog
    users: Mapping[str, User]
    table: InteractionTable
    watermark: datetime | None = None
    _past: dict[datetime, InteractionTable] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, data: Dataset, *, now: datetime) -> Self:
        """The material of entities."""
        catalog = Catalog.of(data.events, mentioned=(one.event_id for one in data.interactions if one.event_id))
        return cls(data.events, catalog, data.users, InteractionTable.of(data.interactions, catalog).before(now))

    @classmethod
    def of_ledger(cls, shelf: Shelf, *, now: datetime) -> Self:
        """The material of a ledger, which stays columns except for the events."""
        files = {name: shelf.files(feed.chunks) for name, feed in shelf.ledger.feeds.items()}
        columns = parquet.interactions(files[INTERACTIONS])
        events = list(parquet.events(parquet.newest(EVENTS, files[EVENTS])))
        catalog = Catalog.of(events, mentioned=columns.events.ids())
        users = parquet.Profiles(parquet.newest(USERS, files[USERS]))
        table = InteractionTable.of_columns(columns, catalog).before(now)
        return cls(events, catalog, users, table, shelf.ledger.watermark())

    def counts(self) -> dict[str, int]:
        """How much there is."""
        return {"events": len(self.events), "users": len(self.users), "interactions": len(self.table)}

    def before(self, cutoff: datetime) -> InteractionTable:
        """The interactions before a cutoff, cut out once for all models that are tried on it."""
        if cutoff not in self._past:
            self._past.clear()
            self._past[cutoff] = self.table.before(cutoff)
        return self._past[cutoff]


def fit(
    data: Dataset, *, model: str, now: datetime, half_life_days: float
) -> tuple[Recommender, Catalog, InteractionTable]:
    """Train one model on everything in `data` that occurred before `now`."""
    material = Material.of(data, now=now)
    recommender = Recommender.fit(
        model, material.table, material.catalog, data.users, now=now, half_life_days=half_life_days
    )
    return recommender, material.catalog, material.table
