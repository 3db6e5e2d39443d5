"""Document store: the document ports that one adapter provides together."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.ports.bookmarks import Bookmarks
from shared.ports.counters import Counters
from shared.ports.dead_letters import DeadLetters
from shared.ports.personal import PersonalData
from shared.ports.stores import EventStore, InteractionLog, RuleStore, UserStore


@dataclass(frozen=True, slots=True)
class Documents:
    """Document ports of a store.

    Attributes
    ----------
    close : closes the store's connections.
    listed : number of documents that list queries have read since the store was opened, as Firestore bills them: at
        least one for each query.
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
