"""Cells of spreadsheets: what reads one way is read, what reads several ways is refused with what to do."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jobs.cells import numbers
from jobs.cells.document import RowReader
from jobs.cells.lists import ListColumn
from jobs.cells.numbers import NumberColumn, PriceColumn
from jobs.cells.times import TimeColumn
from shared.errors import InvalidField

BERLIN = ZoneInfo("Europe/Berlin")


def time(cell: str, *column: str, zone: ZoneInfo | None = BERLIN) -> datetime:
    return datetime.fromisoformat(TimeColumn("starts_at", lambda: (cell, *column), zone).read(cell))


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2026-05-01T19:30:00+02:00",
            "2026-05-01T17:30:00Z",
            "2026-05-01 17:30:00 UTC",
            "2026-05-01 17:30:00.000 UTC",
        ),
        *("2026-05-01 19:30", "2026-05-01T19:30:00", "2026-5-1 19:30", "2026/05/01 19:30", "20260501T193000"),
        *("01.05.2026 19:30", "1.5.2026 19:30", "01.05.26 19:30", "1.5.2026, 19.30", " 01.05.2026  19:30 "),
        *(
            "1 May 2026 19:30",
            "1-May-2026 19:30",
            "1. May 2026 19:30",
            "May 1, 2026 7:30 PM",
            "May 1, 2026, 7:30\u202fPM",
        ),
        *("Fri, 1 May 2026 19:30", "Friday, May 1, 2026 at 7:30:00 PM UTC+2", "1 may 2026 7:30 p.m."),
        *("1777656600", "1777656600000", "2026-05-01 19:30 +0200", "2026-05-01 12:30 -05:00"),
    ],
)
def test_a_time_that_reads_one_way_is_read(cell: str) -> None:
    assert time(cell) == datetime(2026, 5, 1, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "column", "day"),
    [
        ("03/04/2026 10:00", ["31/12/2026"], (2026, 4, 3)),
        ("03/04/2026 10:00", ["12/31/2026"], (2026, 3, 4)),
        ("3-4-2026 10:00", ["13-4-2026"], (2026, 4, 3)),
        ("03/04/2026 10:00 AM", ["4/30/2026 10:00 PM"], (2026, 3, 4)),
        ("03/04/26 10:00", ["12/31/26"], (2026, 3, 4)),
        (
            "03/04/2026 10:00",
            ["31/12/2026", "2026-05-01T10:00:00Z", "1.2.2026", "May 1, 2026", "no date"],
            (2026, 4, 3),
        ),
        ("05/05/2026 10:00", [], (2026, 5, 5)),
    ],
)
def test_the_column_tells_the_order_of_day_and_month(cell: str, column: list[str], day: tuple[int, int, int]) -> None:
    assert time(cell, *column) == datetime(*day, 10, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("cell", "column", "reason"),
    [
        ("03/04/2026", [], "which is the day and which the month: write years first, such as 2026-03-04"),
        ("03/04/2026", ["05/06/2026"], "write years first"),
        ("03/04/2026", ["31/12/2026", "12/31/2026"], "write years first"),
        ("31/12/26", [], "write years first"),
        *(
            (cell, [], "an ISO 8601 time")
            for cell in ("31.31.2026", "2026-02-30", "tomorrow", "19:30", "from 1.5.2026")
        ),
        *(
            (cell, [], "an ISO 8601 time")
            for cell in ("1.5.2026 25:00", "May 1, 2026 13:00 PM", "1 Mai 2026", "1.5.2026 7")
        ),
        *((cell, [], "between 1970 and 2200") for cell in ("0001-01-01", "9999-12-31", "1.1.1900")),
        ("46143.8125", [], "not a spreadsheet's number"),
        ("46143", [], "not a spreadsheet's number"),
    ],
)
def test_a_time_that_reads_several_ways_is_refused(cell: str, column: list[str], reason: str) -> None:
    with pytest.raises(InvalidField) as caught:
        time(cell, *column)
    assert reason in caught.value.reason
    assert caught.value.field == "starts_at"


@pytest.mark.parametrize("cell", ["2026-05-01", "2026-05-01 19:30", "1.5.2026 19:30"])
def test_a_local_time_needs_a_time_zone(cell: str) -> None:
    with pytest.raises(InvalidField, match="--timezone Europe/Berlin"):
        time(cell, zone=None)
    with pytest.raises(InvalidField, match="--timezone"):
        time("2026-05-01 19:30", "2026-05-02T19:30:00Z", zone=None)


zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
moments = st.integers(150_000_000, 7_200_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(zone=zones, moment=moments)
@settings(deadline=None)
def test_the_local_time_of_any_zone_is_that_moment(zone: ZoneInfo, moment: datetime) -> None:
    local = moment.astimezone(zone)
    column = TimeColumn("starts_at", list, zone)
    found = datetime.fromisoformat(column.read(local.strftime("%Y-%m-%d %H:%M:%S")))
    is_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    assert found == (local.replace(fold=0) if is_twice else moment).astimezone(UTC)
    assert (column.n_twice, column.n_skipped) == (int(is_twice), 0)


def test_an_hour_that_comes_twice_is_the_first_and_one_that_never_comes_is_later() -> None:
    reader = RowReader(["starts_at"], lambda _: [], BERLIN)
    read = [reader.read({"starts_at": cell})["starts_at"] for cell in ("2026-10-25 02:30", "2026-03-29 02:30")]
    assert [datetime.fromisoformat(cell) for cell in read] == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    ]
    assert datetime.fromisoformat(read[1]).astimezone(BERLIN).hour == 3
    assert [note.split(" times ")[1].split(",")[0] for note in reader.notes()] == ["came twice", "never came"]


def event(starts_at: str, ends_at: str) -> dict[str, Any]:
    return RowReader(["starts_at", "ends_at"], lambda _: [], BERLIN).read({"starts_at": starts_at, "ends_at": ends_at})


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "end"),
    [
        ("2026-05-01 22:00", "2026-05-01 03:00", (2026, 5, 2, 3)),
        ("2026-05-01T22:00:00+02:00", "2026-05-01T03:00:00+02:00", (2026, 5, 2, 3)),
        ("2026-05-01 22:00", "2026-05-02 03:00", (2026, 5, 2, 3)),
        ("2026-05-01 22:00", "03:00", (2026, 5, 2, 3)),
        ("2026-05-01 22:00", "3 AM", (2026, 5, 2, 3)),
        ("2026-05-01 19:00", "23:00", (2026, 5, 1, 23)),
        ("2026-05-01 19:00", "24:00", (2026, 5, 2, 0)),
        ("2026-05-01 19:00", "1.5.2026 24:00", (2026, 5, 2, 0)),
        ("2026-05-01 19:00", "2026-05-01", (2026, 5, 2, 0)),
        ("2026-05-01", "2026-05-03", (2026, 5, 4, 0)),
        ("01.05.2026", "01.05.2026", (2026, 5, 2, 0)),
        ("2026-10-24 22:00", "2026-10-24 04:00", (2026, 10, 25, 4)),
        ("2026-05-01 20:00", "2026-05-01 18:00", (2026, 5, 1, 18)),
        ("2026-05-01 20:00", "2026-04-30 18:00", (2026, 4, 30, 18)),
    ],
)
def test_an_end_after_midnight_may_stand_under_the_date_of_the_start(
    starts_at: str, ends_at: str, end: tuple[int, int, int, int]
) -> None:
    assert datetime.fromisoformat(event(starts_at, ends_at)["ends_at"]) == datetime(*end, tzinfo=BERLIN)


def test_the_zone_of_an_event_is_that_of_its_local_times() -> None:
    reader = RowReader(["starts_at", "ends_at", "timezone"], lambda _: [], BERLIN)
    local = {"starts_at": "2026-05-01 19:30", "ends_at": "23:00"}
    assert reader.read(local) == {
        "starts_at": "2026-05-01T19:30:00+02:00",
        "ends_at": "2026-05-01T23:00:00+02:00",
        "timezone": "Europe/Berlin",
    }
    assert reader.read({**local, "timezone": "Asia/Tokyo"}) == {
        "starts_at": "2026-05-01T19:30:00+09:00",
        "ends_at": "2026-05-01T23:00:00+09:00",
        "timezone": "Asia/Tokyo",
    }
    assert "timezone" not in reader.read({"starts_at": "2026-05-01T19:30:00+02:00"})
    with pytest.raises(InvalidField, match="timezone"):
        reader.read({**local, "timezone": "Berlin"})


def test_an_end_at_a_time_needs_a_start() -> None:
    with pytest.raises(InvalidField, match="ends_at"):
        event("", "23:00")
    with pytest.raises(InvalidField, match="ends_at"):
        event("2026-05-01 19:00", "25:00")


def price(cell: str, *column: str) -> tuple[float | str, str]:
    return PriceColumn("price", lambda: (cell, *column)).read(cell)


@pytest.mark.parametrize(
    ("cell", "column", "value"),
    [
        *((cell, [], (0.0, "")) for cell in ("Free", "FREE", " free ", "Gratis", "kostenlos", "無料", "0", "0,00")),
        *((cell, [], (25.0, "")) for cell in ("25", "25.0", "25,00", "$25", "$ 25.00", "25 kr", "25,-", "25.–", "¥25")),
        *((cell, [], (25.0, "EUR")) for cell in ("25 €", "€25", "25,00 €", "EUR 25", "25 eur", "25\u00a0€", "€ 25,-")),
        *((cell, [], (1234.5, "")) for cell in ("1234.5", "1234,5", "1,234.50", "1.234,50", "1 234,50", "1’234.50")),
        *((cell, [], (1234567.0, "")) for cell in ("1,234,567", "1.234.567", "1 234 567", "1\u202f234\u202f567")),
        ("$5 USD", [], (5.0, "USD")),
        ("CHF 25.-", [], (25.0, "CHF")),
        ("1,234", ["12.50"], (1234.0, "")),
        ("1,234", ["12,50"], (1.234, "")),
        ("1.234", ["12,50 €"], (1234.0, "")),
        ("1.234", ["0.125", "Free", "25"], (1.234, "")),
        ("0,500", [], (0.5, "")),
        ("-5", [], (-5.0, "")),
    ],
)
def test_a_price_that_reads_one_way_is_read(cell: str, column: list[str], value: tuple[float, str]) -> None:
    assert price(cell, *column) == value


@pytest.mark.parametrize(
    ("cell", "column", "reason"),
    [
        *((cell, [], "write 1234 or 1") for cell in ("1,234", "1.234", "$1,234", "1.234 €")),
        ("1,234", ["12,50", "12.50"], "write 1234 or 1"),
        *(
            (cell, [], "one price")
            for cell in ("10-20", "10–20", "from $10", "5 or 6", "$5 EUR USD", "€5 USD", "donation")
        ),
    ],
)
def test_a_price_that_reads_several_ways_is_refused(cell: str, column: list[str], reason: str) -> None:
    with pytest.raises(InvalidField, match="price") as caught:
        price(cell, *column)
    assert reason in caught.value.reason


@pytest.mark.parametrize("sign", numbers._SYMBOLS)
@pytest.mark.parametrize("form", ["{sign} 20", "{sign}20", "20 {sign}", "20{sign}", "{sign} 20.-", "{sign} 20,50"])
def test_every_sign_of_a_currency_is_read_before_and_after_a_number(sign: str, form: str) -> None:
    assert price(form.format(sign=sign)) == (20.5 if "50" in form else 20, numbers._SYMBOLS[sign])


def test_the_currency_of_a_price_is_that_of_the_row_or_refused() -> None:
    reader = RowReader(["price", "currency"], lambda _: [], None)
    assert reader.read({"price": "25 €"}) == {"price": 25.0, "currency": "EUR"}
    assert reader.read({"price": "$25", "currency": "CAD"}) == {"price": 25.0, "currency": "CAD"}
    with pytest.raises(InvalidField, match="the currency of the row, USD"):
        reader.read({"price": "25 €", "currency": "USD"})


@given(
    value=st.integers(0, 10**8),
    decimal=st.sampled_from(".,"),
    group=st.sampled_from(["", ",", ".", " ", "’", "\u00a0"]),
)
@settings(deadline=None)
def test_a_number_with_cents_reads_back_equal(value: int, decimal: str, group: str) -> None:
    assume(decimal != group)
    cell = f"{value / 100:,.2f}".replace(",", "_").replace(".", decimal).replace("_", group)
    assert price(cell)[0] == value / 100


@pytest.mark.parametrize(
    ("options", "cells", "values"),
    [
        ({"is_small": True}, ["59,9139", "59,913", "59.913", "-0,5", "east"], [59.9139, 59.913, 59.913, -0.5, "east"]),
        (
            {"is_whole": True},
            ["1,234", "1.234", "1 234", "25", "25.0", "2,5", "-1"],
            [1234, 1234, 1234, 25, 25, 2.5, -1],
        ),
    ],
)
def test_degrees_have_no_thousands_and_seats_no_decimals(
    options: dict[str, bool], cells: list[str], values: list[float | str]
) -> None:
    column = NumberColumn("some", list, **options)
    assert [column.read(cell) for cell in cells] == values


@pytest.mark.parametrize(
    ("cell", "column", "items"),
    [
        ("jazz|live", [], ["jazz", "live"]),
        ("jazz, live", [], ["jazz", "live"]),
        ("jazz; live", [], ["jazz", "live"]),
        ("food, drink", ["jazz|live"], ["food, drink"]),
        ("food, drink|jazz", [], ["food, drink", "jazz"]),
        ('["jazz", "a, b|c"]', ["x|y"], ["jazz", "a, b|c"]),
        ("jazz, live", ['["a|b;c"]'], ["jazz", "live"]),
        ("[]", [], []),
        ("[18+]", [], ["[18+]"]),
        ("jazz", ["a,b", "c;d"], ["jazz"]),
    ],
)
def test_the_column_tells_what_separates_items(cell: str, column: Sequence[str], items: list[str]) -> None:
    assert ListColumn("tags", lambda: (cell, *column)).read(cell) == items


@pytest.mark.parametrize(
    ("cell", "column", "reason"),
    [
        ("a, b", ["c; d"], 'separated by "|"'),
        ("a, b; c", [], 'separated by "|"'),
        ("['a', 'b']", [], "a list in JSON"),
        ('["a", {}]', [], "a list in JSON"),
        ('["a"', [], "a list in JSON"),
    ],
)
def test_items_that_are_separated_in_two_ways_are_refused(cell: str, column: Sequence[str], reason: str) -> None:
    with pytest.raises(InvalidField, match="tags") as caught:
        ListColumn("tags", lambda: (cell, *column)).read(cell)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        *(("status", cell, "sold_out") for cell in ("sold_out", "Sold out", "SOLD-OUT")),
        *(("status", cell, "cancelled") for cell in ("Canceled", "Cancelled")),
        *(("type", cell, "category_click") for cell in ("Category click", "category_click")),
        *(("profiling", cell, False) for cell in ("FALSE", "no", "0")),
        *(("profiling", cell, True) for cell in ("TRUE", "Yes", "1")),
        ("profiling", "perhaps", "perhaps"),
        ("title", " As It Is ", " As It Is "),
    ],
)
def test_names_and_truth_values_are_those_of_the_entity(field: str, cell: str, value: object) -> None:
    assert RowReader([field], lambda _: [], None).read({field: cell}) == {field: value}


def test_times_far_from_now_end_no_load() -> None:
    for cell in ("9999-12-31", "0001-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"):
        with pytest.raises(InvalidField, match="between 1970 and 2200"):
            event("2026-05-01 19:00", cell)
    assert event("2199-12-31 22:00", "2199-12-31 02:00")["ends_at"].startswith("2200-01-01")
