"""Established accounts: whose interactions models learn from."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.entities import Interaction, Origin, anonymous
from shared.feedback.accounts import MAX_AGE, is_loaded, of_established
from shared.feedback.interactions import InteractionColumns
from tests.examples import DAY, NOW, an_interaction

HOUR = timedelta(hours=1)


def _acts(user_id: str, *recorded: datetime, occurred_at: datetime | None = None) -> list[Interaction]:
    return [
        an_interaction(user_id, f"e{n}", occurred_at=occurred_at or moment, recorded_at=moment)
        for n, moment in enumerate(recorded)
    ]


def _kept(given: list[Interaction]) -> set[str]:
    columns = of_established(InteractionColumns.of(given), now=NOW)
    return {columns.users.ids()[row] for row in columns.user_rows}


def test_an_account_is_established_when_its_first_interaction_is_a_day_old() -> None:
    given = [*_acts("old", NOW - DAY), *_acts("young", NOW - DAY + timedelta(seconds=1) + 12 * HOUR)]
    assert _kept(given) == {"old"}


def test_an_account_is_established_when_it_acted_on_two_utc_days() -> None:
    midnight = NOW.replace(hour=0)
    given = [*_acts("two days", midnight - HOUR, midnight + HOUR), *_acts("one day", midnight, midnight + 11 * HOUR)]
    assert _kept(given) == {"two days"}


def test_back_dated_interactions_do_not_make_an_account_older() -> None:
    given = _acts("forger", NOW - HOUR, NOW - HOUR, occurred_at=NOW - HOUR - MAX_AGE)
    assert _kept(given) == set()


@pytest.mark.parametrize("recorded_at", [None, NOW])
def test_loaded_interactions_establish_an_account(recorded_at: datetime | None) -> None:
    given = [an_interaction("loaded", occurred_at=NOW - MAX_AGE - HOUR, recorded_at=recorded_at)]
    assert _kept(given) == {"loaded"}
    assert is_loaded(given[0]) == (recorded_at is not None)


def test_rows_of_files_establish_accounts_of_the_last_hour_too() -> None:
    assert _kept([an_interaction("new", occurred_at=NOW - HOUR, recorded_at=None)]) == {"new"}


@pytest.mark.parametrize("age", [HOUR, DAY, MAX_AGE, MAX_AGE + HOUR])
def test_the_origin_of_a_version_says_what_was_loaded(age: timedelta) -> None:
    given = [
        an_interaction(origin.name, occurred_at=NOW - age, recorded_at=NOW - HOUR, origin=origin) for origin in Origin
    ]
    of_clients = {"CLIENT"} if age > MAX_AGE + HOUR else set[str]()
    assert _kept(given) == of_clients | {"LOAD"}
    loaded = {entry.user_id for entry in given if is_loaded(entry)}
    assert loaded == of_clients | {"LOAD"}


def test_visitors_are_no_accounts() -> None:
    visitor = anonymous("0b8c8f9f5f5c4f0e")
    assert _kept([*_acts(visitor, NOW - 9 * DAY, NOW - DAY), *_acts("u", NOW - 9 * DAY)]) == {"u"}


def test_nothing_of_nobody() -> None:
    assert _kept([]) == set()
    assert len(of_established(InteractionColumns.of([replace(_acts("u", NOW)[0])]), now=NOW)) == 0
