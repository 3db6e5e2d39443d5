"""List building with given scores: filters, pins, boosts, caps, diversity, pages and the visibility mask."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, InteractionType, Placement, Profile, Rules, User
from shared.ranking import cursor
from shared.ranking.filters import Filters
from shared.ranking.lists import build_list, may_show
from shared.ranking.query import ListQuery, Viewer
from shared.signals.candidates import Candidates
from tests.examples import DAY, NOW, an_event

# a0 is best, then b0, a1, b1 and so on; the a's share one organizer and their content, the b's others.
NAMES = [f"{kind}{number}" for number in range(6) for kind in "ab"]
EVENTS = [
    an_event(
        name,
        title=f"{name} Alpha jazz evening" if name[0] == "a" else f"{name} Beta yoga morning",
        organizer_id=f"org_{name[0]}",
        category={"a": "music", "b": "sport"}[name[0]],
        starts_at=NOW + 3 * DAY,
    )
    for name in NAMES
]
CATALOG = Catalog.of(EVENTS)
ROWS = np.arange(len(CATALOG))
NO_RULES = Rules()
SCORES = np.array([-float(NAMES.index(name)) for name in CATALOG.events.ids()])


def _listed(query: ListQuery, rules: Rules = NO_RULES, **changes: Any) -> tuple[list[str], str | None]:
    candidates = Candidates(CATALOG, ROWS, NOW.timestamp(), np.zeros(len(ROWS)))
    allowed = changes.get("allowed", np.ones(len(ROWS), np.bool_))
    ranked = build_list(candidates, changes.get("scores", SCORES), allowed, query, rules=rules, now=NOW)
    return CATALOG.events.ids(ranked.rows), ranked.cursor


def test_lists_are_ordered_by_score() -> None:
    assert _listed(ListQuery(k=3))[0] == ["a0", "b0", "a1"]


def test_the_cap_by_organizer_holds_within_a_page_and_across_pages() -> None:
    first, next_cursor = _listed(ListQuery(k=3, per_organizer=2))
    assert first == ["a0", "b0", "a1"]
    assert next_cursor
    second, end = _listed(ListQuery(k=3, per_organizer=2, cursor=next_cursor))
    assert (second, end) == (["b1"], None)


def test_the_lower_of_the_query_s_and_the_rules_cap_applies() -> None:
    rules = Rules(max_per_organizer=1)
    assert _listed(ListQuery(k=9), rules)[0] == ["a0", "b0"]
    assert _listed(ListQuery(k=9, per_organizer=3), rules)[0] == ["a0", "b0"]


def test_a_list_holds_one_date_of_a_series_unless_more_are_asked_for() -> None:
    weekly = [
        an_event(f"w{n}", title="Salsa course", organizer_id="o", starts_at=NOW + (n + 1) * DAY) for n in range(9)
    ]
    others = [an_event(f"x{n}", title=f"Concert {n}", organizer_id="o") for n in range(3)]
    catalog = Catalog.of([*weekly, *others, an_event("y", title="Salsa", organizer_id="p"), an_event("z")])
    candidates = Candidates(catalog, np.arange(len(catalog)), NOW.timestamp(), np.zeros(len(catalog)))

    def listed(query: ListQuery) -> tuple[list[str], str | None]:
        scores = -np.arange(len(catalog), dtype=float)
        ranked = build_list(candidates, scores, np.ones(len(catalog), np.bool_), query, now=NOW)
        return catalog.events.ids(ranked.rows), ranked.cursor

    assert listed(ListQuery(k=9))[0] == ["w0", "x0", "x1", "x2", "y", "z"]
    assert listed(ListQuery(k=9, per_series=2))[0] == ["w0", "w1", "x0", "x1", "x2", "y", "z"]
    assert listed(ListQuery(k=20, per_series=None))[0] == catalog.events.ids()
    # Dates that the series' cap leaves out do not count for the organizer.
    assert listed(ListQuery(k=9, per_organizer=2))[0] == ["w0", "x0", "y", "z"]
    first, at = listed(ListQuery(k=2))
    assert (first, at is None) == (["w0", "x0"], False)
    assert listed(ListQuery(k=9, cursor=at or ""))[0] == ["x1", "x2", "y", "z"]
    assert listed(ListQuery(k=3, diversity=0.5))[0][0] == "w0"
    assert sum(name.startswith("w") for name in listed(ListQuery(k=5, diversity=0.5))[0]) == 1


def test_pages_hold_each_event_once_even_if_scores_change_between_them() -> None:
    rng, seen, at = np.random.default_rng(1), list[str](), ""
    for _ in range(4):
        page, next_cursor = _listed(ListQuery(k=3, cursor=at), scores=rng.permutation(SCORES))
        seen += page
        at = next_cursor or ""
    assert sorted(seen) == sorted(NAMES)


def test_a_page_shorter_than_k_has_no_next_cursor() -> None:
    assert _listed(ListQuery(k=12))[1] is not None
    assert _listed(ListQuery(k=13))[1] is None


def test_diversity_separates_similar_events_and_zero_keeps_the_order_of_scores() -> None:
    scores = np.where([name[0] == "a" for name in CATALOG.events.ids()], 10.0, 1.0) + SCORES / 100
    assert {name[0] for name in _listed(ListQuery(k=4), scores=scores)[0]} == {"a"}
    mixed = _listed(ListQuery(k=4, diversity=0.9), scores=scores)[0]
    assert [name[0] for name in mixed[:2]] == ["a", "b"]
    assert mixed[0] == "a0"


def test_diversity_counts_events_on_pages_before() -> None:
    first, next_cursor = _listed(ListQuery(k=1, diversity=0.9))
    assert first == ["a0"]
    assert _listed(ListQuery(k=1, diversity=0.9, cursor=next_cursor or ""))[0][0].startswith("b")


def test_pinned_events_come_first_in_their_order_while_active() -> None:
    pins = (
        Placement(target_id="b5"),
        Placement(target_id="a5", starts_at=NOW - DAY, ends_at=NOW + DAY),
        Placement(target_id="a4", starts_at=NOW + DAY),
        Placement(target_id="b4", ends_at=NOW),
        Placement(target_id="unknown"),
    )
    page, next_cursor = _listed(ListQuery(k=3), Rules(pinned=pins))
    assert page == ["b5", "a5", "a0"]
    assert _listed(ListQuery(k=2, cursor=next_cursor or ""), Rules(pinned=pins))[0] == ["b0", "a1"]


def test_pinned_events_must_pass_the_filters_and_the_visibility_mask() -> None:
    rules = Rules(pinned=(Placement(target_id="b5"), Placement(target_id="a5")))
    assert _listed(ListQuery(k=2, filters=Filters(category=("music",))), rules)[0] == ["a5", "a0"]
    allowed = np.array([name != "a5" for name in CATALOG.events.ids()])
    assert _listed(ListQuery(k=2), rules, allowed=allowed)[0] == ["b5", "a0"]


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        (Rules(boosted_events=(Placement(target_id="b2", strength=5),)), "b2"),
        (Rules(boosted_organizers=(Placement(target_id="org_b", strength=5),)), "b0"),
        (Rules(boosted_events=(Placement(target_id="b2", strength=5, ends_at=NOW),)), "a0"),
        (Rules(boosted_events=(Placement(target_id="unknown", strength=5),)), "a0"),
        (Rules(boosted_organizers=(Placement(target_id="unknown", strength=5),)), "a0"),
    ],
)
def test_a_boost_raises_known_targets_while_active(rules: Rules, first: str) -> None:
    assert _listed(ListQuery(k=1), rules)[0] == [first]


def _visible(profile: Profile, rules: Rules = NO_RULES, organizer_ids: tuple[str, ...] = ()) -> set[str]:
    viewer = Viewer.of(profile, CATALOG, NOW, organizer_ids)
    return set(CATALOG.events.ids(ROWS[may_show(CATALOG, ROWS, viewer, rules, NOW)]))


def test_consumed_dismissed_own_and_blocked_events_are_not_visible() -> None:
    kinds = {"a0": "booking", "a1": "attend", "a2": "dismiss", "a3": "view", "gone": "booking"}
    history = tuple(HistoryEntry(InteractionType(kind), NOW, name) for name, kind in kinds.items())
    profile = Profile(User(user_id="u"), history)
    assert set(NAMES) - _visible(profile) == {"a0", "a1", "a2"}
    assert set(NAMES) - _visible(profile, Rules(blocked_events=("b0", "unknown"))) == {"a0", "a1", "a2", "b0"}
    all_b = {name for name in NAMES if name[0] == "b"}
    assert set(NAMES) - _visible(profile, Rules(blocked_organizers=("org_b", "unknown"))) == {"a0", "a1", "a2"} | all_b
    assert set(NAMES) - _visible(profile, organizer_ids=("org_b",)) == {"a0", "a1", "a2"} | all_b
    assert set(NAMES) - _visible(Profile(User(user_id="org_b"))) == all_b


def test_unknown_organizer_ids_do_not_hide_events_without_an_organizer() -> None:
    catalog = Catalog.of([an_event("free"), *EVENTS])
    viewer = Viewer.of(Profile(User(user_id="u")), catalog, NOW, ("unknown",))
    assert may_show(catalog, np.arange(len(catalog)), viewer, Rules(blocked_organizers=("other",)), NOW).all()


def test_fingerprints_are_distinct_and_independent_of_the_array_width() -> None:
    ids = [*NAMES, *(f"event_{number}" for number in range(20_000)), "é" * 60]
    keys = np.array([event_id.encode() for event_id in ids])
    found = cursor.fingerprints(keys)
    assert len(set(found.tolist())) == len(ids)
    assert cursor.fingerprints(keys[:12].astype("S2")).tolist() == found[:12].tolist()
    assert cursor.decode(cursor.encode(found[:5])).tolist() == found[:5].tolist()


def test_pagination_ends_at_the_limit_of_shown_events() -> None:
    long = cursor.encode(range(cursor.MAX_SHOWN - 2))
    assert _listed(ListQuery(k=1, cursor=long))[1] is not None
    assert _listed(ListQuery(k=2, cursor=long))[1] is None


def test_a_sold_out_event_is_not_visible() -> None:
    catalog = CATALOG.merged([replace(EVENTS[0], capacity=1, booked=1)])
    viewer = Viewer.of(Profile(User(user_id="u")), catalog, NOW)
    assert "a0" not in catalog.events.ids(ROWS[may_show(catalog, ROWS, viewer, Rules(), NOW)])
