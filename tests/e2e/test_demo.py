"""Demo server in a browser and as a process."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.demo import demo

pytestmark = pytest.mark.e2e


def test_a_booking_changes_the_list_at_once(tmp_path: Path, page: Page) -> None:
    with demo(tmp_path) as (_, url):
        page.goto(url)
        page.get_by_label("User").fill("user_1")
        page.get_by_role("button", name="Show").click()
        items = page.locator("#list > li")
        expect(items.first.get_by_role("button", name="Book")).to_be_enabled()
        before = _shown(page)
        assert len(set(before)) == 10
        assert all(item.locator(".reasons li").count() for item in items.all())
        items.first.get_by_role("button", name="Book").click()
        expect(page.locator("#message")).to_contain_text("Booked")
        assert len(set(_shown(page))) == 10
        assert before[0] not in _shown(page)


def test_the_client_records_by_beacon_exports_refuses_profiling_and_erases_user_data(
    tmp_path: Path, page: Page
) -> None:
    with demo(tmp_path) as (_, url):
        page.goto(url)
        found = page.evaluate(
            """async () => {
              const { Marquee } = await import("/marquee.js");
              const marquee = new Marquee({ anonymousId: crypto.randomUUID() });
              const before = await marquee.recommendations({ userId: "beacon" });
              const booking = [{ type: "booking", event_id: before.items[0].event_id }];
              const sent = marquee.beacon(booking, { userId: "beacon" });
              let held = { documents: [] };
              for (let n = 0; n < 100 && held.documents.length < 2; n++) held = await marquee.data("beacon");
              const wish = await marquee.allowProfiling("beacon", false);
              const visitor = await marquee.record([{ type: "click", event_id: booking[0].event_id }]);
              const { erased } = await marquee.forget("beacon");
              const after = await marquee.data("beacon");
              const kinds = held.documents.map((document) => document.collection);
              return { sent, wish, kinds, erased, after, visitor };
            }"""
        )
    assert (found["sent"], found["kinds"], found["erased"]) == (True, ["histories", "interactions"], 3)
    assert found["wish"] == {"allowed": False}
    assert found["after"]["documents"] == []
    assert found["visitor"]["accepted"][0].startswith("click:37:~")


def test_the_client_names_lists_by_repeated_parameters(tmp_path: Path, page: Page) -> None:
    with demo(tmp_path) as (_, url):
        page.goto(url)
        asked = page.evaluate(
            """async () => {
              const { Marquee } = await import("/marquee.js");
              const asked = [];
              window.fetch = async (url) => {
                asked.push(url.split("?")[1]);
                return { ok: true, json: async () => ({}) };
              };
              const marquee = new Marquee();
              for (const tags of [["a,b"], ["a,b", "c"], [], "a,b"]) await marquee.popular({ limit: "", tags });
              await marquee.popular({ limit: "", near: [41.9, -87.6] });
              return asked;
            }"""
        )
    assert asked == ["tags=a%5C%2Cb", "tags=a%2Cb&tags=c", "", "tags=a%2Cb", "near=41.9&near=-87.6"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_deletes_its_files(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as (process, _):
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        process.wait(10)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def _shown(page: Page) -> list[str | None]:
    return [item.get_attribute("data-event") for item in page.locator("#list > li").all()]
