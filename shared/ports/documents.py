"""The document ports of one store."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.ports.counters import Counters
from shared.ports.dead_letters import DeadLetters
from shared.ports.personal import PersonalData
from shared.ports.stores import Bookmarks, EventStore, InteractionLog, RuleStore, UserStore


@dataclass(frozen=True, slots=True)
class Documents:
    """The document ports of one store.

    Attributes
    ----------
    close : ends its connections.
    listed : how many documents lists have read since the store was opened, as Firestore bills them: at least one a
        query.
    """

    events: EventStore
    users: UserStore
    interactions: InteractionLog
    counters: Counters
    personal: PersonalData
    dead_letters: DeadLetters
    bookmarks: Bookmarks
    rules: RuleStore
    close: Callable[[], None]
    listed: Callable[[], int]
