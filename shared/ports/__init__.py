"""Ports: the interfaces (Protocols) of stores and identity that services depend on, without any Google type.

Every port of a store has two real adapters (SQLite and Firestore, a folder and Cloud Storage), which
`tests/contract` holds to the same contract. Adapters raise `StoreUnavailable` when the store does not answer
within what is left of the request's time, see `budget.py`.
"""

from shared.ports.bookmarks import Bookmarks, Fence, Progress
from shared.ports.budget import CALL_S, has_budget, remaining_s, time_budget, with_budget
from shared.ports.counters import MAX_SETTLED, TOMBSTONE_LIFE, Counted, Counters, Recorded, Register
from shared.ports.dead_letters import DELIVERED_WITHIN, LETTER_LIFE, DeadLetter, DeadLetters
from shared.ports.digester import Digester, LedgerCounts, Reduction
from shared.ports.documents import Documents, Names
from shared.ports.identity import Caller, Identity
from shared.ports.objects import Blob, ObjectStore, read_named, read_or_make
from shared.ports.personal import VISITOR_LIFE, PersonalData, PersonalDocument
from shared.ports.stores import Appended, EventStore, ExperimentStore, InteractionLog, RuleStore, UserStore, Written

__all__ = [
    "CALL_S",
    "DELIVERED_WITHIN",
    "LETTER_LIFE",
    "MAX_SETTLED",
    "TOMBSTONE_LIFE",
    "VISITOR_LIFE",
    "Appended",
    "Blob",
    "Bookmarks",
    "Caller",
    "Counted",
    "Counters",
    "DeadLetter",
    "DeadLetters",
    "Digester",
    "Documents",
    "EventStore",
    "ExperimentStore",
    "Fence",
    "Identity",
    "InteractionLog",
    "LedgerCounts",
    "Names",
    "ObjectStore",
    "PersonalData",
    "PersonalDocument",
    "Progress",
    "Recorded",
    "Reduction",
    "Register",
    "RuleStore",
    "UserStore",
    "Written",
    "has_budget",
    "read_named",
    "read_or_make",
    "remaining_s",
    "time_budget",
    "with_budget",
]
