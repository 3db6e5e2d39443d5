"""How lists are put together, on scores that the tests set."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import HistoryEntry, InteractionType, Placement, Profile, Rules, User
from shared.ranking import cursor
from shared.ranking.filters import Filters
from shared.ranking.lists import choose, may_show
from shared.ranking.query import ListQuery, Viewer
from shared.signals.candidates import Candidates
from tests.examples import DAY, NOW, an_event

# a0 is best, then b0, a1, b1 and so on; a's are of one organizer and alike, b's of another.
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


def _chosen(query: ListQuery, rules: Rules = NO_RULES, **changes: Any) -> tuple[list[str], str | None]:
    candidates = Candidates(CATALOG, ROWS, NOW.timestamp(), np.zeros(len(ROWS)))
    allowed = changes.get("allowed", np.ones(len(ROWS), np.bool_))
    listed = choose(candidates, changes.get("scores", SCORES), allowed, query, rules=rules, now=NOW)
    return CATALOG.events.ids(listed.rows), listed.cursor


def test_the_best_come_first() -> None:
    assert _chosen(ListQuery(k=3))[0] == ["a0", "b0", "a1"]


def test_an_organizer_s_cap_holds_within_a_list_and_over_its_pages() -> None:
    first, following = _chosen(ListQuery(k=3, per_organizer=2))
    assert first == ["a0", "b0", "a1"]
    assert following
    second, end = _chosen(ListQuery(k=3, per_organizer=2, cursor=following))
    assert (second, end) == (["b1"], None)


def test_the_rules_cap_applies_where_it_is_lower() -> None:
    rules = Rules(max_per_organizer=1)
    assert _chosen(ListQuery(k=9), rules)[0] == ["a0", "b0"]
    assert _chosen(ListQuery(k=9, per_organizer=3), rules)[0] == ["a0", "b0"]


def test_pages_cover_everything_once_though_scores_change_between_them() -> None:
    rng, seen, at = np.random.default_rng(1), list[str](), ""
    for _ in range(4):
        page, following = _chosen(ListQuery(k=3, cursor=at), scores=rng.permutation(SCORES))
        seen += page
        at = following or ""
    assert sorted(seen) == sorted(NAMES)


def test_the_last_page_says_that_it_is_the_last() -> None:
    assert _chosen(ListQuery(k=12))[1] is not None
    assert _chosen(ListQuery(k=13))[1] is None


def test_diversity_moves_what_is_alike_apart_and_nothing_at_zero() -> None:
    scores = np.where([name[0] == "a" for name in CATALOG.events.ids()], 10.0, 1.0) + SCORES / 100
    assert {name[0] for name in _chosen(ListQuery(k=4), scores=scores)[0]} == {"a"}
    mixed = _chosen(ListQuery(k=4, diversity=0.9), scores=scores)[0]
    assert [name[0] for name in mixed[:2]] == ["a", "b"]
    assert mixed[0] == "a0"


def test_diversity_looks_at_the_pages_before_too() -> None:
    first, following = _chosen(ListQuery(k=1, diversity=0.9))
    assert first == ["a0"]
    assert _chosen(ListQuery(k=1, diversity=0.9, cursor=following or ""))[0][0].startswith("b")


def test_pinned_events_come_first_in_their_order_while_their_time_lasts() -> None:
    pins = (
        Placement(target_id="b5"),
        Placement(target_id="a5", starts_at=NOW - DAY, ends_at=NOW + DAY),
        Placement(target_id="a4", starts_at=NOW + DAY),
        Placement(target_id="b4", ends_at=NOW),
        Placement(target_id="unknown"),
    )
    page, following = _chosen(ListQuery(k=3), Rules(pinned=pins))
    assert page == ["b5", "a5", "a0"]
    assert _chosen(ListQuery(k=2, cursor=following or ""), Rules(pinned=pins))[0] == ["b0", "a1"]


def test_a_pinned_event_must_meet_the_conditions_as_any_other() -> None:
    rules = Rules(pinned=(Placement(target_id="b5"), Placement(target_id="a5")))
    assert _chosen(ListQuery(k=2, filters=Filters(category="music")), rules)[0] == ["a5", "a0"]
    allowed = np.array([name != "a5" for name in CATALOG.events.ids()])
    assert _chosen(ListQuery(k=2), rules, allowed=allowed)[0] == ["b5", "a0"]


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
def test_a_boost_moves_up_while_it_lasts(rules: Rules, first: str) -> None:
    assert _chosen(ListQuery(k=1), rules)[0] == [first]


def _shown(profile: Profile, rules: Rules = NO_RULES, organizer_ids: tuple[str, ...] = ()) -> set[str]:
    viewer = Viewer.of(profile, CATALOG, NOW, organizer_ids)
    return set(CATALOG.events.ids(ROWS[may_show(CATALOG, ROWS, viewer, rules, NOW)]))


def test_what_was_booked_attended_dismissed_organized_or_blocked_is_not_shown() -> None:
    kinds = {"a0": "booking", "a1": "attend", "a2": "dismiss", "a3": "view", "gone": "booking"}
    history = tuple(HistoryEntry(InteractionType(kind), NOW, name) for name, kind in kinds.items())
    someone = Profile(User(user_id="u"), history)
    assert set(NAMES) - _shown(someone) == {"a0", "a1", "a2"}
    assert set(NAMES) - _shown(someone, Rules(blocked_events=("b0", "unknown"))) == {"a0", "a1", "a2", "b0"}
    all_b = {name for name in NAMES if name[0] == "b"}
    assert set(NAMES) - _shown(someone, Rules(blocked_organizers=("org_b", "unknown"))) == {"a0", "a1", "a2"} | all_b
    assert set(NAMES) - _shown(someone, organizer_ids=("org_b",)) == {"a0", "a1", "a2"} | all_b
    assert set(NAMES) - _shown(Profile(User(user_id="org_b"))) == all_b


def test_who_organizes_under_no_known_name_sees_events_without_an_organizer() -> None:
    catalog = Catalog.of([an_event("free"), *EVENTS])
    viewer = Viewer.of(Profile(User(user_id="u")), catalog, NOW, ("unknown",))
    assert may_show(catalog, np.arange(len(catalog)), viewer, Rules(blocked_organizers=("other",)), NOW).all()


def test_fingerprints_depend_on_the_id_alone_and_differ() -> None:
    ids = [*NAMES, *(f"event_{number}" for number in range(20_000)), "é" * 60]
    keys = np.array([one.encode() for one in ids])
    found = cursor.fingerprints(keys)
    assert len(set(found.tolist())) == len(ids)
    assert cursor.fingerprints(keys[:12].astype("S2")).tolist() == found[:12].tolist()
    assert cursor.decode(cursor.encode(found[:5])).tolist() == found[:5].tolist()


def test_a_list_ends_after_so_many_pages_that_its_cursor_would_not_end() -> None:
    long = cursor.encode(range(cursor.MAX_SHOWN - 2))
    assert _chosen(ListQuery(k=1, cursor=long))[1] is not None
    assert _chosen(ListQuery(k=2, cursor=long))[1] is None


def test_a_sold_out_event_is_not_shown_even_when_it_is_pinned() -> None:
    catalog = CATALOG.merged([replace(EVENTS[0], capacity=1, booked=1)])
    viewer = Viewer.of(Profile(User(user_id="u")), catalog, NOW)
    assert "a0" not in catalog.events.ids(ROWS[may_show(catalog, ROWS, viewer, Rules(), NOW)])
