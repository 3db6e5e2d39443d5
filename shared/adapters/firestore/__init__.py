"""Documents in Firestore; `google.cloud.firestore` is imported by the first use, not by importing this."""

from shared.adapters.firestore.client import Database
from shared.adapters.firestore.counters import FirestoreCounters
from shared.adapters.firestore.events import FirestoreEvents
from shared.adapters.firestore.interactions import FirestoreInteractions
from shared.adapters.firestore.users import FirestoreUsers

__all__ = ["Database", "FirestoreCounters", "FirestoreEvents", "FirestoreInteractions", "FirestoreUsers"]
