"""Two-stage benchmark on a small market with distinct texts: lists hold the exact top ten, with every filter."""

import json
from pathlib import Path

import pytest

from benchmarks import live_events, market, stages
from shared.ranking import shortlist


def test_two_stage_lists_of_a_small_market_hold_the_exact_top_ten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shortlist is a twentieth of the events, with filters that pass very many of them, too.
    monkeypatch.setattr(shortlist, "FILTERED", 1)
    out = tmp_path / "stages.json"
    given = ["--events", "4000", "--users", "24", "--length", "200", "--work", str(tmp_path), "--out", str(out)]
    assert stages.main(given) == 0
    rows = json.loads(out.read_text())["rows"]
    recall = {row["filter"]: row["recall"] for row in rows if "recall" in row}
    assert len(recall) == 10
    # These two pass all of the 4,000 events to a shortlist of 200.
    assert min(recall["no filter"], recall["city"]) >= 0.95
    assert min(recall[name] for name in recall if name not in {"no filter", "city"}) >= 0.99
    assert {row["change"] for row in rows if "change" in row} == {"edited", "new"}
    again = live_events.recommender(tmp_path, live=4_000)
    assert again.catalog.live(market.NOW).sum() == 4_000
