"""Interaction types: agreement with the security rules, and laws of their meanings."""

import json
import re
from pathlib import Path

import pytest

from shared.entities import Interaction, InteractionType
from shared.errors import InvalidField
from tests.examples import NOW

ROOT = Path(__file__).parents[3]
RULES = (ROOT / "firestore.rules").read_text()


def _named(function: str) -> set[str]:
    """Interaction types that a function of the security rules lists."""
    [body] = re.findall(rf"function {function}\(\) {{ return isOf\(\[(.*?)\]\)", RULES, re.DOTALL)
    return set(re.findall(r"'(\w+)'", body))


def test_security_rules_know_every_type_and_which_ones_repeat() -> None:
    assert _named("repeats") == {kind.value for kind in InteractionType if kind.meaning.repeats}
    listed = max(re.findall(r"isOf\(\[(.*?)\]\)", RULES, re.DOTALL), key=len)
    assert set(re.findall(r"'(\w+)'", listed)) == {kind.value for kind in InteractionType}


@pytest.mark.parametrize("kind", InteractionType)
def test_the_target_field_of_a_type_is_required(kind: InteractionType) -> None:
    fields = {"event_id": "e", "organizer_id": "o", "query": "jazz", "category": "music"}
    whole = {"user_id": "u", "type": kind.value, "occurred_at": NOW, "value": 5, **fields}
    assert Interaction.from_document("i", whole).type is kind
    without = {name: value for name, value in whole.items() if name != kind.meaning.target}
    with pytest.raises(InvalidField, match=rf"^{kind.meaning.target}: "):
        Interaction.from_document("i", without)


@pytest.mark.parametrize("kind", InteractionType)
def test_negative_feedback_is_neither_a_hit_nor_a_reason(kind: InteractionType) -> None:
    if kind.meaning.weight < 0:
        assert not kind.meaning.is_hit
        assert not kind.meaning.verb
    assert kind.meaning.weight >= 0 or kind.family in {"booking", "dismiss"}


@pytest.mark.parametrize("kind", InteractionType)
def test_types_that_revert_others_last_and_have_their_target(kind: InteractionType) -> None:
    reverted = InteractionType(kind.family)
    assert reverted.family == kind.family
    assert reverted.meaning.target == kind.meaning.target
    assert reverted is kind or not (kind.meaning.repeats or reverted.meaning.repeats)
    takes_back = InteractionType.CANCEL, InteractionType.UNSAVE, InteractionType.UNFOLLOW, InteractionType.UNDISMISS
    assert (reverted is not kind) == (kind in takes_back)


def test_types_are_plain_strings_in_json() -> None:
    assert json.dumps([*InteractionType][:3]) == '["impression", "view", "click"]'
