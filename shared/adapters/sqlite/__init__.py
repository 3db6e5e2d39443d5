"""Document stores on an SQLite file, for development, tests and single machines."""

from shared.adapters.sqlite.bookmarks import SqliteBookmarks
from shared.adapters.sqlite.counters import SqliteCounters
from shared.adapters.sqlite.database import MEMORY, Database
from shared.adapters.sqlite.deadletters import SqliteDeadLetters
from shared.adapters.sqlite.events import SqliteEvents
from shared.adapters.sqlite.experiments import SqliteExperiments
from shared.adapters.sqlite.interactions import SqliteInteractions
from shared.adapters.sqlite.personal import SqlitePersonal
from shared.adapters.sqlite.rules import SqliteRules
from shared.adapters.sqlite.users import SqliteUsers

__all__ = [
    "MEMORY",
    "Database",
    "SqliteBookmarks",
    "SqliteCounters",
    "SqliteDeadLetters",
    "SqliteEvents",
    "SqliteExperiments",
    "SqliteInteractions",
    "SqlitePersonal",
    "SqliteRules",
    "SqliteUsers",
]
