"""Baselines: most popular, and truncated SVD on matrices with a known solution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, Interaction, InteractionType, Profile, User
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.models.baselines import MostPopular, TruncatedSVD, fallback_scores, over
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch
from tests.examples import DAY, NOW, an_event, an_interaction

CATALOG = Catalog.of([an_event(name) for name in "abcde"])
# Three users book a and b, two book c and d; e has no interaction.
GIVEN = [an_interaction(f"u{n}", event_id) for n in range(3) for event_id in "ab"]
GIVEN += [an_interaction(f"v{n}", event_id) for n in range(2) for event_id in "cd"]


def _fitted(given: list[Interaction], *, factors: int = 2) -> TruncatedSVD:
    return TruncatedSVD(factors=factors).fit(InteractionTable.of(given, CATALOG), n_events=len(CATALOG))


def _batch(*history: tuple[str, InteractionType], catalog: Catalog = CATALOG) -> UserBatch:
    profile = Profile(User(user_id="x"), tuple(HistoryEntry(kind, NOW, event_id) for event_id, kind in history))
    # Popularity ascends with the row: the last event is the most popular one.
    popularity = np.arange(len(catalog), dtype=np.float64)
    candidates = Candidates(catalog, np.arange(len(catalog)), NOW.timestamp(), popularity)
    return UserBatch(Histories.of_profile(profile, catalog, NOW), candidates)


def _cosines(model: TruncatedSVD, *history: tuple[str, InteractionType]) -> list[float]:
    return [float(cosine) for cosine in model.cosines(_batch(*history))[0]]


def test_cosines_of_two_blocks_are_1_and_0_and_nan_for_unknown_events() -> None:
    model = _fitted(GIVEN)
    booking, nan = InteractionType.BOOKING, np.nan
    assert _cosines(model, ("a", booking)) == pytest.approx([1, 1, 0, 0, nan], abs=1e-6, nan_ok=True)
    assert _cosines(model, ("d", booking)) == pytest.approx([0, 0, 1, 1, nan], abs=1e-6, nan_ok=True)
    half = 1 / np.sqrt(2)
    both = _cosines(model, ("a", booking), ("c", booking))
    assert both == pytest.approx([half, half, half, half, nan], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("history", [[], [("e", "booking")], [("zzz", "booking")], [("a", "dismiss")]])
def test_without_a_positive_of_a_known_event_every_cosine_is_nan(history: list[tuple[str, str]]) -> None:
    assert np.isnan(_cosines(_fitted(GIVEN), *((key, InteractionType(kind)) for key, kind in history))).all()


def test_event_vectors_do_not_depend_on_the_age_of_interactions() -> None:
    aged = [
        an_interaction(booking.user_id, booking.event_id, occurred_at=NOW - number * 100 * DAY)
        for number, booking in enumerate(GIVEN)
    ]
    assert np.abs(_fitted(aged).vectors_) == pytest.approx(np.abs(_fitted(GIVEN).vectors_), abs=1e-6)


def test_negative_interactions_do_not_change_the_vectors() -> None:
    kinds = (InteractionType.DISMISS, InteractionType.CANCEL, InteractionType.IMPRESSION)
    dislikes = [an_interaction("w", event_id, kind) for kind in kinds for event_id in "ace"]
    assert np.array_equal(_fitted(GIVEN + dislikes).vectors_, _fitted(GIVEN).vectors_)


@pytest.mark.parametrize("given", [[], GIVEN[:1], GIVEN[:2]], ids=["nothing", "one booking", "one user"])
def test_a_matrix_too_small_to_decompose_gives_no_scores(given: list[Interaction]) -> None:
    assert np.isnan(_cosines(_fitted(given), ("a", InteractionType.BOOKING))).all()


def test_the_number_of_factors_is_bounded_by_the_matrix() -> None:
    assert _fitted(GIVEN, factors=50).vectors_.shape == (5, 3)
    assert _fitted(GIVEN, factors=1).vectors_.shape == (5, 1)


def test_event_vectors_have_length_1_or_0_without_interactions() -> None:
    assert np.linalg.norm(_fitted(GIVEN).vectors_, axis=1) == pytest.approx([1, 1, 1, 1, 0])


def test_events_newer_than_training_are_unknown_and_do_not_affect_the_others() -> None:
    model = _fitted(GIVEN)
    grown = CATALOG.merged([an_event("aa"), an_event("a"), an_event("z")])
    assert grown.events.ids() == ["a", "aa", "b", "c", "d", "e", "z"]
    history = (("d", InteractionType.BOOKING), ("aa", InteractionType.BOOKING))
    cosines = model.cosines(_batch(*history, catalog=grown))[0]
    assert cosines.tolist() == pytest.approx([0, np.nan, 0, 1, 1, np.nan, np.nan], abs=1e-6, nan_ok=True)


def test_similar_events_come_first_then_popular_then_dissimilar_ones() -> None:
    model, batch = TruncatedSVD(), _batch(("a", InteractionType.BOOKING))
    model.vectors_ = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0], [0, 0]], np.float32)
    assert model.score(batch)[0].tolist() == pytest.approx([2, 1.6, 0.6 - 1, 0.8 - 1, 1])
    assert model.personal_scores(batch)["collaborative"][0].tolist() == pytest.approx([1, 0.6, 0, -1, 0])


def test_cold_start_users_get_popularity_scores() -> None:
    batch = _batch()
    model = _fitted(GIVEN)
    assert model.score(batch).tolist() == MostPopular().score(batch).tolist()
    assert not model.personal_scores(batch)["collaborative"].any()


def test_most_popular_scores_are_not_personalized() -> None:
    batch = _batch(("a", InteractionType.BOOKING))
    assert MostPopular().score(batch)[0].tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert MostPopular().personal_scores(batch) == {}


def test_fallback_order_is_most_popular_first_then_soonest_first() -> None:
    popularity = np.array([0.0, 5.0, 0.0, 7.0, 0.0])
    starts_at = np.array([np.inf, 9.0, 3.0, 8.0, 1.0])
    scores = fallback_scores(popularity, starts_at)
    assert np.argsort(-scores).tolist() == [3, 1, 4, 2, 0]
    assert scores == pytest.approx([0.2, 0.8, 0.4, 1.0, 0.6])


@given(
    columns=st.lists(
        st.tuples(st.sampled_from([0.0, 1e-300, 1.0, 1e300]), st.sampled_from([1.0, 2.0, np.inf, -np.inf])), max_size=30
    )
)
def test_fallback_scores_are_distinct_and_in_0_to_1(columns: list[tuple[float, float]]) -> None:
    popularity, starts_at = np.array(columns).reshape(-1, 2).T
    scores = fallback_scores(popularity, starts_at)
    assert len(set(scores.tolist())) == len(columns)
    assert all(0 < score <= 1 for score in scores.tolist())
    order = sorted(range(len(columns)), key=lambda row: (-popularity[row], starts_at[row], row))
    assert np.argsort(-scores).tolist() == order


def test_positive_scores_come_before_unknown_before_negative_ones() -> None:
    personal = np.array([[0.1, np.nan, -0.5, 0.9, 0.0]])
    fallback = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    assert over(personal, fallback).tolist() == [[1.1, 0.4, 0.6 - 1, 1.9, 0.0]]


@given(data=st.data(), shape=st.tuples(st.integers(1, 3), st.integers(1, 20)))
def test_positive_unknown_and_negative_scores_never_mix(data: st.DataObject, shape: tuple[int, int]) -> None:
    values = st.sampled_from([np.nan, -1.0, -0.01, 0.0, 0.01, 1.0])
    personal = data.draw(hnp.arrays(np.float32, shape, elements=values))
    fallback = fallback_scores(np.zeros(shape[1]), np.arange(shape[1], dtype=float))
    scores = over(personal, fallback)
    assert (scores[personal > 0] > 1).all()
    assert ((scores[np.isnan(personal)] > 0) & (scores[np.isnan(personal)] <= 1)).all()
    assert (scores[personal <= 0] <= 0).all()
