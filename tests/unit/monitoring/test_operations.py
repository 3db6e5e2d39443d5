"""Figures of operations: they add up in any grouping, and their stored form is read as it was."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entities.prices import Prices, Usage
from shared.entities.provenance import ListKind, Provenance, Segment
from shared.errors import ArtifactError
from shared.monitoring.cost import usage
from shared.monitoring.operations import HourFigures
from shared.monitoring.report import DeadLetterFigures, operations_section

HOUR = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_list(segment: Segment, *, is_fallback: bool = False, is_degraded: bool = False) -> Provenance:
    return Provenance(
        kind=ListKind.POPULAR,
        issued_at=0,
        seed=0,
        segment=segment,
        is_fallback=is_fallback,
        is_degraded=is_degraded,
    )


REQUESTS = st.tuples(
    st.sampled_from(["getPopularEvents", "getHealth", ""]),
    st.sampled_from([200, 304, 404, 500, 503]),
    st.floats(1e-4, 10),
    st.none() | st.builds(a_list, st.sampled_from(Segment), is_fallback=st.booleans(), is_degraded=st.booleans()),
)


def figures(requests: list[Any], hour: datetime = HOUR) -> HourFigures:
    made = HourFigures(hour=hour)
    for request in requests:
        made.add(*request)
    return made


@given(st.lists(st.lists(REQUESTS, max_size=20), max_size=4))
def test_figures_of_instances_add_up_to_those_of_all_requests(parts: list[list[Any]]) -> None:
    merged = HourFigures(hour=HOUR)
    for part in parts:
        merged.merge(figures(part))
    assert merged.to_document() == figures([request for part in parts for request in part]).to_document()


@given(st.lists(REQUESTS, max_size=30))
def test_stored_figures_are_read_as_they_were(requests: list[Any]) -> None:
    made = figures(requests)
    made.settled.update(runs=2, lost=1)
    made.parts.add("monitoring/parts/a")
    document = made.to_document()
    assert HourFigures.from_json(json.dumps(document).encode(), "hour").to_document() == document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("hour",), None),
        (("parts",), [1]),
        (("reads",), -1),
        (("reads",), True),
        (("settled",), {"runs": -1}),
        (("types",), {"view": 0.5}),
        (("operations", "getHealth", "requests"), "many"),
        (("operations", "getHealth", "latency"), {"x": 1}),
        (("operations", "getHealth"), None),
    ],
)
def test_damaged_figures_are_refused_with_the_name_of_the_object(path: tuple[str, ...], value: object) -> None:
    document = figures([("getHealth", 200, 0.1, None)]).to_document()
    target = document
    for name in path[:-1]:
        target = target[name]
    target[path[-1]] = value
    with pytest.raises(ArtifactError, match="some-hour"):
        HourFigures.from_json(json.dumps(document).encode(), "some-hour")


def test_a_section_of_figures_that_are_known() -> None:
    warm, nobody = a_list(Segment.WARM, is_degraded=True), a_list(Segment.NOBODY, is_fallback=True)
    first = figures([("getPopularEvents", 200, 0.1, warm)] * 3 + [("getPopularEvents", 200, 0.2, nobody)])
    second = figures([("getHealth", 500, 1.0, None)], HOUR + timedelta(hours=1))
    second.settled.update(runs=6, interactions=10)
    second.types.update(booking=2, view=4, impression=4)
    second.reads = 100
    used = usage_of = usage(_sum(first, second), training_reads=50)
    # 3 lists of users, 2 states, 4 views and 4 pages: by the table of docs/costs.md.
    assert usage_of == Usage(
        reads=100 + 50 + 3 * 2 + 2 * 1 + 4 * 0.5, writes=2 * 4 + 4 * 2 + 4, deletes=2 + 4, requests=11
    )
    section = operations_section(
        [second, first], used=used, prices=Prices(), dead_letters=DeadLetterFigures(open=2, new=1)
    )
    assert (section["requests"], section["errors"], section["error_share"]) == (5, 1, 0.2)
    assert section["statuses"] == {"2xx": 4, "5xx": 1}
    assert section["latency_s"]["p99"] == pytest.approx(0.2, rel=0.011)
    lists = section["lists"]
    assert (lists["count"], lists["degraded"], lists["degraded_share"]) == (4, 3, 0.75)
    assert (lists["fallback"], lists["fallback_share"]) == (1, 0.25)
    assert lists["segments"] == {"nobody": 1, "warm": 3}
    assert [(hour["hour"], hour["requests"]) for hour in section["by_hour"]] == [(12, 4), (13, 1)]
    assert section["dead_letters"] == {"open": 2, "new": 1}
    assert section["price_usd"] == pytest.approx((160 * 0.06 + 20 * 0.18 + 6 * 0.02) / 1e5 + 11 * 0.4e-6, abs=1e-6)


def _sum(*hours: HourFigures) -> HourFigures:
    made = HourFigures(hour=HOUR)
    for hour in hours:
        made.merge(hour)
    return made


def test_a_day_without_figures_has_shares_of_nothing() -> None:
    section = operations_section([], used=Usage(), prices=Prices(), dead_letters=DeadLetterFigures())
    assert section["error_share"] is section["lists"]["degraded_share"] is section["latency_s"]["p99"] is None
    assert section["price_usd"] == 0
