"""Business rules of lists in every store."""

import pytest

from shared.entities import Placement, Rules
from shared.errors import InvalidField
from tests.contract.conftest import Stores
from tests.examples import DAY, NOW


def test_without_a_document_there_are_no_rules(stores: Stores) -> None:
    assert stores.documents.rules.read() == Rules()


def test_rules_are_read_as_they_were_written_and_replaced_as_a_whole(stores: Stores) -> None:
    rules = Rules(
        pinned=(Placement(target_id="e1", starts_at=NOW, ends_at=NOW + DAY),),
        boosted_organizers=(Placement(target_id="o1", strength=2.0),),
        blocked_events=("e2",),
        max_per_organizer=2,
    )
    stores.documents.rules.write(rules)
    assert stores.documents.rules.read() == rules
    stores.documents.rules.write(Rules(blocked_organizers=("o2",)))
    assert stores.documents.rules.read() == Rules(blocked_organizers=("o2",))


def test_an_invalid_document_is_refused_by_field(stores: Stores) -> None:
    stores.documents.rules.write(Rules(max_per_organizer=2))
    stores.spoil("rules", "current", {"max_per_organizer": "two"})
    with pytest.raises(InvalidField, match="max_per_organizer"):
        stores.documents.rules.read()
