"""End-to-end tests on the Firebase emulators: Hosting, functions, rules, triggers, Auth and Cloud Storage."""

import pytest
import requests
from playwright.sync_api import Page

from tests.e2e.client import App, eventually, recommendations, sign_in, write_interaction
from tests.e2e.site import listed, loaded

pytestmark = pytest.mark.e2e


def test_a_model_trained_by_the_schedule_serves_a_full_list_through_hosting(app: App) -> None:
    answer = eventually(
        lambda: recommendations(app.suite).json(), lambda answer: answer["model_version"] == app.model_version
    )
    assert answer["model_version"] == app.model_version
    assert answer["degraded"] == []
    assert len({item["event_id"] for item in answer["items"]}) == 10


def test_a_warm_user_gets_a_personalized_list(app: App) -> None:
    user_id = app.regulars[0]
    own = recommendations(app.suite, user_id=user_id, account=sign_in(app.suite, user_id))
    assert own.status_code == 200
    ids = [item["event_id"] for item in own.json()["items"]]
    assert len(ids) == 10
    assert ids != [item["event_id"] for item in recommendations(app.suite).json()["items"]]


@pytest.mark.parametrize(("regular", "type_"), [(1, "booking"), (2, "dismiss")])
def test_an_interaction_written_to_firestore_changes_the_next_list(app: App, regular: int, type_: str) -> None:
    user_id = app.regulars[regular]
    account = sign_in(app.suite, user_id)

    def ids() -> list[str]:
        answer = recommendations(app.suite, account=account).json()
        assert answer["degraded"] == []
        return [item["event_id"] for item in answer["items"]]

    top = ids()[0]
    written = write_interaction(app.suite, account, user_id=user_id, event_id=top, type_=type_)
    assert written.status_code == 200, written.text
    assert top not in eventually(ids, lambda ids: top not in ids)


def test_the_security_rules_deny_writes_for_another_user(app: App) -> None:
    account = sign_in(app.suite, app.regulars[3])
    written = write_interaction(app.suite, account, user_id=app.regulars[4], event_id="any", type_="booking")
    assert written.status_code == 403


def test_a_personal_list_requires_the_token_of_that_user(app: App) -> None:
    account = sign_in(app.suite, app.regulars[5])
    anonymous = recommendations(app.suite, user_id=app.regulars[5])
    assert (anonymous.status_code, anonymous.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert recommendations(app.suite, user_id=app.regulars[6], account=account).status_code == 403
    assert recommendations(app.suite, user_id=app.regulars[5], account=account).status_code == 200


def test_the_page_shows_events_to_a_cold_start_user(app: App, page: Page) -> None:
    def shown() -> list[str | None]:
        page.goto(app.suite.hosting)
        loaded(page)
        return listed(page)

    # The first call may wait for a function to start.
    assert eventually(lambda: len(set(shown())) >= 5, bool)
    assert all(title.strip() for title in page.locator("#own .card h3").all_text_contents())


def test_every_list_endpoint_answers_through_hosting(app: App) -> None:
    api = f"{app.suite.hosting}/api/v1"
    account = sign_in(app.suite, app.regulars[7])
    headers = {"Authorization": f"Bearer {account.token}"}
    popular = requests.get(f"{api}/events/popular?limit=5", timeout=60).json()
    ids = [item["event_id"] for item in popular["items"]]
    assert len(set(ids)) == 5
    following = requests.get(f"{api}/events/popular?limit=5&cursor={popular['next_cursor']}", timeout=60).json()
    assert not {item["event_id"] for item in following["items"]} & set(ids)
    similar = requests.get(f"{api}/events/{ids[0]}/similar", headers=headers, timeout=60)
    assert (similar.status_code, similar.json()["degraded"]) == (200, [])
    assert requests.get(f"{api}/events/trending?window=month", timeout=60).status_code == 200
    ranking = requests.post(f"{api}/rank", json={"event_ids": ids}, headers=headers, timeout=60).json()
    assert {item["event_id"] for item in ranking["items"]} | set(ranking["left_out"]) == set(ids)
    assert requests.get(f"{api}/events/{ids[0]}/audience", headers=headers, timeout=60).status_code == 403
    assert requests.get(f"{api}/rules", headers=headers, timeout=60).status_code == 403
    assert requests.get(f"{api}/openapi.json", timeout=60).json()["openapi"] == "3.1.0"
