"""Business rules of lists in SQLite."""

from shared.adapters.sqlite.database import Database, decode, encode
from shared.entities import Rules


class SqliteRules:
    """Business rule store (`RuleStore`) on an SQLite file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> Rules:
        """Business rules in force, empty without a document; raises `InvalidField` for an unreadable one."""
        rows = self._database.rows("SELECT document FROM rules WHERE rules_id = 'current'", ())
        return Rules.from_document(decode(rows[0][0]) if rows else {})

    def write(self, rules: Rules) -> None:
        """Replace the business rules."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO rules (rules_id, document) VALUES ('current', ?)",
                (encode(rules.to_document()),),
            )
