"""Reason texts."""

from datetime import datetime, timedelta

import pytest

from shared.entities import InteractionType
from shared.ranking.reasons import because, starting
from tests.examples import NOW


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
    assert because(InteractionType(kind), "Jazz") == sentence


@pytest.mark.parametrize(
    ("hours", "phrase"),
    [
        (-1, None),
        (0, None),
        (1, "starts within a day"),
        (23.9, "starts within a day"),
        (24, "starts tomorrow"),
        (47.9, "starts tomorrow"),
        (48, "starts in 2 days"),
        (7 * 24, "starts in 7 days"),
        (7 * 24 + 0.1, None),
    ],
)
def test_only_starts_within_seven_days_are_a_reason(hours: float, phrase: str | None) -> None:
    assert starting(NOW + timedelta(hours=hours), NOW) == phrase


def test_an_undated_event_has_no_start_as_a_reason() -> None:
    undated: datetime | None = None
    assert starting(undated, NOW) is None
