"""Laws that hold for every model of `models.registry.MODELS`: each test runs for each of them."""

from datetime import timedelta

import numpy as np
import pytest

from shared.entities import HistoryEntry, InteractionType, Profile, Status, User
from shared.feedback.history import Histories
from shared.feedback.interactions import InteractionTable
from shared.models.artifact import pack
from shared.models.registry import trainable
from shared.ranking.batch import recommend_batch
from shared.ranking.query import Recommendation
from shared.services.serving.cache import CachedRecommender
from shared.services.training.dataset import Dataset, fit
from shared.signals.candidates import Candidates
from shared.signals.users import UserBatch
from tests import laws
from tests.examples import DAY, NOW, an_event
from tests.known import known

DATA = laws.city()
LIVE = {event.event_id for event in DATA.events if known(event.over_by()) > NOW}
every_model = pytest.mark.parametrize("model", trainable())
personal_models = pytest.mark.parametrize("model", laws.PERSONAL)
impersonal_models = pytest.mark.parametrize("model", sorted(laws.IMPERSONAL))


def _assert_equal(found: dict[str, list[Recommendation]], expected: dict[str, list[Recommendation]]) -> None:
    """Assert equal lists, with scores equal up to rounding."""
    assert laws.ids(found) == laws.ids(expected)
    for user_id, items in found.items():
        assert [item.score for item in items] == pytest.approx([item.score for item in expected[user_id]], abs=1e-4)


@every_model
def test_lists_have_each_live_event_once_except_already_consumed_ones(model: str) -> None:
    for user_id, items in laws.ids(laws.lists(laws.trained(model, DATA), DATA)).items():
        assert len(items) == len(set(items))
        assert set(items) == LIVE - laws.seen(DATA, user_id)


@every_model
def test_lists_are_ordered_by_score_and_shorter_lists_are_prefixes(model: str) -> None:
    recommender = laws.trained(model, DATA)
    whole = laws.lists(recommender, DATA)
    for items in whole.values():
        scores = [item.score for item in items]
        assert scores == sorted(scores, reverse=True)
    for k in (1, 3):
        assert laws.lists(recommender, DATA, k=k) == {user_id: items[:k] for user_id, items in whole.items()}


@personal_models
def test_fans_see_the_remaining_events_of_their_own_kind_first(model: str) -> None:
    answers = laws.ids(laws.lists(laws.trained(model, DATA), DATA))
    for kind in laws.KINDS:
        for user_id in (key for key in answers if key.startswith(kind.name)):
            own = {event_id for event_id in LIVE if event_id.startswith(kind.name)} - laws.seen(DATA, user_id)
            assert own, "the law would hold of nothing"
            assert set(answers[user_id][: len(own)]) == own


@personal_models
def test_a_single_click_personalizes_the_list(model: str) -> None:
    recommender = laws.trained(model, DATA)
    for kind in laws.KINDS:
        newcomer = Profile(User(user_id="new"), (HistoryEntry(InteractionType.CLICK, NOW, f"{kind.name}_0"),))
        first = recommender.recommend(newcomer, k=5, now=NOW)
        assert {item.event_id.partition("_")[0] for item in first} == {kind.name}


@impersonal_models
def test_impersonal_models_order_events_equally_for_all_users(model: str) -> None:
    recommender = laws.trained(model, DATA)
    order = [item.event_id for item in recommender.recommend(k=100, now=NOW)]
    for user_id, items in laws.ids(laws.lists(recommender, DATA)).items():
        assert items == [event_id for event_id in order if event_id not in laws.seen(DATA, user_id)]


@every_model
def test_unknown_ids_give_the_list_of_a_cold_start_user(model: str) -> None:
    recommender = laws.trained(model, DATA)
    cold_start = recommender.recommend(k=100, now=NOW)
    assert {item.event_id for item in cold_start} == LIVE
    assert {item.source for item in cold_start} <= laws.FALLBACKS
    entries = tuple(
        HistoryEntry(kind, NOW - DAY, "unknown_event", "unknown_organizer", 5.0) for kind in InteractionType
    )
    assert recommender.recommend(Profile(User(user_id="unknown"), entries), k=100, now=NOW) == cold_start
    assert recommender.recommend(Profile(User(user_id="unknown")), k=100, now=NOW) == cold_start


@every_model
@pytest.mark.parametrize("part", ["nothing", "events", "interactions"])
def test_models_train_without_events_or_interactions(model: str, part: str) -> None:
    empty = Dataset(DATA.events if part == "events" else (), {}, DATA.interactions if part == "interactions" else ())
    items = laws.trained(model, empty).recommend(laws.profile(DATA, "jazz_fan_1"), k=100, now=NOW)
    left = LIVE - laws.seen(DATA, "jazz_fan_1")
    assert {item.event_id for item in items} == (left if part == "events" else set())


@every_model
def test_the_order_of_documents_has_no_effect(model: str) -> None:
    expected = laws.lists(laws.trained(model, DATA), DATA)
    for seed in (1, 2):
        assert laws.lists(laws.trained(model, laws.shuffled(DATA, seed)), DATA) == expected


@every_model
def test_the_same_documents_give_the_same_bytes(model: str) -> None:
    cached, again = (pack(laws.trained(model, data).to_arrays()) for data in (DATA, laws.shuffled(DATA, 3)))
    assert cached == again


@every_model
def test_doubling_all_users_keeps_the_order(model: str) -> None:
    twins = laws.ids(laws.lists(laws.trained(model, laws.doubled(DATA)), DATA))
    cached = laws.ids(laws.lists(laws.trained(model, DATA), DATA))
    if model in laws.REGULARIZED:
        fans = [user_id for user_id in cached if "_fan_" in user_id]
        twins, cached = (
            {key: [event_id.partition("_")[0] for event_id in lists[key]] for key in fans} for lists in (twins, cached)
        )
    assert twins == cached


@every_model
def test_moving_all_times_by_four_weeks_keeps_the_lists(model: str) -> None:
    by = timedelta(weeks=4)
    later = laws.moved(DATA, by)
    _assert_equal(
        laws.lists(laws.trained(model, later, now=NOW + by), later, now=NOW + by),
        laws.lists(laws.trained(model, DATA), DATA),
    )


@every_model
def test_a_stored_model_gives_the_same_lists(model: str) -> None:
    recommender = laws.trained(model, DATA)
    loaded = laws.stored_and_loaded(model, recommender)
    assert laws.lists(loaded, DATA) == laws.lists(recommender, DATA)


@every_model
def test_nothing_leaks_from_after_the_cutoff(model: str) -> None:
    cutoff = NOW - 40 * DAY
    expected = laws.lists(laws.trained(model, DATA, now=cutoff), DATA, now=cutoff)
    for seed in (1, 2):
        scrambled = laws.scrambled_after(DATA, cutoff, seed)
        assert scrambled.interactions != DATA.interactions
        assert laws.lists(laws.trained(model, scrambled, now=cutoff), DATA, now=cutoff) == expected


@every_model
def test_batch_lists_equal_the_lists_of_single_users(model: str) -> None:
    recommender = laws.trained(model, DATA)
    table = fit(DATA, model="popularity", now=NOW, half_life_days=90.0)[2]
    users = [*DATA.users.values(), User(user_id="unknown")]
    candidates = np.flatnonzero(recommender.catalog.live(NOW))
    batch = {
        user.user_id: recommender.catalog.events.ids(row[row >= 0])
        for chunk, rows, _ in recommend_batch(recommender, users, table, candidates, now=NOW, k=100)
        for user, row in zip(chunk, rows, strict=True)
    }
    alone = laws.lists(recommender, Dataset(DATA.events, {u.user_id: u for u in users}, DATA.interactions))
    assert batch == laws.ids(alone)


@every_model
def test_nobody_has_no_scores(model: str) -> None:
    recommender = laws.trained(model, DATA)
    catalog, table = recommender.catalog, InteractionTable.of([], recommender.catalog)
    candidates = Candidates(catalog, np.flatnonzero(catalog.live(NOW)), NOW.timestamp(), np.zeros(len(LIVE)))
    nobody = UserBatch(Histories.of_table([], table, NOW, newest=1), candidates)
    assert recommender.scorer.score(nobody).shape == (0, len(LIVE))
    assert {scores.shape for scores in recommender.scorer.personal_scores(nobody).values()} <= {(0, len(LIVE))}


@every_model
def test_events_are_added_and_removed_without_a_retrain(model: str) -> None:
    gone = an_event("jazz_1", status=Status.CANCELLED)
    recommender = laws.trained(model, DATA).with_events([an_event("brand_new", organizer_id="jazz_club_0"), gone])
    for user_id, items in laws.ids(laws.lists(recommender, DATA)).items():
        assert set(items) == LIVE - laws.seen(DATA, user_id) - {"jazz_1"} | {"brand_new"}


@every_model
def test_a_new_event_keeps_the_order_of_the_others(model: str) -> None:
    recommender = laws.trained(model, DATA)
    # The id determines the row of the new event; at any row the other events must keep their own values.
    for event_id in ("aaa", "kkk", "zzz"):
        with_one_more = laws.ids(laws.lists(recommender.with_events([an_event(event_id)]), DATA))
        for user_id, items in laws.ids(laws.lists(recommender, DATA)).items():
            assert [item for item in with_one_more[user_id] if item != event_id] == items


@every_model
def test_merging_unchanged_events_keeps_the_lists(model: str) -> None:
    recommender = laws.trained(model, DATA)
    assert laws.lists(recommender.with_events(DATA.events), DATA) == laws.lists(recommender, DATA)


@every_model
def test_newer_popularity_reorders_the_list_of_a_cold_start_user(model: str) -> None:
    recommender = laws.trained(model, DATA)
    *_, last = recommender.recommend(k=100, now=NOW)
    updated = recommender.with_popularity({last.event_id: 1e12, "unknown_event": 1e15})
    assert updated.recommend(k=1, now=NOW)[0].event_id == last.event_id
    assert recommender.recommend(k=100, now=NOW)[-1] == last, "the model itself stays as it was"


@every_model
def test_reasons_refer_to_interactions_of_the_user_or_attributes_of_the_event(model: str) -> None:
    titles = {event.event_id: event.title for event in DATA.events}
    for user_id, items in laws.lists(laws.trained(model, DATA), DATA).items():
        own = {f"because you booked {titles[event_id]}" for event_id in laws.seen(DATA, user_id)}
        own |= {f"because you viewed {title}" for title in titles.values()}
        for item in items:
            because = {reason.text for reason in item.reasons if reason.text.startswith("because")}
            assert because <= own
            assert not because or item.source not in laws.FALLBACKS


@every_model
def test_a_prepared_model_gives_the_same_lists(model: str) -> None:
    prepared = CachedRecommender(laws.trained(model, DATA))
    prepared.prepare(NOW)
    found = {user_id: prepared.recommend(laws.profile(DATA, user_id), k=100, now=NOW) for user_id in DATA.users}
    _assert_equal(found, laws.lists(laws.trained(model, DATA), DATA))
    prepared.prepare(NOW + 10_000 * DAY)
