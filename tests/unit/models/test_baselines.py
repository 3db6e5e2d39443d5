"""The baselines: most popular, and the truncated SVD on matrices whose answer is known."""

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
# Three users like a and b, two like c and d; nobody knows e.
GIVEN = [an_interaction(f"u{n}", event_id) for n in range(3) for event_id in "ab"]
GIVEN += [an_interaction(f"v{n}", event_id) for n in range(2) for event_id in "cd"]


def _fitted(given: list[Interaction], *, factors: int = 2) -> TruncatedSVD:
    return TruncatedSVD(factors=factors).fit(InteractionTable.of(given, CATALOG), n_events=len(CATALOG))


def _batch(*history: tuple[str, InteractionType], catalog: Catalog = CATALOG) -> UserBatch:
    profile = Profile(User(user_id="x"), tuple(HistoryEntry(kind, NOW, event_id) for event_id, kind in history))
    # The fifth of the events is the most popular one.
    popularity = np.arange(len(catalog), dtype=np.float64)
    candidates = Candidates(catalog, np.arange(len(catalog)), NOW.timestamp(), popularity)
    return UserBatch(Histories.of_profile(profile, catalog, NOW), candidates)


def _cosines(model: TruncatedSVD, *history: tuple[str, InteractionType]) -> list[float]:
    return model.cosines(_batch(*history))[0].tolist()


def test_two_blocks_have_cosines_of_1_and_0_and_unknown_events_none() -> None:
    model = _fitted(GIVEN)
    booking, nan = InteractionType.BOOKING, np.nan
    assert _cosines(model, ("a", booking)) == pytest.approx([1, 1, 0, 0, nan], abs=1e-6, nan_ok=True)
    assert _cosines(model, ("d", booking)) == pytest.approx([0, 0, 1, 1, nan], abs=1e-6, nan_ok=True)
    half = 1 / np.sqrt(2)
    both = _cosines(model, ("a", booking), ("c", booking))
    assert both == pytest.approx([half, half, half, half, nan], abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("history", [[], [("e", "booking")], [("zzz", "booking")], [("a", "dismiss")]])
def test_without_a_known_liking_every_cosine_is_nan(history: list[tuple[str, str]]) -> None:
    assert np.isnan(_cosines(_fitted(GIVEN), *((key, InteractionType(kind)) for key, kind in history))).all()


def test_which_events_go_together_does_not_age() -> None:
    aged = [
        an_interaction(one.user_id, one.event_id, occurred_at=NOW - place * 100 * DAY)
        for place, one in enumerate(GIVEN)
    ]
    assert np.abs(_fitted(aged).vectors_) == pytest.approx(np.abs(_fitted(GIVEN).vectors_), abs=1e-6)


def test_dislikes_teach_nothing() -> None:
    kinds = (InteractionType.DISMISS, InteractionType.CANCEL, InteractionType.IMPRESSION)
    dislikes = [an_interaction("w", event_id, kind) for kind in kinds for event_id in "ace"]
    assert np.array_equal(_fitted(GIVEN + dislikes).vectors_, _fitted(GIVEN).vectors_)


@pytest.mark.parametrize("given", [[], GIVEN[:1], GIVEN[:2]], ids=["nothing", "one booking", "one user"])
def test_a_matrix_too_small_to_decompose_knows_nobody(given: list[Interaction]) -> None:
    assert np.isnan(_cosines(_fitted(given), ("a", InteractionType.BOOKING))).all()


def test_factors_are_bounded_by_the_matrix() -> None:
    assert _fitted(GIVEN, factors=50).vectors_.shape == (5, 3)
    assert _fitted(GIVEN, factors=1).vectors_.shape == (5, 1)


def test_known_events_have_length_1_and_others_0() -> None:
    assert np.linalg.norm(_fitted(GIVEN).vectors_, axis=1) == pytest.approx([1, 1, 1, 1, 0])


def test_events_that_came_after_training_are_unknown_and_move_no_other() -> None:
    model = _fitted(GIVEN)
    grown = CATALOG.merged([an_event("aa"), an_event("a"), an_event("z")])
    assert grown.events.ids() == ["a", "aa", "b", "c", "d", "e", "z"]
    history = (("d", InteractionType.BOOKING), ("aa", InteractionType.BOOKING))
    cosines = model.cosines(_batch(*history, catalog=grown))[0]
    assert cosines.tolist() == pytest.approx([0, np.nan, 0, 1, 1, np.nan, np.nan], abs=1e-6, nan_ok=True)


def test_the_liked_come_first_then_the_popular_and_last_what_is_unlike() -> None:
    model, batch = TruncatedSVD(), _batch(("a", InteractionType.BOOKING))
    model.vectors_ = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0], [0, 0]], np.float32)
    assert model.score(batch)[0].tolist() == pytest.approx([2, 1.6, 0.6 - 1, 0.8 - 1, 1])
    assert model.personal_scores(batch)["collaborative"][0].tolist() == pytest.approx([1, 0.6, 0, -1, 0])


def test_who_is_unknown_is_shown_the_popular() -> None:
    batch = _batch()
    model = _fitted(GIVEN)
    assert model.score(batch).tolist() == MostPopular().score(batch).tolist()
    assert not model.personal_scores(batch)["collaborative"].any()


def test_the_most_popular_are_the_same_for_everybody() -> None:
    batch = _batch(("a", InteractionType.BOOKING))
    assert MostPopular().score(batch)[0].tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert MostPopular().personal_scores(batch) == {}


def test_fallback_is_most_popular_first_then_soonest_first() -> None:
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


def test_liked_then_unknown_then_disliked() -> None:
    personal = np.array([[0.1, np.nan, -0.5, 0.9, 0.0]])
    fallback = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    assert over(personal, fallback).tolist() == [[1.1, 0.4, 0.6 - 1, 1.9, 0.0]]


@given(data=st.data(), shape=st.tuples(st.integers(1, 3), st.integers(1, 20)))
def test_the_three_groups_never_mix(data: st.DataObject, shape: tuple[int, int]) -> None:
    values = st.sampled_from([np.nan, -1.0, -0.01, 0.0, 0.01, 1.0])
    personal = data.draw(hnp.arrays(np.float32, shape, elements=values))
    fallback = fallback_scores(np.zeros(shape[1]), np.arange(shape[1], dtype=float))
    scores = over(personal, fallback)
    assert (scores[personal > 0] > 1).all()
    assert ((scores[np.isnan(personal)] > 0) & (scores[np.isnan(personal)] <= 1)).all()
    assert (scores[personal <= 0] <= 0).all()
