"""Property test of lists: none contains an event that is over, cancelled, hidden or sold out, after any steps."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions import wiring
from functions.interaction import interaction
from shared.entities import Event, InteractionType, Status
from tests import deployment
from tests.deployment import REFRESH, Clock, created
from tests.examples import NOW, an_interaction, end_of
from tests.stores import documents

HOUR = timedelta(hours=1)
EVENT_IDS = "abcdef"

hours = st.integers(-3, 30)
some_events = st.builds(
    lambda event_id, starts, lasts, status, capacity, booked: Event(
        event_id=event_id,
        starts_at=NOW + starts * HOUR,
        ends_at=None if lasts is None else NOW + (starts + lasts) * HOUR,
        status=status,
        capacity=capacity,
        booked=booked,
    ),
    st.sampled_from(EVENT_IDS),
    hours,
    st.none() | st.integers(0, 10),
    st.sampled_from([Status.PUBLISHED, *Status]),
    st.sampled_from([None, 1, 10]),
    st.sampled_from([None, 0, 1, 10]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(some_events, min_size=1, max_size=4)),
        st.tuples(st.just("wait"), st.integers(0, 8)),
        st.tuples(st.just("book"), st.sampled_from(EVENT_IDS)),
        st.tuples(st.just("click"), st.sampled_from(EVENT_IDS)),
        st.tuples(st.just("retrain"), st.none()),
    ),
    min_size=1,
    max_size=8,
)


def _may_be_shown(event: Event, now: Any) -> bool:
    """Visibility rule, written independently of the implementation."""
    is_full = event.capacity is not None and event.booked is not None and event.booked >= event.capacity
    return event.status == "published" and not is_full and end_of(event) > now


@given(happenings=steps)
@settings(max_examples=60)
def test_lists_contain_exactly_the_events_that_may_be_shown(happenings: list[tuple[str, Any]]) -> None:
    clock, store, truth, booked = Clock(), documents(), dict[str, Event](), set[str]()
    with (
        TemporaryDirectory() as folder,
        wiring.use(deployment.wire(store, Path(folder), clock)),
    ):
        client = deployment.client()
        for what, given_value in happenings:
            # Changes take effect within a refresh; the end of an event takes effect at once.
            clock.forward(REFRESH)
            if what == "write":
                store.events.put(given_value, now=clock.now)
                truth |= {event.event_id: event for event in given_value}
            elif what == "wait":
                clock.forward(given_value * HOUR)
            elif what == "retrain":
                assert client.post("/retrain").status_code == 200
            else:
                kind = InteractionType.BOOKING if what == "book" else InteractionType.CLICK
                done = an_interaction("u", given_value, kind, occurred_at=clock.now)
                store.interactions.append([done], now=clock.now)
                interaction(created(done.interaction_id, done.to_document() | {"recorded_at": clock.now}))
                booked |= {given_value} if what == "book" else set()
            for query, left_out in (({}, set()), ({"user_id": "u"}, booked)):
                response = client.get("/api/v1/recommendations", query_string={"limit": "100"} | query)
                shown = [item["event_id"] for item in response.get_json()["items"]]
                assert len(shown) == len(set(shown))
                assert set(shown) == {key for key, event in truth.items() if _may_be_shown(event, clock.now)} - left_out
