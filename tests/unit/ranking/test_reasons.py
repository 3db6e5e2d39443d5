"""Reason texts."""

from math import nan

import pytest

from shared.entities import InteractionType
from shared.ranking.reasons import Reason, because, starting


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("booking", "because you booked Jazz"),
        ("attend", "because you went to Jazz"),
        ("save", "because you saved Jazz"),
        ("share", "because you shared Jazz"),
        ("rating", "because you liked Jazz"),
        ("review", "because you reviewed Jazz"),
        ("click", "because you looked at Jazz"),
        ("view", "because you viewed Jazz"),
        ("dismiss", None),
        ("cancel", None),
        ("impression", None),
        ("search", None),
    ],
)
def test_interaction_types_have_their_reason_text(kind: str, sentence: str | None) -> None:
    reason = because(InteractionType(kind), "jazz_1", "Jazz")
    assert (reason and reason.text) == sentence
    assert reason is None or reason == Reason(f"because_{kind}", {"event_id": "jazz_1", "title": "Jazz"})


@pytest.mark.parametrize(
    ("days", "phrase"),
    [
        (nan, None),
        (0, "starts today"),
        (1, "starts tomorrow"),
        (2, "starts in 2 days"),
        (7, "starts in 7 days"),
        (8, None),
    ],
)
def test_only_starts_within_seven_days_are_a_reason(days: float, phrase: str | None) -> None:
    reason = starting(days)
    assert (reason and reason.text) == phrase
