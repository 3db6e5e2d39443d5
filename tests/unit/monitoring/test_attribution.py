"""Attribution: which list an act is credited to, and rows as a set."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities import Interaction, InteractionType, Origin, Touchpoint, anonymous
from shared.entities.provenance import LIFE, SOURCES, ListKind, list_id
from shared.feedback.weights import CODES
from shared.monitoring.attribution import ROW, Rows, Salted, concerned, event_hash, looked_up, rows_of, union
from tests.examples import DAY, NOW, an_interaction
from tests.lists import a_list
from tests.stores import erasures, keys

T = InteractionType
MINUTE = timedelta(minutes=1)
SALTED = Salted(bytes(32), keys())


def _done(kind: T, token: str = "", user_id: str = "u", event_id: str = "e", **about: Any) -> Interaction:
    given: dict[str, Any] = {"occurred_at": NOW, "recorded_at": NOW, "recommendation_id": token} | about
    return an_interaction(user_id, event_id, kind, **given)


def _page(token: str, *event_ids: str, user_id: str = "u", **about: Any) -> Interaction:
    return _done(T.IMPRESSION, token, user_id, "", event_ids=event_ids, **about)


def _point(
    kind: T, token: str = "", *, before: timedelta = MINUTE, event_id: str = "e", position: int = 2
) -> Touchpoint:
    return Touchpoint(kind, NOW - before, event_id, token, position)


def _rows(*done: Interaction, points: tuple[Touchpoint, ...] = ()) -> Rows:
    return rows_of(done, {"u": points}, SALTED)


def _lists(rows: Rows) -> list[int]:
    return [int(number) for number in rows["list"]]


def test_a_page_makes_a_row_of_each_event_with_its_place_and_source() -> None:
    token = a_list(sources=("content", "pinned", "friends"), kind=ListKind.TRENDING)
    rows = _rows(_page(token, "a", "b", position=1))
    assert rows["position"].tolist() == [1, 2]
    assert [SOURCES[code] for code in rows["source"]] == ["pinned", "friends"]
    assert rows["event"].tolist() == [event_hash("a"), event_hash("b")]
    assert set(rows["kind"]) == {ListKind.TRENDING}
    assert set(_lists(rows)) == {list_id(token)}
    assert _rows(_page(token, "a"))["position"].tolist() == [0]


@pytest.mark.parametrize("kind", [T.IMPRESSION, T.CLICK])
def test_impressions_and_clicks_of_no_list_make_no_row(kind: T) -> None:
    assert not len(_rows(_done(kind)))
    assert not len(_rows(_done(kind, "list_1")))


def test_a_booking_is_credited_to_the_list_that_it_names() -> None:
    own, other = a_list(), a_list()
    rows = _rows(_done(T.BOOKING, own, position=4), points=(_point(T.CLICK, other),))
    assert (_lists(rows), rows["position"].tolist()) == ([list_id(own)], [4])


@pytest.mark.parametrize("lead", [T.CLICK, T.VIEW])
def test_else_to_that_of_the_last_look_at_the_event(lead: T) -> None:
    last, before = a_list(), a_list()
    points = (_point(lead, last), _point(T.CLICK, before, before=2 * MINUTE))
    rows = _rows(_done(T.BOOKING), points=points)
    assert (_lists(rows), rows["position"].tolist()) == ([list_id(last)], [2])


@pytest.mark.parametrize(
    "points",
    [
        (),
        (_point(T.CLICK, a_list(), event_id="another"),),
        (_point(T.CLICK, a_list(), before=-MINUTE),),
        (_point(T.BOOKING, a_list()),),
        (_point(T.CLICK), _point(T.CLICK, a_list(), before=2 * MINUTE)),
        (_point(T.CLICK, a_list("another")),),
        (_point(T.VIEW, a_list(at=NOW - LIFE - MINUTE)),),
    ],
    ids=["none", "another event", "later", "no look", "a last look of no list", "of another user", "expired"],
)
def test_what_follows_from_no_list_is_organic(points: tuple[Touchpoint, ...]) -> None:
    [row] = _rows(_done(T.BOOKING), points=points)
    assert (row["kind"], row["list"], row["model"], row["position"]) == (0, 0, 0, -1)


_GOOD = a_list()
BAD = {
    "forged": a_list()[:-3] + "AAA",
    "of another user": a_list("another"),
    "expired": a_list(at=NOW - LIFE - MINUTE),
    "truncated": _GOOD[:-1],
    "longer": _GOOD + "A",
    "made up": "list_1",
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
@pytest.mark.parametrize("kind", [T.IMPRESSION, T.CLICK, T.BOOKING, T.RATING])
def test_ids_that_are_not_the_users_own_earn_nothing(kind: T, token: str) -> None:
    booked = _point(T.BOOKING, token, before=timedelta(0))
    rows = _rows(_done(kind, token, value=5.0 if kind is T.RATING else None), points=(booked,))
    assert _lists(rows) == ([0] if kind is T.BOOKING else [])
    assert not len(_rows(_page(token, "a", "b")))


def test_lists_of_nobody_earn_for_anybody() -> None:
    token = a_list("")
    rows = _rows(_done(T.CLICK, token), _done(T.CLICK, token, user_id="v"))
    assert _lists(rows) == 2 * [list_id(token)]


@pytest.mark.parametrize("is_own", [True, False])
def test_a_rating_counts_after_a_booking_that_a_list_earned(is_own: bool) -> None:  # noqa: FBT001  # of a table
    token, rating = a_list(at=NOW - 9 * DAY), _done(T.RATING, value=4.0)
    booked = _point(T.BOOKING, token if is_own else "", before=8 * DAY)
    led = _point(T.CLICK, "" if is_own else token, before=8 * DAY + MINUTE)
    [row] = _rows(rating, points=(booked, led))
    assert (row["list"], row["stars"]) == (list_id(token), 4.0)
    late = _point(T.CLICK, token, before=7 * DAY)
    assert not len(_rows(rating, points=(late, _point(T.BOOKING, before=8 * DAY))))
    assert not len(_rows(replace(rating, recommendation_id=token), points=(led,)))


def test_a_cancellation_earns_nothing() -> None:
    assert _rows(_done(T.CANCEL, a_list()))["kind"].tolist() == [0]


def test_only_what_needs_it_is_looked_up() -> None:
    done = [
        _done(T.BOOKING, event_id="organic"),
        _done(T.BOOKING, a_list(), event_id="listed"),
        _done(T.BOOKING, a_list("another"), event_id="foreign"),
        _done(T.RATING, event_id="rated", value=3.0),
        _done(T.REVIEW, event_id="reviewed", value=3.0),
        _done(T.REVIEW, event_id="told"),
        _done(T.CLICK, event_id="clicked"),
        _done(T.BOOKING, user_id="v"),
    ]
    assert looked_up(done, keys()) == {"u": {"organic", "foreign", "rated", "reviewed"}, "v": {"e"}}


def test_acts_of_visitors_bulk_loads_and_erased_users_are_left_out() -> None:
    counted = _done(T.BOOKING)
    left_out = [
        _done(T.BOOKING, user_id=anonymous("0123456789abcdef")),
        replace(counted, anonymous=True),
        replace(counted, origin=Origin.LOAD),
        replace(counted, occurred_at=NOW - 8 * DAY),
        _done(T.BOOKING, user_id="erased"),
        _done(T.SEARCH, event_id="", query="words"),
        _done(T.SAVE),
    ]
    joined = replace(counted, occurred_at=NOW - 8 * DAY, origin=Origin.JOIN)
    forgotten = erasures({"erased": NOW + MINUTE})
    assert concerned([*left_out, counted, joined], forgotten) == [counted, joined]


def test_hashes_of_users_are_of_the_day_and_those_of_their_erasure() -> None:
    [name] = erasures({"u": NOW}).times
    assert SALTED.note(name) == SALTED.user("u") != Salted(bytes([1] * 32), keys()).user("u")
    assert len({SALTED.user(f"{n}") for n in range(1_000)}) == 1_000


ACTS = st.lists(
    st.builds(
        lambda key, at, kind: np.array([(at, key, 1, 0, 2, kind, 0, 0, np.nan, -1, CODES[T.BOOKING], kind, 0, 0)], ROW),
        st.integers(0, 4),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=12,
)


@given(ACTS, st.data())
def test_rows_are_a_set(parts: list[Rows], data: st.DataObject) -> None:
    whole = union(parts)
    again = data.draw(st.permutations([*parts, *data.draw(st.lists(st.sampled_from(parts)) if parts else st.just([]))]))
    cut = data.draw(st.integers(0, len(again)))
    assert union([union(again[:cut]), union(again[cut:])]).tobytes() == whole.tobytes()
    assert len(whole) == len({int(part["key"][0]) for part in parts})
    for row in whole:
        assert row["at"] == max(part["at"][0] for part in parts if part["key"][0] == row["key"])
