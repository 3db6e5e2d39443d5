"""Confidence weights of interactions."""

import numpy as np
import pytest

from shared.entities import InteractionType
from shared.feedback.weights import CODES, IS_HIT, TYPES, confidence_weights


def _weight(kind: str, *, stars: float = np.nan, age_days: float = 0.0, half_life_days: float = 10.0) -> float:
    columns = np.array([CODES[InteractionType(kind)]], np.int8), np.array([stars], np.float32)
    return float(confidence_weights(*columns, np.array([age_days], np.float32), half_life_days=half_life_days)[0])


@pytest.mark.parametrize(
    ("kind", "weight"),
    [
        ("impression", 0),
        ("view", 0.1),
        ("click", 0.2),
        ("share", 0.6),
        ("save", 0.8),
        ("booking", 1),
        ("attend", 1),
        ("follow", 1),
        ("cancel", -0.8),
        ("dismiss", -1),
        ("search", 0),
        ("category_click", 0),
    ],
)
def test_weights_of_types_do_not_depend_on_the_value(kind: str, weight: float) -> None:
    assert _weight(kind) == pytest.approx(weight)
    assert _weight(kind, stars=5) == pytest.approx(weight)


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind.meaning.has_stars])
@pytest.mark.parametrize(("stars", "weight"), [(1, -1), (2, -0.5), (3, 0), (4.5, 0.75), (5, 1)])
def test_ratings_and_reviews_weigh_by_their_stars(kind: InteractionType, stars: float, weight: float) -> None:
    assert _weight(kind, stars=stars) == weight


@pytest.mark.parametrize(("kind", "weight"), [("rating", 0), ("review", 0.5)])
@pytest.mark.parametrize("stars", [np.nan, 0, 0.5, 5.5, 1e6, np.inf, -1])
def test_what_is_no_stars_leaves_the_weight_of_the_type(kind: str, stars: float, weight: float) -> None:
    assert _weight(kind, stars=stars) == weight


def test_only_ratings_and_reviews_have_stars() -> None:
    assert [kind.value for kind in TYPES if kind.meaning.has_stars] == ["rating", "review"]


@pytest.mark.parametrize(("age_days", "share"), [(0, 1), (10, 0.5), (20, 0.25), (-5, 1)])
def test_weights_halve_with_age_and_negative_ages_count_as_zero(age_days: float, share: float) -> None:
    assert _weight("booking", age_days=age_days) == share
    assert _weight("dismiss", age_days=age_days) == -share


def test_an_infinite_half_life_means_no_decay() -> None:
    assert _weight("booking", age_days=10_000, half_life_days=np.inf) == 1


def test_codes_are_indices_in_the_enumeration_and_never_change() -> None:
    assert [CODES[kind] for kind in TYPES] == list(range(len(InteractionType)))
    assert {kind.value: CODES[kind] for kind in TYPES if kind.meaning.is_hit} == {"save": 3, "booking": 5, "attend": 6}
    assert [kind.value for kind in TYPES] == [
        *("impression", "view", "click", "save", "share", "booking", "attend", "cancel", "rating", "review"),
        *("follow", "dismiss", "search", "category_click", "unsave", "unfollow", "undismiss"),
    ]


def test_hits_are_saves_bookings_and_attendances() -> None:
    codes = np.arange(len(TYPES), dtype=np.int8)
    assert np.flatnonzero(IS_HIT[codes]).tolist() == [3, 5, 6]
