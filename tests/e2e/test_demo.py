"""Demo server in a browser and as a process."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.demo import demo

pytestmark = pytest.mark.e2e


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_deletes_its_files(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as (process, _):
        assert list(tmp_path.iterdir()) != []
        process.send_signal(number)
        process.wait(10)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []
