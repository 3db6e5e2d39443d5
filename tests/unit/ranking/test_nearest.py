"""Nearest events among very many, with limits so small that a few hundred events are many."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.offers import Offers
from shared.adapters.objects.folder import FolderObjects
from shared.catalog.catalog import Catalog
from shared.entities import Event
from shared.feedback.trends import WINDOWS
from shared.models.baselines import MostPopular
from shared.ports import Caller
from shared.ranking import nearest as module
from shared.ranking import similarity as similarities
from shared.ranking.cards import Cards
from shared.ranking.filters import Filters
from shared.ranking.nearest import nearest
from shared.ranking.query import ListQuery
from shared.ranking.recommender import Recommender
from shared.ranking.similarity import similarity
from shared.services.serving import lists
from shared.services.serving.cache import CachedRecommender
from shared.services.serving.context import ListRequest, ServingContext
from shared.services.serving.snapshot import Serving, Snapshot
from shared.signals.candidates import Candidates
from tests.examples import DAY, NOW, an_event
from tests.stores import documents

N = 1_500
FILTERS = {
    "none": Filters(),
    "category": Filters(category=("c1",)),
    "dates": Filters(since=NOW + 10 * DAY, until=NOW + 24 * DAY),
    "category and dates": Filters(category=("c1",), since=NOW + 10 * DAY, until=NOW + 24 * DAY),
}


def _events() -> list[Event]:
    rng = np.random.default_rng(3)
    topics = rng.integers(0, 9, N)
    offers = Offers.of(topics, rng)
    titles, texts, tags = offers.titles.to_pylist(), offers.descriptions.to_pylist(), offers.tags.to_pylist()
    return [
        an_event(
            f"e{number:04}",
            title=titles[number],
            description=texts[number],
            tags=tuple(dict.fromkeys(tags[number])),
            category=f"c{topics[number] // 3}",
            subcategory=f"s{topics[number]}",
            organizer_id=f"o{topics[number] * 20 + number % 20}",
            venue_id=f"v{offers.venues[number]}",
            starts_at=NOW + int(rng.integers(1, 60)) * DAY,
        )
        for number in range(N)
    ]


EVENTS = _events()
CATALOG = Catalog.of(EVENTS)


def _candidates(catalog: Catalog = CATALOG) -> Candidates:
    rows = np.arange(len(catalog))
    return Candidates(catalog, rows, NOW.timestamp(), np.zeros(len(rows)))


@pytest.fixture(autouse=True)
def few_are_many() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FROM", 100)
        patch.setattr(module, "_FEW", 200)
        patch.setattr(similarities, "_RARE", 250)
        yield


def _best(candidates: Candidates, row: int, filters: Filters) -> NDArray[np.float32]:
    scores = similarity(candidates, np.array([row]))[0]
    listed = scores[_allowed(candidates, row, filters)]
    best: NDArray[np.float32] = np.sort(listed[listed > 0])[::-1][:10]
    return best


def _allowed(candidates: Candidates, row: int, filters: Filters) -> NDArray[np.bool_]:
    is_allowed = filters.allowed(candidates, NOW)
    is_allowed &= candidates.rows != row
    return is_allowed


def _nearest(candidates: Candidates, row: int, filters: Filters = FILTERS["none"], *, size: int = 60) -> Candidates:
    return nearest(candidates, row, lambda part: _allowed(part, row, filters), caps={}, size=size)


@pytest.mark.parametrize("name", FILTERS)
def test_nearly_all_of_the_ten_most_similar_events_are_among_the_nearest(name: str) -> None:
    candidates, found, expected, lengths = _candidates(), 0, 0, list[int]()
    for row in range(0, N, 75):
        filters = FILTERS[name]
        if filters.category:
            filters = replace(filters, category=(EVENTS[row].category,))
        near = _nearest(candidates, row, filters)
        lengths.append(len(near))
        assert bool(np.all(np.diff(near.rows) > 0))
        of_all, of_near = _best(candidates, row, filters), _best(near, row, filters)
        expected += len(of_all)
        found += int((of_near[: len(of_all)] >= of_all[-1] - 1e-6).sum())
    assert found >= 0.95 * expected
    # The tags of one or two are of no other event.
    assert float(np.median(lengths)) <= 200


def test_few_candidates_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FROM", N + 1)
    candidates = _candidates()
    assert _nearest(candidates, 0) is candidates


def test_an_event_that_little_but_its_text_tells_of_is_compared_to_all() -> None:
    words_only = [
        an_event(event.event_id, title=event.title, description=event.description, category="c") for event in EVENTS
    ]
    candidates = _candidates(Catalog.of(words_only))
    assert _nearest(candidates, 0) is candidates


def test_what_passes_a_narrow_filter_is_compared_as_a_whole() -> None:
    narrow = Filters(since=NOW + 10 * DAY, until=NOW + 11 * DAY, category=("c1",))
    candidates = _candidates()
    near = _nearest(candidates, 0, narrow)
    assert near.rows.tolist() == np.flatnonzero(_allowed(candidates, 0, narrow)).tolist()
    nothing = Filters(category=("nowhere",))
    assert len(similarity(_nearest(candidates, 0, nothing), np.array([0]))[0]) == 0


def test_all_are_compared_where_many_pass_and_the_event_shares_enough_with_few() -> None:
    candidates = _candidates()
    assert _nearest(candidates, 0, size=N) is candidates


@pytest.mark.parametrize("query", [ListQuery(k=5, per_series=None), ListQuery(k=5, per_organizer=1, diversity=0.3)])
def test_the_list_of_similar_events_and_its_next_page_are_those_of_all_events(
    query: ListQuery, monkeypatch: pytest.MonkeyPatch
) -> None:
    popular, before = np.zeros(N), np.zeros((len(WINDOWS), N))
    model = CachedRecommender(Recommender(CATALOG, MostPopular(), popular, before, Cards.of((), CATALOG.events)))
    store = documents()
    serving = Serving(store, FolderObjects(Path("unread")), refresh_s=1e9)
    serving._snapshot, serving._refreshed_at = Snapshot(model), NOW
    context = ServingContext(serving, store, lambda: NOW, deadline_s=1.0)

    def pages() -> list[list[str]]:
        listed, cursor = list[list[str]](), ""
        for _ in range(2):
            request = ListRequest(query=replace(query, cursor=cursor))
            answer = lists.similar(context, request, event_id=EVENTS[150].event_id, caller=Caller("nobody"))
            listed.append([item.event_id for item in answer.items])
            cursor = answer.next_cursor or ""
        return listed

    monkeypatch.setattr(lists, "POOL", 120)
    shortened = pages()
    monkeypatch.setattr(module, "FROM", N + 1)
    assert shortened == pages()
    assert [len(page) for page in shortened] == [5, 5]


def test_events_that_came_after_the_training_are_found() -> None:
    twin = replace(EVENTS[75], event_id="twin")
    catalog, _ = CATALOG.with_changes([twin])
    row = catalog.events.row(EVENTS[75].event_id)
    near = _nearest(_candidates(catalog), row)
    scores = similarity(near, np.array([row]))[0]
    scores[near.rows == row] = -1
    assert catalog.events.ids(near.rows[[int(np.argmax(scores))]]) == ["twin"]
    # And are compared to others themselves.
    assert EVENTS[75].event_id in catalog.events.ids(_nearest(_candidates(catalog), catalog.events.row("twin")).rows)


def test_dates_of_one_series_leave_room_for_others() -> None:
    weekly = [replace(EVENTS[75], event_id=f"weekly{number:03}") for number in range(200)]
    catalog, _ = CATALOG.with_changes(weekly)
    candidates, row = _candidates(catalog), catalog.events.row("weekly000")
    near = nearest(candidates, row, lambda part: part.rows != row, caps={"series": 1, "organizer": None}, size=60)
    codes = near.static.codes["series"]
    assert len(near) == 60
    assert 1 <= int((codes == catalog.fields["series"].at(np.array([row]))[0]).sum()) <= 4
