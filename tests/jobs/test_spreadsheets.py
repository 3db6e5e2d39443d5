"""Exports of spreadsheets read back equal: separators, encodings, quoting, dates, local times, numbers, lists."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.csvfile import CsvFile, Rejection, Row
from jobs.folder import Folder
from jobs.options import ReadingOptions
from jobs.sample import write_sample
from shared.errors import InvalidField
from tests.examples import NOW
from tests.jobs.spreadsheet import Dialect, encode, export

HEADER: Final = ("id", "title", "city", "note")
UNICODE: Final = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be")
TITLES: Final = ((), ("Events of the year",), ("Events", "", "exported today"))

anything = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=12)
western = st.lists(
    st.sampled_from(
        ["Café", "Straße", "naïve", "“live”", "€ 5", "Malmö", "rock", "señor", "l’été", "a,b;c", 'say "hi"']
    )
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=5),
    max_size=4,
).map(" ".join)


def dialects(*encodings: str, line_ends: Sequence[str] = ("\n", "\r\n")) -> st.SearchStrategy[Dialect]:
    return st.builds(
        Dialect,
        separator=st.sampled_from([",", ";", "\t", "|"]),
        encoding=st.sampled_from(encodings),
        line_end=st.sampled_from(line_ends),
        is_all_quoted=st.booleans(),
        is_declared=st.booleans(),
        titles=st.sampled_from(TITLES),
        n_empty=st.integers(0, 3),
    )


def read(data: bytes, **options: Any) -> list[Row | Rejection]:
    with TemporaryDirectory() as folder:
        path = Path(folder, "some.csv")
        path.write_bytes(data)
        return list(CsvFile(path, columns=HEADER, required=("id",), **options))


def with_text(row: Sequence[str]) -> dict[str, str]:
    """Cells of a row by field, without those that are empty or look so."""
    return {name: cell for name, cell in zip(HEADER, row, strict=True) if cell.strip()}


def assert_read_back(rows: list[tuple[str, str, str]], dialect: Dialect) -> None:
    numbered = [(f"r{number}", *row) for number, row in enumerate(rows)]
    found = read(encode(HEADER, numbered, dialect))
    assert [item.cells if isinstance(item, Row) else item for item in found] == list(map(with_text, numbered))


@given(rows=st.lists(st.tuples(anything, anything, anything), max_size=6), dialect=dialects(*UNICODE))
@settings(deadline=None)
def test_a_unicode_export_reads_back_equal(rows: list[tuple[str, str, str]], dialect: Dialect) -> None:
    assert_read_back(rows, dialect)


@given(rows=st.lists(st.tuples(western, western, western), max_size=6), dialect=dialects("cp1252"))
@settings(deadline=None)
def test_a_western_export_reads_back_equal(rows: list[tuple[str, str, str]], dialect: Dialect) -> None:
    assert_read_back(rows, dialect)


@given(
    rows=st.lists(st.tuples(western, western, western), max_size=6),
    dialect=dialects("cp1252", *UNICODE, line_ends=("\r",)),
)
@settings(deadline=None)
def test_an_export_with_returns_alone_reads_back_equal(rows: list[tuple[str, str, str]], dialect: Dialect) -> None:
    assert_read_back(rows, dialect)


@given(
    rows=st.lists(
        st.tuples(*[st.text(st.sampled_from("ab \"'é,;|"), max_size=6).filter(lambda cell: cell[:1] != '"')] * 3),
        max_size=6,
    )
)
@settings(deadline=None)
def test_an_export_by_tabs_without_quoting_reads_back_equal(rows: list[tuple[str, str, str]]) -> None:
    numbered = [(f"r{number}", *row) for number, row in enumerate(rows)]
    found = read("\r\n".join("\t".join(row) for row in (HEADER, *numbered)).encode())
    assert [item.cells if isinstance(item, Row) else item for item in found] == list(map(with_text, numbered))


@given(
    rows=st.lists(st.tuples(*[st.text(st.sampled_from('ab "\n,;|é'), max_size=6)] * 3), max_size=6),
    separator=st.sampled_from(",;|\t"),
    is_all_quoted=st.booleans(),
)
@settings(deadline=None)
def test_spaces_after_separators_are_no_part_of_cells(
    rows: list[tuple[str, str, str]], separator: str, *, is_all_quoted: bool
) -> None:
    def written(cell: str) -> str:
        is_quoted = is_all_quoted or cell[:1] == " " or any(letter in cell for letter in '"\n,;|\t')
        doubled = cell.replace('"', '""')
        return f'"{doubled}"' if is_quoted else cell

    numbered = [(f"r{number}", *row) for number, row in enumerate(rows)]
    text = "\n".join(f"{separator} ".join(map(written, row)) for row in (HEADER, *numbered))
    found = read(text.encode())
    assert [item.cells if isinstance(item, Row) else item for item in found] == list(map(with_text, numbered))


@pytest.mark.parametrize("name", ["cp1251", "koi8-r", "cp1253", "shift_jis", "gbk", "big5", "cp1250"])
def test_other_encodings_are_no_other_letters(name: str) -> None:
    texts = {
        "cp1251": "Концерт в Москве",
        "koi8-r": "Концерт в Москве",
        "cp1253": "Συναυλία στην Αθήνα",
        "shift_jis": "東京の夜のジャズ",
        "gbk": "北京音乐会",
        "big5": "臺北音樂會",
        "cp1250": "Wesoło było na całej wsi",
    }
    text = texts[name]
    found = read(encode(HEADER, [("r1", text, "", ""), ("r2", "plain", "", "")], Dialect(encoding=name)))
    assert isinstance(found[0], Rejection)
    assert "UTF-8 text" in found[0].reason
    assert found[1] == Row(3, {"id": "r2", "title": "plain"})


def test_utf_16_without_a_mark_is_read_and_damaged_is_refused() -> None:
    text = "id;title\r\n1;東京\r\n"
    for codec in ("utf-16-le", "utf-16-be"):
        assert read(text.encode(codec)) == [Row(2, {"id": "1", "title": "東京"})]
    with pytest.raises(InvalidField, match="damaged"):
        read(text.encode("utf-16")[:-1])


@pytest.mark.parametrize("separator", [":", "#", "~", "\t"])
def test_a_declared_separator_is_that_of_the_file(separator: str) -> None:
    for line in (f"sep={separator}", f'"sep={separator}"', f"SEP={separator}", f"\ufeffsep={separator}{separator}"):
        data = f"{line}\r\nid{separator}title\r\n1{separator}a,b;c\r\n".encode()
        assert read(data) == [Row(3, {"id": "1", "title": "a,b;c"})]


def test_a_cell_without_a_name_is_ignored_and_one_too_many_is_not() -> None:
    data = b"id,,title,,\n1,x,Jazz,y,\n2,x,Folk\n3,x,Soul,,,,\n4,x,Rock,,,more\n5,x\n,,,\n"
    found = read(data)
    assert [item.cells["title"] for item in found if isinstance(item, Row)] == ["Jazz", "Folk", "Soul"]
    rejected = [(item.line, item.reason) for item in found if isinstance(item, Rejection)]
    assert rejected == [(5, "expected 3 columns, got 6"), (6, "expected 3 columns, got 2")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    write_sample(folder, users=15, events=15, interactions=60, seed=2, now=NOW)
    return folder


def entities(folder: Path, options: ReadingOptions) -> list[list[Any]]:
    return [list(file) for file in Folder(folder, options=options).files()]


RENAMED: Final = {"title": "Name", "starts_at": "startsAt", "tags": "Keywords, all", "occurred_at": "time"}


@given(
    dialect=st.builds(
        Dialect,
        separator=st.sampled_from([",", ";", "\t"]),
        encoding=st.sampled_from(UNICODE),
        titles=st.sampled_from(TITLES),
        dates=st.sampled_from(
            [
                *("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"),
                *("%Y/%m/%d %H:%M:%S", "%d.%m.%y, %H:%M:%S", "%d-%b-%Y %H:%M:%S", "%a, %b %d, %Y at %I:%M:%S %p"),
            ]
        ),
        zone=st.sampled_from(sorted(available_timezones())).map(ZoneInfo),
        decimal=st.sampled_from(".,"),
        list_separator=st.sampled_from(["|", ", ", ";"]),
        columns=st.sampled_from([{}, RENAMED]),
    )
)
@settings(deadline=None, max_examples=60)
def test_an_exported_folder_reads_back_equal(dialect: Dialect, city: Path) -> None:
    pairs = tuple((theirs, ours) for ours, theirs in dialect.columns.items())
    with TemporaryDirectory() as target:
        export(city, Path(target), dialect)
        found = entities(Path(target), ReadingOptions(pairs=pairs, zone=dialect.zone))
    # The zone of the local times is kept, since days and evenings go by it.
    events = [replace(event, timezone="") for event in found[0]]
    assert {event.timezone for event in found[0]} <= {dialect.zone.key if dialect.zone else "", ""}
    assert [events, *found[1:]] == entities(city, ReadingOptions())
