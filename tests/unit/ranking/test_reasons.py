"""Why an event is in a list, in words."""

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
def test_what_a_user_did_is_said_in_plain_words(kind: str, sentence: str | None) -> None:
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
def test_only_what_is_soon_is_said_to_start(hours: float, phrase: str | None) -> None:
    assert starting(NOW + timedelta(hours=hours), NOW) == phrase


def test_an_undated_event_never_starts() -> None:
    undated: datetime | None = None
    assert starting(undated, NOW) is None
