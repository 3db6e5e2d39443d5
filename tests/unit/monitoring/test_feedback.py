"""Feedback figures against counts that are made without the code: with sets, act by act."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities import Interaction, InteractionType, Touchpoint
from shared.entities.provenance import ListKind, Segment, named
from shared.monitoring.acts import MAX_SHOWN, MAX_TAKEN, Figures
from shared.monitoring.attribution import Salted, concerned, rows_of, union
from shared.monitoring.feedback import FeedbackFigures, figures_of, gini
from tests.examples import NOW, an_interaction
from tests.lists import a_list
from tests.stores import erasures, keys

T = InteractionType
MINUTE = timedelta(minutes=1)
SALTED = Salted(bytes(32), keys())
DAY = NOW.date()
KINDS = (ListKind.RECOMMENDATIONS, ListKind.POPULAR)
SEGMENTS = (Segment.WARM, Segment.COLD)
SOURCE = "content"

Step = tuple[str, int, int, int]
"""Act that happens: its kind, a user, an event, and the list (one of four of each user) that it names, if it does."""


def _did(kind: T, token: str, user: str, event: str, number: int, **about: Any) -> Interaction:
    at = NOW + number * MINUTE
    given: dict[str, Any] = {"occurred_at": at, "recorded_at": at, "recommendation_id": token} | about
    return an_interaction(user, event, kind, **given)


def _figures(
    done: list[Interaction], points: dict[str, list[Touchpoint]] | None = None, **about: Any
) -> FeedbackFigures:
    return figures_of(union([rows_of(done, points or {}, SALTED)]), DAY, **about)


class Simulated:
    """Day of a small city: lists are shown, some events of them clicked, booked and cancelled; counts by sets.

    Each user has four lists of two kinds, which all hold the events 0 to 5 in this order.
    """

    def __init__(self, steps: list[Step]) -> None:
        self.done: list[Interaction] = []
        self.shown: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.clicked: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.booked: dict[tuple[str, str], int] = {}
        self.items: dict[tuple[str, int], set[int]] = defaultdict(set)
        self.hits: dict[tuple[str, int], set[int]] = defaultdict(set)
        tokens: dict[tuple[str, int], str] = {}
        once = set[str]()
        for number, (act, who, event, which) in enumerate(steps):
            user, name = f"u{who}", f"e{event}"
            if (user, which) not in tokens:
                tokens[user, which] = a_list(
                    user, kind=KINDS[which % 2], segment=SEGMENTS[which // 2], sources=(SOURCE,) * 6
                )
            token = tokens[user, which]
            if act == "show":
                page = tuple(f"e{place}" for place in range(event, 6))
                entry = _did(T.IMPRESSION, token, user, "", number, event_ids=page, position=event)
                self.items[user, which] |= set(range(event, 6))
                self.shown[f"{which}"] |= {(user, shown) for shown in page}
            elif act == "click":
                entry = _did(T.CLICK, token, user, name, number)
                if entry.interaction_id in once:
                    continue
                once.add(entry.interaction_id)
                self.clicked[f"{which}"].add((user, name))
            elif act == "book":
                entry = _did(T.BOOKING, token, user, name, number)
                self.booked[user, name] = which
            else:
                entry = _did(T.CANCEL, "", user, name, number)
                self.booked.pop((user, name), None)
            self.done.append(entry)

    def expected(self, lists: set[int]) -> Figures:
        every = set().union(*self.shown.values())
        shown = set().union(*(self.shown[f"{which}"] for which in lists))
        clicked = set().union(*(self.clicked[f"{which}"] for which in lists)) & shown
        booked = {pair for pair, which in self.booked.items() if which in lists}
        scores, ranks, seen = [], [], 0
        for (user, which), places in self.items.items():
            if which not in lists:
                continue
            seen += 1
            took = {
                place
                for place in places
                if ((user, f"e{place}") in self.clicked[f"{which}"] and (user, f"e{place}") in every)
                or self.booked.get((user, f"e{place}")) == which
            }
            if took:
                ideal = sum(1 / log2(rank + 2) for rank in range(len(took)))
                scores.append(sum(1 / log2(place + 2) for place in took) / ideal)
                ranks.append(1 / (min(took) + 1))
        return Figures(
            impressions=len(shown),
            clicks=len(clicked),
            ctr=len(clicked) / len(shown) if shown else None,
            bookings=len(booked),
            conversion=len(booked) / len(shown) if shown else None,
            lists=seen,
            hit_lists=len(scores),
            ndcg_at_10=float(np.mean(scores)) if scores else None,
            reciprocal_rank=float(np.mean(ranks)) if ranks else None,
        )


def _near(figures: Figures) -> dict[str, Any]:
    return {name: getattr(figures, name) and round(getattr(figures, name), 9) for name in Figures.__slots__}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["show", "show", "click", "click", "book", "cancel"]),
        st.integers(0, 2),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(STEPS)
def test_the_figures_are_those_of_a_simulated_day(steps: list[Step]) -> None:
    city = Simulated(steps)
    found = _figures(city.done, model_names={named("20260501T120000Z-x"): "20260501T120000Z-x"})
    assert _near(found.total) == _near(city.expected({0, 1, 2, 3}))
    dimensions = {
        "list": {"recommendations": {0, 2}, "popular": {1, 3}},
        "segment": {"warm": {0, 1}, "cold": {2, 3}},
        "model": {"20260501T120000Z-x": {0, 1, 2, 3}},
        "variant": {"none": {0, 1, 2, 3}},
    }
    for dimension, names in dimensions.items():
        for name, lists in names.items():
            figures = found.by[dimension].get(name, Figures())
            assert _near(figures) == _near(city.expected(lists)), (dimension, name)
    every = set().union(*city.shown.values())
    cold = set().union(*(city.shown[f"{which}"] for which in (2, 3)))
    assert found.events_shown == len({event for _, event in every})
    assert found.cold_start_share == (len(cold) / len(every) if every else None)
    assert sum(found.hours["impressions"]) == found.total.impressions
    assert sum(found.hours["clicks"]) == found.total.clicks
    assert sum(found.hours["bookings"]) == found.total.bookings
    assert found.left_out == 0


def test_a_day_without_acts_has_empty_figures() -> None:
    found = _figures([])
    assert replace(found, by={}, hours={}) == FeedbackFigures(day=DAY)
    assert found.to_document().keys() > {"impressions", "ctr", "by", "hours", "gini"}
    assert "day" not in found.to_document()


def test_sources_are_those_of_the_events_as_the_list_showed_them() -> None:
    token = a_list(sources=("content", "pinned", ""))
    done = [
        _did(T.IMPRESSION, token, "u", "", 0, event_ids=("a", "b", "c")),
        _did(T.CLICK, token, "u", "b", 1),
        _did(T.BOOKING, token, "u", "c", 2, position=0),
    ]
    by = _figures(done).by["source"]
    assert {name: (each.impressions, each.clicks, each.bookings) for name, each in by.items()} == {
        "content": (1, 0, 0),
        "pinned": (1, 1, 0),
        "unknown": (1, 0, 1),
    }


def test_clicks_on_what_was_not_shown_move_no_figure() -> None:
    token = a_list()
    shown = [_did(T.IMPRESSION, token, "u", "", 0, event_ids=("a", "b"))]
    clicks = [_did(T.CLICK, token, "u", f"other_{n}", n) for n in range(50)]
    assert _figures([*shown, *clicks]).total == _figures(shown).total


def test_bookings_that_were_cancelled_later_that_day_do_not_count() -> None:
    token = a_list()
    booked = [_did(T.BOOKING, token, "u", "a", 1), _did(T.BOOKING, "", "u", "b", 1)]
    found = _figures(booked)
    assert (found.total.bookings, found.organic_bookings, found.recommended_share) == (1, 1, 0.5)
    cancelled = [_did(T.CANCEL, "", "u", event, 2) for event in "ab"]
    found = _figures([*booked, *cancelled])
    assert (found.total.bookings, found.organic_bookings, found.recommended_share) == (0, 0, None)
    again = _figures([*booked, *cancelled, _did(T.BOOKING, token, "u", "a", 3)])
    assert again.total.bookings == 1


def test_satisfaction_is_the_mean_of_stars_after_recommended_bookings() -> None:
    token = a_list("u")
    points = {"u": [Touchpoint(T.BOOKING, NOW, event, token, 0) for event in "ab"]}
    rated = [_did(T.RATING, "", "u", event, 1, value=stars) for event, stars in (("a", 5.0), ("b", 2.0), ("c", 1.0))]
    found = _figures(rated, points)
    assert (found.total.ratings, found.total.stars) == (2, 3.5)
    assert found.by["segment"]["warm"].stars == 3.5


def test_the_latest_stars_of_a_pair_hold_whether_of_a_rating_or_a_review() -> None:
    points = {"u": [Touchpoint(T.BOOKING, NOW, event, a_list("u"), 0) for event in "ab"]}
    said = [
        _did(T.RATING, "", "u", "a", 1, value=5.0),
        _did(T.REVIEW, "", "u", "a", 2, value=2.0, text="Too loud."),
        _did(T.REVIEW, "", "u", "b", 3, value=4.0),
        _did(T.RATING, "", "u", "b", 4, value=3.0),
        _did(T.REVIEW, "", "u", "b", 5, text="Nice, but I shall not say how nice."),
    ]
    found = _figures(concerned(said, erasures({})), points)
    assert (found.total.ratings, found.total.stars, found.left_out) == (2, 2.5, 0)
    together = [replace(entry, occurred_at=NOW, recorded_at=NOW) for entry in said[:2]]
    assert _figures(together, points).total.stars == 5.0


def test_one_account_moves_the_figures_by_a_bounded_amount() -> None:
    honest = [
        entry
        for n in range(50)
        for token in [a_list(f"h{n}")]
        for entry in (
            _did(T.IMPRESSION, token, f"h{n}", "", 0, event_ids=("a", "b")),
            _did(T.CLICK, token, f"h{n}", "a", 1),
            _did(T.BOOKING, token, f"h{n}", "a", 2),
        )
    ]
    before = _figures(honest)
    flood = []
    for number in range(40):
        token = a_list("bot")
        page = tuple(f"e{number * 100 + n}" for n in range(100))
        flood.append(_did(T.IMPRESSION, token, "bot", "", number, event_ids=page))
        flood += [_did(T.CLICK, token, "bot", event, number) for event in page]
        flood += [_did(T.BOOKING, token, "bot", event, number) for event in page]
    after = _figures([*honest, *flood])
    assert after.total.impressions - before.total.impressions == MAX_SHOWN
    assert after.total.clicks - before.total.clicks == MAX_SHOWN
    assert after.total.bookings - before.total.bookings == MAX_TAKEN
    assert after.left_out == 2 * 4_000 - MAX_SHOWN - MAX_TAKEN
    first = {f"e{n}" for n in range(MAX_SHOWN)}
    assert after.events_shown == len(first | {"a", "b"})


def test_one_accounts_ratings_are_bounded_as_well() -> None:
    token = a_list("u")
    points = {"u": [Touchpoint(T.BOOKING, NOW, f"e{n}", token, 0) for n in range(50)]}
    rated = [_did(T.RATING, "", "u", f"e{n}", 1, value=1.0) for n in range(50)]
    assert _figures(rated, points).total.ratings == MAX_TAKEN


def test_coverage_and_gini_are_of_all_events_that_could_be_shown() -> None:
    done = [_did(T.IMPRESSION, a_list(f"u{n}"), f"u{n}", "", n, event_ids=("a",)) for n in range(4)]
    found = _figures(done, live_events=4)
    assert (found.coverage, found.gini) == (0.25, 0.75)
    assert (_figures(done).coverage, _figures(done).gini) == (None, 0.0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 5))
def test_gini_is_half_the_relative_mean_absolute_difference(counts: list[int], unseen: int) -> None:
    every = np.array([*counts, *[0] * unseen], np.float64)
    expected = np.abs(every[:, None] - every).mean() / (2 * every.mean())
    assert gini(np.array(counts), len(every)) == pytest.approx(expected)


def test_hours_are_those_in_which_pairs_came_first() -> None:
    done = [
        _did(T.IMPRESSION, a_list(), "u", "", number * 60, event_ids=("a", "b") if number else ("a",))
        for number in range(3)
    ]
    found = _figures(done)
    assert [found.hours["impressions"][NOW.hour + n] for n in range(3)] == [1, 1, 0]
    assert found.total.impressions == 2


def test_unknown_models_have_hexadecimal_names_and_fallbacks_none() -> None:
    done = [
        _did(T.IMPRESSION, a_list(f"u{n}", model=model), f"u{n}", "", n, event_ids=("a",))
        for n, model in enumerate(("", "known", "gone"))
    ]
    by = _figures(done, model_names={named("known"): "known"}).by["model"]
    assert by.keys() == {"none", "known", f"{named('gone'):08x}"}


def test_a_list_of_which_no_position_is_known_has_no_accuracy() -> None:
    token = a_list()
    done = [_did(T.IMPRESSION, token, "u", "a", 0), _did(T.CLICK, token, "u", "a", 1)]
    total = _figures(done).total
    assert (total.lists, total.hit_lists, total.ndcg_at_10, total.clicks) == (1, 0, None, 1)


@pytest.mark.parametrize("kind", ListKind)
@pytest.mark.parametrize("segment", Segment)
def test_every_kind_of_list_and_segment_has_a_name(kind: ListKind, segment: Segment) -> None:
    token = a_list("u", kind=kind, segment=segment)
    by = _figures([_did(T.IMPRESSION, token, "u", "", 0, event_ids=("a",))]).by
    assert [*by["list"], *by["segment"]] == [kind.name.lower(), segment.name.lower()]
