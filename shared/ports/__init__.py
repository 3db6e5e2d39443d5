"""What the services ask of the outside world, in the domain's words.

Every port has two real adapters (SQLite and Firestore, a folder and Cloud Storage) held to one contract by
`tests/contract`. Adapters raise `StoreUnavailable` when the store does not answer.
"""

from shared.ports.counters import Counters, OpenCounts, Recorded, Settlement
from shared.ports.dead_letters import DeadLetter, DeadLetters
from shared.ports.documents import Documents
from shared.ports.identity import Caller, Identity
from shared.ports.objects import Blob, ObjectStore
from shared.ports.personal import Held, PersonalData
from shared.ports.stores import Bookmarks, EventStore, InteractionLog, RuleStore, UserStore, Written

__all__ = [
    "Blob",
    "Bookmarks",
    "Caller",
    "Counters",
    "DeadLetter",
    "DeadLetters",
    "Documents",
    "EventStore",
    "Held",
    "Identity",
    "InteractionLog",
    "ObjectStore",
    "OpenCounts",
    "PersonalData",
    "Recorded",
    "RuleStore",
    "Settlement",
    "UserStore",
    "Written",
]
