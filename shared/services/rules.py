"""Business rules by admins: what is new is checked before it takes the place of what is in force."""

from datetime import datetime

from shared.entities import Rules
from shared.errors import InvalidField
from shared.ports import RuleStore


def replace(store: RuleStore, rules: Rules, *, now: datetime) -> None:
    """Replacement of the business rules, which instances see at their next look.

    Raises `InvalidField` for a new rule whose time never comes, see `Rules.check_change`.
    """
    try:
        before = store.read()
    except InvalidField:
        # Whoever replaces a document that cannot be read mends it.
        before = Rules()
    rules.check_change(before, now)
    store.write(rules)
