"""Two-stage benchmark on a small market with distinct texts: lists hold the exact top ten, with every filter."""

import json
from pathlib import Path

from benchmarks import live_events, market, stages


def test_two_stage_lists_of_a_small_market_hold_the_exact_top_ten(tmp_path: Path) -> None:
    out = tmp_path / "stages.json"
    given = ["--events", "4000", "--users", "12", "--length", "400", "--work", str(tmp_path), "--out", str(out)]
    assert stages.main(given) == 0
    rows = json.loads(out.read_text())["rows"]
    recall = {row["filter"]: row["recall"] for row in rows if "recall" in row}
    assert len(recall) == 8
    assert min(recall.values()) >= 0.99
    assert {row["change"] for row in rows if "change" in row} == {"edited", "new"}
    again = live_events.recommender(tmp_path, live=4_000)
    assert again.catalog.live(market.NOW).sum() == 4_000
