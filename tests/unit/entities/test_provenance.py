"""Provenance of lists: signed ids that tell where a list came from."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities import Keys
from shared.entities.fields import MAX_ID_BYTES, identifier
from shared.entities.provenance import (
    LIFE,
    MAX_EXPLORED,
    MAX_SOURCES,
    SOURCES,
    ListKind,
    Provenance,
    Segment,
    has_explored,
    issue,
    list_id,
    named,
    verified,
)
from shared.signals.registry import SIGNALS

OLD, NEW = Keys((bytes(32),)), Keys((bytes(range(32)), bytes(32)))
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
GIVEN = Provenance(
    kind=ListKind.RECOMMENDATIONS,
    issued_at=int(AT.timestamp()),
    seed=7,
    segment=Segment.WARM,
    model=named("20260501T120000Z-x"),
    sources=("collaborative", "content", "pinned", ""),
)
HASHES = st.integers(0, 2**32 - 1)
IDS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=30)
LISTS = st.builds(
    Provenance,
    kind=st.sampled_from(ListKind),
    issued_at=HASHES,
    seed=HASHES,
    segment=st.sampled_from(Segment),
    model=HASHES,
    variant=HASHES,
    is_fallback=st.booleans(),
    is_degraded=st.booleans(),
    sources=st.lists(st.sampled_from(SOURCES), max_size=2 * MAX_SOURCES),
)


def _issued(provenance: Provenance) -> datetime:
    return datetime.fromtimestamp(provenance.issued_at, UTC)


@pytest.mark.parametrize(
    ("user_id", "token"),
    [
        ("user_1", "AQEBSijskgAAAABp9JXAAAAAB6CmAy3bpRKQ8MxZVKWLRbk"),
        ("", "AQEBSijskgAAAABp9JXAAAAABwAAAAAAABKQkSlx4M6nQoM"),
    ],
)
def test_tokens_have_golden_values(user_id: str, token: str) -> None:
    assert issue(GIVEN, OLD, user_id=user_id) == token
    assert verified(token, OLD, user_id=user_id, at=AT) == GIVEN


def test_the_codes_of_tokens_never_change() -> None:
    assert [(kind.name, kind.value) for kind in ListKind] == [
        ("RECOMMENDATIONS", 1),
        ("SIMILAR", 2),
        ("POPULAR", 3),
        ("TRENDING", 4),
        ("RANK", 5),
    ]
    assert [segment.name for segment in Segment] == ["NOBODY", "WARM", "COLD", "VISITOR", "UNPROFILED"]
    assert SOURCES[:4] == ("", "collaborative", "content", "friends")
    assert SOURCES[4:10] == ("place", "price", "popularity", "soonest", "trending", "pinned")
    assert SOURCES[10:] == ("explored",)


def test_the_source_of_every_signal_has_a_code() -> None:
    assert {signal.source for signal in SIGNALS} | {"popularity", "soonest", "trending", "content", "pinned"} <= set(
        SOURCES
    )
    assert len(SOURCES) <= 16


@given(LISTS, IDS)
def test_a_token_tells_all_that_it_was_issued_with(provenance: Provenance, user_id: str) -> None:
    token = issue(provenance, NEW, user_id=user_id)
    found = verified(token, NEW, user_id=user_id, at=_issued(provenance))
    sources = tuple(provenance.sources[:MAX_SOURCES])
    assert found is not None
    assert found == replace(provenance, sources=sources + ("",) * (len(sources) % 2))
    assert identifier({"recommendation_id": token}, "recommendation_id") == token
    assert len(token) <= 84 < MAX_ID_BYTES
    assert verified(issue(provenance, OLD, user_id=user_id), NEW, user_id=user_id, at=_issued(provenance)) == found


def test_the_token_of_ten_events_has_about_fifty_characters() -> None:
    assert len(issue(replace(GIVEN, sources=("content",) * 10), OLD, user_id="u" * 128)) == 51


@given(LISTS, IDS, IDS)
def test_a_token_of_a_user_is_nothing_to_another(provenance: Provenance, user_id: str, other: str) -> None:
    token = issue(provenance, OLD, user_id=user_id)
    found = verified(token, OLD, user_id=other, at=_issued(provenance))
    assert (found is not None) == (user_id == other or user_id.startswith("~"))


@pytest.mark.parametrize("maker", ["", "~0123456789abcdef"])
@pytest.mark.parametrize("user_id", ["user_1", "~fedcba9876543210"])
def test_lists_of_nobody_and_of_visitors_are_anybodys(maker: str, user_id: str) -> None:
    assert verified(issue(GIVEN, OLD, user_id=maker), OLD, user_id=user_id, at=AT) == GIVEN


def test_two_tokens_of_a_user_do_not_show_that_they_are_of_one() -> None:
    owners = {
        urlsafe_b64decode(issue(replace(GIVEN, seed=seed), OLD, user_id="user_1") + "==")[19:25] for seed in range(9)
    }
    assert len(owners) == 9


@pytest.mark.parametrize(
    ("after", "is_alive"), [(timedelta(0), True), (-LIFE, True), (LIFE, True), (LIFE + timedelta(seconds=1), False)]
)
def test_a_token_earns_for_thirty_days(after: timedelta, is_alive: bool) -> None:  # noqa: FBT001  # of a table
    assert timedelta(days=30) == LIFE
    found = verified(issue(GIVEN, OLD, user_id="u"), OLD, user_id="u", at=AT + after)
    assert (found is not None) == is_alive


@given(LISTS, st.data())
def test_no_changed_token_is_taken(provenance: Provenance, data: st.DataObject) -> None:
    token = issue(provenance, OLD, user_id="u")
    raw = bytearray(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    place, flip = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
    raw[place] ^= flip
    changed = urlsafe_b64encode(raw).decode().rstrip("=")
    cut = token[: data.draw(st.integers(0, len(token) - 1))]
    for other in (changed, cut, token + "A", token + "=", token[:-1] + "!", f" {token}", "list_1", "é" * 60, ""):
        assert verified(other, OLD, user_id="u", at=_issued(provenance)) is None


@given(st.text(max_size=130))
def test_no_text_that_was_not_issued_is_taken(text: str) -> None:
    assert verified(text, NEW, user_id="u", at=AT) is None
    assert list_id(text) >= 0


def test_tokens_of_another_deployment_and_unsigned_ones_are_not_taken() -> None:
    foreign = Keys((b"\x07" * 32,))
    assert verified(issue(GIVEN, foreign, user_id="u"), NEW, user_id="u", at=AT) is None
    unsigned = issue(GIVEN, None, user_id="u")
    assert verified(unsigned, NEW, user_id="u", at=AT) is None
    assert len(unsigned) == len(issue(GIVEN, OLD, user_id="u"))


def test_what_a_later_version_adds_is_not_taken_for_something_else() -> None:
    for strange in ({"kind": 77}, {"segment": 7}):
        token = issue(replace(GIVEN, **strange), OLD, user_id="u")  # type: ignore[arg-type]  # no list of this version
        assert verified(token, OLD, user_id="u", at=AT) is None


@pytest.mark.parametrize(
    ("position", "source"), [(0, "collaborative"), (2, "pinned"), (4, ""), (-1, ""), (None, ""), (10_000, "")]
)
def test_positions_of_the_list_have_sources(position: int | None, source: str) -> None:
    assert SOURCES[GIVEN.source(position)] == source


def test_lists_have_numbers_of_their_own() -> None:
    tokens = [issue(replace(GIVEN, seed=seed), OLD, user_id="u") for seed in range(100)]
    assert len({list_id(token) for token in tokens}) == 100


EXPLORED = st.lists(st.tuples(st.integers(0, 255), st.sampled_from([1 / n for n in range(1, 51)])), max_size=20)


@given(LISTS, EXPLORED)
def test_a_token_tells_explored_slots_and_their_propensities(
    given_list: Provenance,
    explored: list[tuple[int, float]],
) -> None:
    provenance = replace(given_list, explored=explored)
    token = issue(provenance, NEW, user_id="u")
    assert len(token) < MAX_ID_BYTES
    assert has_explored(token) == bool(explored)
    found = verified(token, NEW, user_id="u", at=_issued(provenance))
    assert found is not None
    assert [position for position, _ in found.explored] == [position for position, _ in explored[:MAX_EXPLORED]]
    for (_, chance), (_, stated) in zip(found.explored, explored, strict=False):
        assert chance == pytest.approx(stated, rel=0.008)
    assert len(found.sources) >= min(len(given_list.sources), MAX_SOURCES)


def test_explored_slots_are_signed() -> None:
    token = issue(replace(GIVEN, explored=[(3, 0.02)]), NEW, user_id="u")
    data = bytearray(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    data[27] ^= 1
    forged = urlsafe_b64encode(bytes(data)).rstrip(b"=").decode()
    assert verified(token, NEW, user_id="u", at=AT) is not None
    assert verified(forged, NEW, user_id="u", at=AT) is None


def test_whoever_knows_no_explored_slots_reads_other_tokens_as_before() -> None:
    assert not has_explored(issue(GIVEN, NEW, user_id="u"))
    assert not has_explored("x")
