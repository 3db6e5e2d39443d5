from random import Random

from shared.adapters import history
from shared.entities import HistoryEntry
from shared.entities.profile import MAX_HISTORY
from tests.contract.examples import FULL_INTERACTION, NOW, SECOND, did


def test_the_text_of_an_entry_keeps_all_its_fields() -> None:
    text = history.text_of(FULL_INTERACTION)
    assert text == (
        '{"type":"rating","occurred_at":"2026-05-01T12:30:14.123456+00:00",'
        '"event_id":"event_1","organizer_id":"org_1","value":4.0}'
    )
    assert history.newest("user_1", {"key": text}) == (HistoryEntry.of(FULL_INTERACTION),)


def test_keys_are_short_and_distinct_field_names() -> None:
    keys = {history.key_of(f"user_{n}_event_{n}_view") for n in range(10_000)}
    assert len(keys) == 10_000
    assert all(key.isidentifier() and len(key) == 17 for key in keys)


def test_a_history_within_the_limit_has_no_outdated_entries() -> None:
    entries = {f"h{n}": history.text_of(did(f"{n}")) for n in range(MAX_HISTORY)}
    assert history.outdated("user_1", entries) == []


def test_outdated_entries_are_the_oldest_the_last_of_a_tie_and_unreadable_ones() -> None:
    done = {f"h{n:04}": did(f"{n}", at=NOW + (n // 4) * SECOND) for n in range(MAX_HISTORY + 10)}
    texts = {key: history.text_of(interaction) for key, interaction in done.items()} | {"unreadable": "{}"}
    shuffled = list(texts.items())
    Random(3).shuffle(shuffled)
    # Ten readable entries are too many: all four of each of the two oldest seconds, and the last two keys of the next.
    expected = {*(f"h{n:04}" for n in range(8)), "h0010", "h0011", "unreadable"}
    assert set(history.outdated("user_1", dict(shuffled))) == expected
    kept = {key: text for key, text in texts.items() if key not in expected}
    assert history.newest("user_1", kept) == history.newest("user_1", texts)
