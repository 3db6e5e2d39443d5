"""CSV reader: accepted and rejected rows; a bad row does not affect the rows around it."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.csvfile import CsvFile, Rejection, RejectionFile, Row
from jobs.lines import MAX_RECORD_BYTES
from shared.errors import InvalidField

COLUMNS = ("id", "title", "city")
HEADER = b"id,title,city\n"

Read = Callable[..., list[Row | Rejection]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_bytes(data: bytes, *, header: bytes = HEADER) -> list[Row | Rejection]:
        path = tmp_path / "some.csv"
        path.write_bytes(header + data)
        return list(CsvFile(path, columns=COLUMNS, required=("id",)))

    return read_bytes


def row(line: int, *cells: str) -> Row:
    return Row(line, {name: cell for name, cell in zip(COLUMNS, cells, strict=True) if cell.strip()})


def rejection(line: int, reason: str, field: str = "row") -> Rejection:
    return Rejection("some.csv", line, field, f"expected {reason}")


def test_reads_rows_by_column(read: Read) -> None:
    assert read(b"1,Jazz,Oslo\n2,,Bergen\n") == [row(2, "1", "Jazz", "Oslo"), row(3, "2", "", "Bergen")]


def test_a_last_row_needs_no_line_ending(read: Read) -> None:
    assert read(b"1,Jazz,Oslo") == [row(2, "1", "Jazz", "Oslo")]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_either_line_ending_gives_the_same_rows(read: Read, ending: bytes) -> None:
    data = b"1,Jazz,Oslo\n2,Folk,Bergen\n"
    found = read(data.replace(b"\n", ending), header=HEADER.replace(b"\n", ending))
    assert found == [row(2, "1", "Jazz", "Oslo"), row(3, "2", "Folk", "Bergen")]


def test_a_byte_order_mark_is_not_part_of_the_first_column(read: Read) -> None:
    assert read(b"1,Jazz,Oslo\n", header=b"\xef\xbb\xbf" + HEADER) == [row(2, "1", "Jazz", "Oslo")]


def test_quotes_hold_commas_quotes_and_line_breaks(read: Read) -> None:
    found = read(b'1,"Jazz, ""live""\r\nand loud",Oslo\n2,Folk,Bergen\n')
    assert found == [row(2, "1", 'Jazz, "live"\r\nand loud', "Oslo"), row(4, "2", "Folk", "Bergen")]


def test_blank_lines_are_no_rows(read: Read) -> None:
    assert read(b"\n1,Jazz,Oslo\n  \n\r\n2,Folk,Bergen\n\n") == [
        row(3, "1", "Jazz", "Oslo"),
        row(6, "2", "Folk", "Bergen"),
    ]


def test_columns_come_in_any_order_and_unknown_ones_are_named(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(b"mood, title ,id\nblue,Jazz,1\n")
    file = CsvFile(path, columns=COLUMNS, required=("id",))
    assert file.unknown == ("mood",)
    assert list(file) == [Row(2, {"title": "Jazz", "id": "1"})]


@pytest.mark.parametrize("cells", [b"2", b"2,Folk", b"2,Folk,Bergen,more", b'2,"Folk,Bergen"'])
def test_a_wrong_number_of_columns_rejects_only_that_row(read: Read, cells: bytes) -> None:
    found = read(b"1,Jazz,Oslo\n" + cells + b"\n3,Soul,Moss\n")
    got = len(next(csv.reader([cells.decode()])))
    assert found == [
        row(2, "1", "Jazz", "Oslo"),
        rejection(3, f"3 columns, got {got}"),
        row(4, "3", "Soul", "Moss"),
    ]


@pytest.mark.parametrize(
    ("title", "byte"), [(b"Caf\xe9", "0xe9"), (b"\xff\xfe", "0xff"), (b"\xed\xa0\x80", "0xed"), (b"a\0b", "0x00")]
)
def test_an_invalid_byte_is_reported_with_its_column(read: Read, title: bytes, byte: str) -> None:
    found = read(b'"1,5",' + title + b",Oslo\n2,Folk," + "Tromsø\n".encode())
    assert found == [rejection(2, f"UTF-8 text, got the byte {byte}", "title"), row(3, "2", "Folk", "Tromsø")]


def test_an_invalid_byte_in_a_multiline_cell_is_a_single_rejection(read: Read) -> None:
    found = read(b'1,"Caf\xe9\n2,not a row,Oslo\n",Oslo\n3,Folk,' + "Tromsø\n".encode())
    assert found == [rejection(2, "UTF-8 text, got the byte 0xe9", "title"), row(5, "3", "Folk", "Tromsø")]


def test_an_unclosed_quote_rejects_only_its_line(read: Read) -> None:
    found = read(b'1,"Jazz,Oslo\n2,Folk,Bergen\n3,"Soul",Moss\n')
    assert found == [
        rejection(2, f"a record of at most {MAX_RECORD_BYTES:,} bytes with closed quotes"),
        row(3, "2", "Folk", "Bergen"),
        row(4, "3", "Soul", "Moss"),
    ]


def test_two_unclosed_quotes_reject_only_their_lines(read: Read) -> None:
    found = read(b'1,"Jazz,Oslo\n2,Folk,Bergen\n3,"Soul,Moss\n4,Rock,Bodo\n')
    assert [item for item in found if isinstance(item, Row)] == [
        row(3, "2", "Folk", "Bergen"),
        row(5, "4", "Rock", "Bodo"),
    ]
    assert [item.line for item in found if isinstance(item, Rejection)] == [2, 4]


def test_a_quote_inside_a_cell_rejects_only_that_row(read: Read) -> None:
    found = read(b'1,"Jazz"y,Oslo\n2,Folk,Bergen\n')
    assert isinstance(found[0], Rejection)
    assert (found[0].line, found[0].field) == (2, "row")
    assert "RFC 4180 quoting" in found[0].reason
    assert found[1:] == [row(3, "2", "Folk", "Bergen")]


def test_an_overlong_line_rejects_only_that_line(read: Read) -> None:
    found = read(b"1," + b"x" * (2 * MAX_RECORD_BYTES + 5) + b",Oslo\n2,Folk,Bergen\n")
    assert [item.line for item in found] == [2, 3]
    assert isinstance(found[0], Rejection)
    assert found[1] == row(3, "2", "Folk", "Bergen")


def test_the_longest_record_is_read(read: Read) -> None:
    title = "x" * (MAX_RECORD_BYTES - len(b"1,,\n"))
    assert read(f"1,{title},\n".encode()) == [row(2, "1", title, "")]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"", "a first line with the names of the columns"),
        (b'"id,title\n1,Jazz\n', "a first line with the names of the columns"),
        (b"\n \n,,\n", "a column id"),
        (b"id,title,id\n", "1 to 200 different names of columns"),
        (b",".join(b"c%d" % number for number in range(201)) + b"\n", "1 to 200 different names of columns"),
        (b"id:title:city\n", "a column id"),
        (b"title,city\n", "a column id"),
        (b"title;city\n", "a column id"),
        (b"\n1,Jazz,Oslo\n", "a column id"),
    ],
)
def test_an_invalid_header_is_refused_with_the_name_of_the_file(read: Read, header: bytes, expected: str) -> None:
    with pytest.raises(InvalidField) as caught:
        read(b"", header=header)
    assert caught.value.field == "some.csv: header"
    assert expected in caught.value.reason


def test_position_reaches_the_size(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(HEADER + b"1,Jazz,Oslo\n2,Folk,Bergen\n")
    file = CsvFile(path, columns=COLUMNS, required=())
    positions = [file.position for _ in file]
    assert positions == sorted(positions)
    assert positions[-1] == file.size == path.stat().st_size


cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(rows=st.lists(st.tuples(cells, cells, cells), max_size=12))
@settings(deadline=None)
def test_reads_any_output_of_the_standard_csv_writer(rows: list[tuple[str, str, str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)
    with TemporaryDirectory() as folder:
        path = Path(folder, "some.csv")
        path.write_bytes(HEADER + stream.getvalue().encode())
        found = list(CsvFile(path, columns=COLUMNS, required=("id",)))
    assert [item.cells for item in found if isinstance(item, Row)] == [row(0, *given).cells for given in rows]


def has_text(line: bytes) -> bool:
    """True for a line that is more than the separators of an empty row."""
    return bool(line.decode(errors="replace").strip(" \t\n\r\v\f,").strip())


pieces = (
    st.sampled_from([b'"', b",", b"\n", b"\r\n", b"a", b"\xff", b"\0", b'"x"', b"1,2,3", b"\xc3\xa9"]) | st.binary()
)


@given(data=st.lists(pieces, max_size=40).map(b"".join))
@settings(deadline=None)
def test_every_line_of_arbitrary_bytes_is_a_row_a_rejection_or_blank(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "some.csv")
        path.write_bytes(HEADER + data)
        found = list(CsvFile(path, columns=COLUMNS, required=("id",)))
    lines = io.BytesIO(data).readlines()
    starts = [item.line - 2 for item in found]
    assert starts == sorted(set(starts))
    not_blank = [number for number, line in enumerate(lines) if has_text(line)]
    assert starts[:1] == not_blank[:1]
    for item, start, end in zip(found, starts, [*starts[1:], len(lines)], strict=False):
        # A record spans the lines within its quotes; all lines from there to the next record are blank.
        if isinstance(item, Row) or item.field == "row":
            extra_lines = sum(cell.count("\n") for cell in item.cells.values()) if isinstance(item, Row) else 0
            assert not any(map(has_text, lines[start + 1 + extra_lines : end]))


def test_rejections_are_written_as_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    path.write_text("of an earlier run")
    with RejectionFile(path) as rejections:
        rejections.add(Rejection("events.csv", 7, "title", 'expected "text",\ngot none'))
        rejections.add(Rejection("users.csv", 3, "row", "expected 4 columns, got 2"))
    assert rejections.by_file == {"events.csv": 1, "users.csv": 1}
    with path.open(newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream)) == [
            ["file", "line", "field", "reason"],
            ["events.csv", "7", "title", 'expected "text",\ngot none'],
            ["users.csv", "3", "row", "expected 4 columns, got 2"],
        ]
