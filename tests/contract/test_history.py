from collections.abc import Collection
from random import Random

from shared.adapters import history
from shared.entities import HistoryEntry, Interaction, InteractionType, Touchpoint
from shared.entities.profile import MAX_HISTORY
from shared.entities.provenance import ListKind, Provenance, issue
from tests.contract.examples import DAY, FULL_INTERACTION, NOW, SECOND, did


def test_the_text_of_an_entry_keeps_all_its_fields() -> None:
    text = history.text_of(FULL_INTERACTION)
    assert text == (
        '{"type":"review","occurred_at":"2026-05-01T12:30:14.123456+00:00",'
        '"event_id":"event_1","organizer_id":"org_1","value":4.0}'
    )
    assert history.newest("user_1", {"key": text}) == (HistoryEntry.of(FULL_INTERACTION),)


def test_of_touchpoints_the_list_is_kept_if_it_may_be_one() -> None:
    token = issue(Provenance(kind=ListKind.RANK, issued_at=0, seed=0), None, user_id="")
    for kind in InteractionType:
        entry = did("", kind=kind, recommendation_id=token, position=3)
        points = history.touchpoints("u", {"key": history.text_of(entry)}, {"event_1"})
        assert points == ((Touchpoint(kind, NOW, "event_1", token, 3),) if kind in ("view", "click", "booking") else ())
    for text in ("", "list_1", token[1:], "é" * 60, "A" * 128):
        other = did("", recommendation_id=text, position=3)
        assert history.text_of(other) == history.text_of(did(""))
        [point] = history.touchpoints("u", {"key": history.text_of(other)}, {"event_1"})
        assert point == Touchpoint(InteractionType.VIEW, NOW, "event_1")


def test_the_list_of_an_entry_costs_lists_nothing_but_its_bytes() -> None:
    listed = did("", recommendation_id=issue(Provenance(kind=ListKind.RANK, issued_at=0, seed=0), None, user_id="u"))
    texts = {"key": history.text_of(listed)}
    assert history.newest("u", texts) == (HistoryEntry.of(listed),)
    assert len(texts["key"]) - len(history.text_of(did(""))) < 100


def test_keys_are_short_and_distinct_field_names() -> None:
    keys = {history.key_of(did(f"{n}")) for n in range(10_000)}
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


def test_all_states_of_a_target_share_a_key() -> None:
    save, unsave, booking = (did(kind, kind=InteractionType(kind)) for kind in ("save", "unsave", "booking"))
    assert history.key_of(save) == history.key_of(unsave) != history.key_of(booking)


def test_of_the_entries_of_a_target_the_last_word_counts() -> None:
    kinds = [InteractionType.BOOKING, InteractionType.CANCEL, InteractionType.BOOKING]
    texts = {f"h{n}": history.text_of(did("", kind=kind, at=NOW + n * SECOND)) for n, kind in enumerate(kinds)}
    assert [entry.occurred_at for entry in history.newest("u", texts)] == [NOW + 2 * SECOND]
    both = {f"h{n}": history.text_of(did("", kind=kind)) for n, kind in enumerate(kinds)}
    assert [entry.type for entry in history.newest("u", both)] == [InteractionType.CANCEL]
    twice = dict.fromkeys(("a", "b"), texts["h0"])
    assert len(history.newest("u", twice)) == 1


def test_what_lasts_outlasts_any_number_of_newer_entries() -> None:
    lasting = [
        did("", kind=kind, event_id="old", organizer_id="org", at=NOW - DAY)
        for kind in map(InteractionType, ("booking", "attend", "dismiss", "follow"))
    ]
    newer = [did(f"{n}", event_id=f"event_{n}", at=NOW + n * SECOND) for n in range(5_000)]
    newer += [did("", kind=InteractionType.SAVE, event_id=f"event_{n}", at=NOW + n * SECOND) for n in range(600)]
    texts = {history.key_of(entry): history.text_of(entry) for entry in [*lasting, *newer]}
    kept = history.newest("u", texts)
    assert len(kept) == MAX_HISTORY + 4
    assert {entry.type for entry in kept[MAX_HISTORY:]} == {entry.type for entry in lasting}
    assert not {history.key_of(entry) for entry in lasting} & set(history.outdated("u", texts))


def test_a_history_of_many_bytes_loses_what_is_over_and_then_what_was_taken_last() -> None:
    newest = [did(f"{n}", event_id=f"view {n}", at=NOW + n * SECOND) for n in range(MAX_HISTORY)]
    booked = [
        did("", kind=InteractionType.BOOKING, event_id=f"{n:04}".ljust(66, "é"), at=NOW - (n + 1) * SECOND)
        for n in range(5_000)
    ]
    texts = {history.key_of(entry): history.text_of(entry) for entry in [*newest, *booked]}
    assert len(history.newest("u", texts)) == len(texts)
    assert history.outdated("u", texts) == []
    over = {entry.event_id for entry in booked[::3]}
    asked: list[set[str]] = []

    def are_over(event_ids: Collection[str]) -> Collection[str]:
        asked.append(set(event_ids))
        return over

    def booked_after_trimming() -> list[Interaction]:
        outdated = set(history.outdated("u", texts, are_over))
        kept = {key: text for key, text in texts.items() if key not in outdated}
        assert all(history.key_of(entry) in kept for entry in newest)
        assert sum(len(key) + len(text.encode()) for key, text in kept.items()) < history.MAX_BYTES
        return [entry for entry in booked if history.key_of(entry) in kept]

    assert booked_after_trimming() == [entry for entry in booked if entry.event_id not in over]
    assert asked == [{entry.event_id for entry in booked}]
    over = set()
    assert booked_after_trimming() == booked[-len(booked_after_trimming()) :]
    assert len(booked_after_trimming()) > 3_500
