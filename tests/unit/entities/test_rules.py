from dataclasses import replace
from typing import Any

import pytest

from shared.entities import Placement, Rules
from shared.errors import InvalidField
from tests.examples import DAY, NOW

WHOLE = Rules(
    pinned=(Placement(target_id="e1", starts_at=NOW, ends_at=NOW + DAY),),
    boosted_events=(Placement(target_id="e2", strength=2.5),),
    boosted_organizers=(Placement(target_id="o1"),),
    blocked_events=("e3",),
    blocked_organizers=("o2", "o3"),
    max_per_organizer=3,
)


def test_rules_survive_a_round_trip() -> None:
    assert Rules.from_document(WHOLE.to_document()) == WHOLE
    assert Rules.from_document({}) == Rules()
    assert Rules().to_document() == {}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"pinned": {"event_id": "a"}}, "pinned"),
        ({"pinned": ["a"]}, "pinned"),
        ({"pinned": [{"event_id": "a"}] * 21}, "pinned"),
        ({"pinned": [{}]}, "event_id"),
        ({"pinned": [{"event_id": "a/b"}]}, "event_id"),
        ({"pinned": [{"event_id": "a", "starts_at": "tomorrow"}]}, "starts_at"),
        ({"boosted_events": [{"organizer_id": "o"}]}, "event_id"),
        ({"boosted_organizers": [{"organizer_id": "o", "strength": 11}]}, "strength"),
        ({"blocked_events": "a"}, "blocked_events"),
        ({"blocked_organizers": ["x"] * 201}, "blocked_organizers"),
        ({"max_per_organizer": 0}, "max_per_organizer"),
    ],
)
def test_invalid_rules_are_refused_by_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as caught:
        Rules.from_document(document)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("placement", "is_on"),
    [
        (Placement(target_id="e"), True),
        (Placement(target_id="e", starts_at=NOW), True),
        (Placement(target_id="e", starts_at=NOW + DAY), False),
        (Placement(target_id="e", ends_at=NOW), False),
        (Placement(target_id="e", ends_at=NOW + DAY), True),
    ],
)
def test_a_placement_is_on_from_its_start_to_before_its_end(placement: Placement, *, is_on: bool) -> None:
    assert placement.is_on(NOW) is is_on


@pytest.mark.parametrize("field", ["pinned", "boosted_events", "boosted_organizers"])
@pytest.mark.parametrize(
    ("times", "is_refused"),
    [
        ({}, False),
        ({"starts_at": NOW - DAY}, False),
        ({"ends_at": NOW + DAY}, False),
        ({"ends_at": NOW}, True),
        ({"starts_at": NOW - 2 * DAY, "ends_at": NOW - DAY}, True),
        ({"starts_at": NOW + 2 * DAY, "ends_at": NOW + DAY}, True),
        ({"starts_at": NOW + DAY, "ends_at": NOW + DAY}, True),
    ],
)
def test_a_new_placement_whose_time_never_comes_is_refused(
    field: str, times: dict[str, Any], *, is_refused: bool
) -> None:
    given: dict[str, Any] = {field: (Placement(target_id="e"), Placement(target_id="late", **times))}
    rules = Rules(**given)
    if is_refused:
        with pytest.raises(InvalidField, match=f"^ends_at: .* for 'late' in {field}") as caught:
            rules.check_change(Rules(), NOW)
        assert caught.value.field == "ends_at"
    else:
        rules.check_change(Rules(), NOW)
    # Its time may pass while it is stored.
    replace(rules, blocked_events=("other",)).check_change(rules, NOW)
