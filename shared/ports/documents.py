"""Document store: the document ports that one adapter provides together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shared.entities.fields import Document
from shared.ports.bookmarks import Bookmarks
from shared.ports.counters import Counters
from shared.ports.dead_letters import DeadLetters
from shared.ports.personal import PersonalData
from shared.ports.stores import EventStore, ExperimentStore, InteractionLog, RuleStore, UserStore


@dataclass(frozen=True, slots=True)
class Names:
    """Names of a store's collections and fields: Marquee's own, or those that an app has given.

    Attributes
    ----------
    kind : Marquee's name of a collection in the store.
    read : Marquee's fields of a document, by Marquee's name of its collection.
    known_as : names of fields in a collection's documents where they differ, by Marquee's names.
    """

    kind: Callable[[str], str] = lambda collection: collection
    read: Callable[[str, Document], Document] = lambda _, data: data
    known_as: Callable[[str], Mapping[str, str]] = lambda _: {}


@dataclass(frozen=True, slots=True)
class Documents:
    """Document ports of a store.

    Attributes
    ----------
    close : closes the store's connections.
    listed : number of documents that list queries have read since the store was opened, as Firestore bills them: at
        least one for each query.
    names : names of collections and fields in the store, by which triggers read what it reports.
    """

    events: EventStore
    users: UserStore
    interactions: InteractionLog
    counters: Counters
    personal: PersonalData
    dead_letters: DeadLetters
    bookmarks: Bookmarks
    rules: RuleStore
    experiments: ExperimentStore
    close: Callable[[], None]
    listed: Callable[[], int]
    names: Names = field(default_factory=Names)
