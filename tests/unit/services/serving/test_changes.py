"""Changes of a warm instance: after any of them it answers as one that begins with the events as they are now."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.objects.folder import FolderObjects
from shared.entities import Event, Location, Status
from shared.feedback.trends import WINDOWS
from shared.models.blend import Blend
from shared.models.scorer import Scorer
from shared.ports import Caller, Documents
from shared.ranking.cards import Cards
from shared.ranking.filters import WEEK, Filters
from shared.ranking.query import ListQuery, Viewer
from shared.ranking.recommender import Recommender
from shared.services.serving import lists
from shared.services.serving.cache import CachedRecommender
from shared.services.serving.context import ListRequest, ServingContext
from shared.services.serving.snapshot import Serving, Snapshot
from shared.signals import static_candidates, succession
from shared.signals.registry import SIGNALS
from shared.signals.users import SEGMENTS, UserBatch
from tests.examples import NOW
from tests.stores import documents
from tests.towers import fitted
from tests.town import Town, town, town_event

TOWN = town(4)
IDS = [f"e{number:03}" for number in range(0, 60, 3)] + ["a", "é", "z" * 40]
"""Some events of the town, and some that are new, before, between and after its own and longer than they."""

CHANGES: dict[str, Callable[[Event], Event]] = {
    "new": lambda event: event,
    "hidden": lambda event: replace(event, status=Status.HIDDEN),
    "cancelled": lambda event: replace(event, status=Status.CANCELLED),
    "sold out": lambda event: replace(event, capacity=1, booked=1),
    "soon over": lambda event: replace(event, starts_at=NOW + timedelta(minutes=3), ends_at=NOW + timedelta(minutes=9)),
    "without a time": lambda event: replace(event, starts_at=None, ends_at=None),
    "of a new name": lambda event: replace(event, organizer_id="0 new", venue_id="new", tags=("t1", "new")),
}
events = st.builds(
    lambda event_id, number, change: CHANGES[change](town_event(np.random.default_rng(number), event_id)),
    st.sampled_from(IDS),
    st.integers(0, 30),
    st.sampled_from(sorted(CHANGES)),
)
steps = st.lists(
    st.lists(events, max_size=4)
    | st.dictionaries(st.sampled_from(IDS), st.floats(0, 9).map(lambda log: 10**log), max_size=3)
    | st.sampled_from([timedelta(minutes=4), timedelta(days=5)]),
    min_size=1,
    max_size=8,
)


def _blend(city: Town) -> Blend:
    weights = np.random.default_rng(1).normal(size=(len(SEGMENTS), len(SIGNALS))).astype(np.float32)
    return Blend(weights, {signal.name: fitted(signal, city.past) for signal in SIGNALS})


BLEND = _blend(TOWN)


def _recommender(scorer: Scorer) -> Recommender:
    popular = np.random.default_rng(2).random(len(TOWN.past.catalog))
    before = popular * np.linspace(0.9, 0.1, len(WINDOWS))[:, None]
    return Recommender(TOWN.past.catalog, scorer, popular, before, Cards.of((), TOWN.past.catalog.events))


def _scores(model: CachedRecommender, now: datetime) -> list[list[float]]:
    candidates = model.live(now).candidates
    viewers = [Viewer.of(profile, model.recommender.catalog, now) for profile in TOWN.profiles]
    return [model.recommender.scorer.score(UserBatch(viewer.histories, candidates)).tolist() for viewer in viewers]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return Serving(documents(), FolderObjects(tmp_path_factory.mktemp("bucket")), refresh_s=1e9)


def _lists(model: CachedRecommender, now: datetime, serving: Serving, store: Documents) -> list[object]:
    serving._snapshot, serving._refreshed_at = Snapshot(model), now
    context = ServingContext(serving, store, lambda: now, deadline_s=1.0)
    near = Filters(near=Location(41.9, -87.6), radius_km=9, tags=("t1", "new"), max_price=50, when=WEEK)
    answers: list[object] = []
    for query in (ListQuery(k=6), ListQuery(k=5, diversity=0.5, per_organizer=2), ListQuery(k=9, filters=near)):
        request = ListRequest(query=query, recent=("e003", "z" * 40, "e009"))
        first = lists.recommend(context, request)
        following = replace(request, query=replace(query, cursor=first.next_cursor or ""))
        answers += [first, lists.recommend(context, following), lists.rank(context, request, event_ids=IDS)]
        for window in ("", *WINDOWS):
            answers.append(lists.popular(context, request, window=window))
        answers += [lists.trending(context, request, window=window) for window in WINDOWS]
        catalog = model.recommender.catalog
        for event_id in IDS[-5:]:
            if (row := catalog.events.row(event_id)) >= 0 and catalog.visible[row]:
                answers.append(lists.similar(context, request, event_id=event_id, caller=Caller("nobody")))
    return answers


@pytest.mark.parametrize("always", [False, True], ids=["as it is", "always kept"])
@settings(max_examples=15, deadline=None)
@given(steps=steps)
def test_an_instance_answers_as_one_that_begins_with_the_events_as_they_are(
    serving: Serving, steps: list[list[Event] | dict[str, float] | timedelta], *, always: bool
) -> None:
    base, store = _recommender(BLEND), documents()
    warm, now = CachedRecommender(base), NOW
    warm.prepare(now)
    latest: dict[str, Event] = {}
    sums: dict[str, float] = {}
    with pytest.MonkeyPatch.context() as patch:
        if always:
            patch.setattr(succession, "_MAX_CHANGED", 1.0)
            patch.setattr(static_candidates, "_MAX_LATER", 1e9)
        for step in steps:
            if isinstance(step, timedelta):
                now += step
            elif isinstance(step, list):
                warm = warm.with_events(step)
                latest |= {event.event_id: event for event in step}
            else:
                known = {event_id: number for event_id, number in step.items() if event_id in {*_ids(warm)}}
                warm, sums = warm.with_popularity(known), sums | known
            fresh = CachedRecommender(_recommender(base.scorer)).with_events([*latest.values()]).with_popularity(sums)
            assert _ids(warm) == _ids(fresh)
            assert _scores(warm, now) == _scores(fresh, now)
        assert _lists(warm, now, serving, store) == _lists(fresh, now, serving, store)


def _ids(model: CachedRecommender) -> list[str]:
    return model.recommender.catalog.events.ids()
