"""Document stores on Firestore; the first use imports `google.cloud.firestore`, importing this package does not."""

from shared.adapters.firestore.bookmarks import FirestoreBookmarks
from shared.adapters.firestore.client import Database
from shared.adapters.firestore.counters import FirestoreCounters
from shared.adapters.firestore.deadletters import FirestoreDeadLetters
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.firestore.experiments import FirestoreExperiments
from shared.adapters.firestore.interactions import FirestoreInteractions
from shared.adapters.firestore.personal import FirestorePersonal
from shared.adapters.firestore.rules import FirestoreRules
from shared.adapters.firestore.users import FirestoreUsers

__all__ = [
    "Database",
    "FirestoreBookmarks",
    "FirestoreCounters",
    "FirestoreDeadLetters",
    "FirestoreEvents",
    "FirestoreExperiments",
    "FirestoreInteractions",
    "FirestorePersonal",
    "FirestoreRules",
    "FirestoreUsers",
]
