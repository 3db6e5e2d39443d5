"""Histories as adapters read them: order, ties, and entries that cannot be read."""

from typing import Any

import pytest

from shared.adapters import history


def _entry(minute: int, event_id: str) -> str:
    return f'{{"type":"view","occurred_at":"2026-05-01T12:{minute:02}:00+00:00","event_id":"{event_id}"}}'


@pytest.mark.parametrize("damaged", [{"type": "view"}, ["view"], 7, None, "", "{}", "[" * 100_000])
def test_what_is_no_entry_is_left_out_however_often_it_is_read(damaged: Any) -> None:
    entries = {"h1": _entry(1, "jazz"), "h2": damaged}
    for _ in range(2):
        assert [entry.event_id for entry in history.newest("ada", entries)] == ["jazz"]


def test_entries_come_newest_first_and_ties_go_by_key() -> None:
    entries = {"h3": _entry(1, "c"), "h2": _entry(2, "b"), "h1": _entry(1, "a")}
    assert [entry.event_id for entry in history.newest("ada", entries)] == ["b", "a", "c"]
