"""Demo server in a browser and as a process."""

import resource
import signal
from pathlib import Path
from typing import Final

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.demo import demo
from tests.e2e.site import Site, loaded

pytestmark = pytest.mark.e2e

VERBS: Final = {"booking": "Booked", "attend": "Went to", "save": "Saved", "rating": "Rated"}
"""Words of a persona's card for what its user did."""


def test_the_client_records_by_beacon_exports_refuses_profiling_and_erases_user_data(
    tmp_path: Path, page: Page
) -> None:
    with demo(tmp_path) as (_, url):
        page.goto(url)
        found = page.evaluate(
            """async () => {
              const { Marquee } = await import("/marquee.js");
              let who = "beacon";
              const marquee = new Marquee({ userId: () => who, flushAfterMs: 60_000 });
              const before = await marquee.recommendations();
              marquee.track("booking", before.items[0].event_id);
              dispatchEvent(new Event("pagehide"));
              let held = { documents: [] };
              for (let n = 0; n < 100 && held.documents.length < 2; n++) held = await marquee.data("beacon");
              const wish = await marquee.allowProfiling("beacon", false);
              const { sent, waiting } = await marquee.flush();
              const twice = await marquee.data("beacon");
              who = null;
              const visitor = await marquee.record([{ type: "click", event_id: before.items[0].event_id }]);
              const { erased } = await marquee.forget("beacon");
              const after = await marquee.data("beacon");
              const kinds = held.documents.map((document) => document.collection);
              return { sent, waiting, twice, wish, kinds, erased, after, visitor };
            }"""
        )
    assert (found["kinds"], found["erased"]) == (["histories", "interactions"], 3)
    # What went by beacon waits for an answer that is read, and is the same document then.
    assert (found["sent"], found["waiting"]) == (1, 0)
    assert [document["collection"] for document in found["twice"]["documents"]].count("interactions") == 1
    assert found["wish"] == {"allowed": False}
    assert found["after"]["documents"] == []
    assert found["visitor"]["accepted"][0].startswith("click:")


def test_personas_are_what_the_api_says_of_them_and_cards_glide_but_for_those_who_asked_for_less_motion(
    tmp_path: Path, browser: Browser
) -> None:
    with demo(tmp_path) as (_, url):
        moved = {}
        for motion in ("no-preference", "reduce"):
            page = Site(url, browser).visit(reduced_motion=motion)
            said = page.request.get(f"{url}/demo/personas").json()
            visitor, *cards = page.locator(".persona").all()
            assert visitor.inner_text().split("\n")[-3:] == ["A visitor", "not signed in", "Has done nothing yet"]
            assert len(cards) == len(said) > 3
            for card, persona in zip(cards, said, strict=True):
                profile = page.request.get(f"{url}/demo/users/{persona['user_id']}").json()
                assert card.locator("input").get_attribute("value") == persona["user_id"]
                assert card.locator("b").inner_text() == persona["name"]
                assert card.locator(".likes").inner_text() == ", ".join(profile["preferred_categories"][:2])
                told = [f"{VERBS[action['type']]} {action['title']}" for action in persona["actions"]]
                assert card.locator(".last > span").all_inner_texts() == list(dict.fromkeys(told))[:2]
                held = page.request.get(f"{url}/api/v1/users/{persona['user_id']}/data").json()["documents"]
                done = {
                    (kept["fields"]["type"], kept["fields"].get("event_id"))
                    for kept in held
                    if kept["collection"] == "interactions"
                }
                assert {(action["type"], action["event_id"]) for action in persona["actions"]} <= done
            cards[0].locator("input").check(force=True)
            expect(page.locator("#own h2")).to_have_text(f"For {said[0]['name']}")
            loaded(page)
            page.evaluate(
                """() => {
                  window.moves = [];
                  const animate = Element.prototype.animate;
                  Element.prototype.animate = function (...given) {
                    moves.push(this.className);
                    return animate.apply(this, given);
                  };
                }"""
            )
            page.locator("#own .card").first.get_by_role("button", name="Not interested").click()
            expect(page.locator("#notice")).to_contain_text("Your list")
            loaded(page)
            moved[motion] = page.evaluate("moves.filter((name) => /card/.test(name)).length")
            page.context.close()
    assert moved["no-preference"] > 3
    assert moved["reduce"] == 0


def test_a_simulated_demo_has_days_to_show_after_a_minute_of_one_core(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with demo(tmp_path, ("--port", "0"), module="benchmarks.simulator.demo") as (process, url):
        reports = requests.get(f"{url}/api/v1/report", timeout=60).json()["reports"]
        process.terminate()
        process.wait(30)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(reports) == 7
    assert all(report["feedback"]["impressions"] for report in reports[:-1])
    # Of the core and not of the clock, since other tests may run beside it.
    assert used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime < 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_deletes_its_files(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as (process, _):
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        process.wait(10)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
