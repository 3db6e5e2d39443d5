"""Firestore document store: all document ports on a database of a project."""

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
from shared.entities import KeySource
from shared.ports import Documents, Names
from shared.schema import Schema


def open_store(project: str, keys: KeySource, schema: Schema, timezone: str) -> Documents:
    """Document store in a Firestore database of a Google Cloud project; nothing is connected before the first use."""
    database = Database(project, keys, schema, timezone)
    return Documents(
        FirestoreEvents(database),
        FirestoreUsers(database),
        FirestoreInteractions(database),
        FirestoreCounters(database),
        FirestorePersonal(database),
        FirestoreDeadLetters(database),
        FirestoreBookmarks(database),
        FirestoreRules(database),
        FirestoreExperiments(database),
        database.close,
        lambda: database.listed,
        Names(database.names.kind, database.names.read, database.names.known_as),
    )
