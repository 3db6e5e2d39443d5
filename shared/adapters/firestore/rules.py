"""Business rules of lists in Firestore."""

from typing import Final

from shared.adapters.firestore.client import Database
from shared.entities import Rules

COLLECTION: Final = "rules"
CURRENT: Final = "current"


class FirestoreRules:
    """Business rule store (`RuleStore`) on the document `rules/current`, which admins may also edit by hand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Rules:
        """Business rules in force, empty without a document; raises `InvalidField` for an unreadable one."""
        found = self._database.read([self._database.document(COLLECTION, CURRENT)])
        return Rules.from_document(found.get((COLLECTION, CURRENT), {}))

    def write(self, rules: Rules) -> None:
        """Replace the business rules."""
        batch = self._database.client.batch()
        batch.set(self._database.document(COLLECTION, CURRENT), rules.to_document())
        self._database.commit(batch, "the rules")
