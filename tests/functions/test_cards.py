"""Cards in lists: the fields that an app shows, reasons with codes, and filters with several values."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions import contract
from shared.entities import Event, InteractionType
from shared.ports import Documents
from shared.ranking.cards import CARD_FIELDS
from shared.ranking.reasons import TEXTS
from tests import laws
from tests.deployment import Clock
from tests.examples import DAY, NOW, an_event
from tests.functions.test_lists import API, LISTS

ALWAYS = {"event_id", "score", "source", "reasons", "reason_codes"}
EVENTS = {event.event_id: event for event in laws.city().events}
ROUTES = (*LISTS, "/rank")


def _items(client: FlaskClient, path: str, **query: Any) -> list[dict[str, Any]]:
    if path == "/rank":
        body = {"event_ids": sorted(EVENTS), **{name: given for name, given in query.items() if name != "limit"}}
        answer = client.post(API + path, json=body)
    else:
        answer = client.get(API + path, query_string={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return list(answer.get_json()["items"])


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("wanted", [None, ["title"], ["image_url", "price"], list(CARD_FIELDS)])
def test_every_list_carries_the_wanted_fields_of_its_events(
    trained: FlaskClient,
    path: str,
    wanted: list[str] | None,
) -> None:
    items = _items(trained, path, **({"fields": wanted} if wanted else {}))
    assert items
    for item in items:
        assert item.keys() == {*ALWAYS, *(wanted or CARD_FIELDS)}
        document = EVENTS[item["event_id"]].to_document()
        for name in item.keys() - ALWAYS - {"starts_at", "ends_at"}:
            assert item[name] == document.get(name)


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("wanted", [["description"], ["title", "Title"], [""], []])
def test_an_unknown_field_is_refused(trained: FlaskClient, path: str, wanted: list[str]) -> None:
    if path == "/rank":
        answer = trained.post(API + path, json={"event_ids": ["jazz_1"], "fields": wanted})
    else:
        answer = trained.get(API + path, query_string={"fields": wanted or ""})
    assert answer.status_code == 400
    assert answer.get_json()["field"].partition("[")[0] == "fields"


def test_cards_follow_an_event_that_changes(trained: FlaskClient, store: Documents, clock: Clock) -> None:
    changed = replace(EVENTS["jazz_1"], title="Jazz, moved", city="Evanston", price=19.99, image_url="/new.jpg")
    changed = replace(changed, ends_at=changed.starts_at and changed.starts_at + timedelta(hours=2))
    new = an_event("fair", title="Fair", category="Markets", currency="CHF", starts_at=NOW + 3 * DAY)
    store.events.put([changed, new], now=clock.now)
    clock.forward()
    found = {item["event_id"]: item for item in _items(trained, "/events/popular")}
    assert [found["jazz_1"][name] for name in ("title", "city", "price", "image_url")] == [
        *("Jazz, moved", "Evanston", 19.99, "/new.jpg")
    ]
    assert changed.ends_at
    assert found["jazz_1"]["ends_at"] == changed.ends_at.isoformat().replace("+00:00", "Z")
    # An end that is only assumed is not one.
    assert found["fair"]["ends_at"] is None
    assert (found["fair"]["category"], found["fair"]["currency"]) == ("Markets", "CHF")


def test_the_document_names_every_field_and_every_code() -> None:
    schemas = contract.document()["components"]["schemas"]
    assert schemas["CardField"]["enum"] == list(CARD_FIELDS)
    assert contract.document()["components"]["parameters"]["Fields"]["schema"]["default"] == list(CARD_FIELDS)
    assert schemas["Reason"]["properties"]["code"]["enum"] == list(TEXTS)
    shown = schemas["Recommendation"]["properties"].keys()
    assert shown == ALWAYS | set(CARD_FIELDS)


def test_reasons_have_a_code_and_parameters_that_make_their_text(trained: FlaskClient) -> None:
    codes = set()
    for user_id in ("jazz_fan_1", "yoga_fan_0", "stranger"):
        for item in _items(trained, "/recommendations", user_id=user_id):
            assert len(item["reason_codes"]) == len(item["reasons"])
            for reason, text in zip(item["reason_codes"], item["reasons"], strict=True):
                codes.add(reason["code"])
                assert TEXTS[reason["code"]].format(**reason["parameters"]) == text
                if "event_id" in reason["parameters"]:
                    assert EVENTS[reason["parameters"]["event_id"]].title == reason["parameters"]["title"]
    assert {"because_booking", "starts_in_days"} <= codes
    assert {f"because_{kind}" for kind in InteractionType if kind.meaning.verb} <= TEXTS.keys()


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(("name", "values"), [("category", ("music", "sport")), ("city", ("Chicago", "Genève, sud"))])
def test_filters_by_name_take_any_of_several_values(
    trained: FlaskClient,
    store: Documents,
    clock: Clock,
    path: str,
    name: str,
    values: tuple[str, str],
) -> None:
    documents = {"of_0": values[0], "of_1": values[1], "of_neither": "elsewhere"}
    like = {"tags": ["music"], "organizer_id": "jazz_club_1", "starts_at": NOW + 4 * DAY}
    events = [Event.from_document(key, {**like, "title": key, name: value}) for key, value in documents.items()]
    store.events.put(events, now=clock.now)
    clock.forward()

    def listed(given: Any) -> set[str]:
        found = trained.get(API + path, query_string={"limit": 100, name: given}).get_json()["items"]
        return {item["event_id"] for item in found} & {"of_0", "of_1", "of_neither"}

    expected = set() if path == "/events/trending" else {"of_0", "of_1"}
    assert listed(list(values)) == expected
    assert listed(",".join(value.replace(",", r"\,") for value in values).upper()) == expected
    assert listed(values[1].replace(",", r"\,")) == expected - {"of_0"}
