"""Names of columns: `--map`, the schema file of a folder, and what a name that is not known may mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from jobs.folder import COLUMNS, Folder
from jobs.naming import Naming, read_pairs, read_schema
from jobs.options import ReadingOptions
from shared.entities import Event
from shared.errors import InvalidField, SettingsError

EVENTS: Final = "id,name,Starts At,mood\ne1,Jazz,2026-05-01T20:00:00Z,blue\n"


def first_event(folder: Path, *pairs: str) -> Event:
    [event] = Folder(folder, options=ReadingOptions(pairs=read_pairs(pairs))).events
    assert isinstance(event, Event)
    return event


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "events.csv").write_text(EVENTS)
    return tmp_path


def test_columns_are_named_by_the_option(folder: Path) -> None:
    event = first_event(folder, "id=event_id,name=title", "Starts At=starts_at")
    assert (event.event_id, event.title, event.starts_at is not None) == ("e1", "Jazz", True)


def test_columns_are_named_by_the_schema_file_and_the_option_goes_before(folder: Path) -> None:
    (folder / "marquee.toml").write_text(
        '[events]\nevent_id = "id"\ntitle = "mood"\nstarts_at = "Starts At"\n[users]\nuser_id = "id"\n'
    )
    assert first_event(folder).title == "blue"
    assert first_event(folder, "name=title").title == "Jazz"


def test_a_column_may_hold_two_fields(folder: Path) -> None:
    event = first_event(folder, "id=event_id,name=title,name=description")
    assert event.title == event.description == "Jazz"


def test_the_schema_file_goes_before_a_column_with_the_name_of_the_field(folder: Path) -> None:
    (folder / "events.csv").write_text("event_id,title,name\ne1,no,yes\n")
    (folder / "marquee.toml").write_text('[events]\ntitle = "name"\ncity = "Ort"\n')
    read = Folder(folder)
    [event] = read.events
    assert isinstance(event, Event)
    assert event.title == "yes"
    assert "warning: events.csv: lacks the columns Ort that marquee.toml names" in read.warnings()


def test_an_option_for_one_file_leaves_the_fields_of_another(folder: Path) -> None:
    (folder / "users.csv").write_text("id\nu1\n")
    (folder / "interactions.csv").write_text(
        "id,user_id,event_id,type,occurred_at\n7,u1,e1,view,2026-05-01T20:00:00Z\n"
    )
    read = Folder(folder, options=ReadingOptions(pairs=read_pairs(["id=event_id,id=user_id"])))
    [[event], [user], [view]] = read.files()
    assert (event.event_id, user.user_id, view.user_id, view.event_id) == ("e1", "u1", "u1", "e1")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("header", "pairs", "message"),
    [
        ("id,title", ["id=event"], r"--map: expected the name of a field \(did you mean event_id\?\), got 'event'"),
        ("id,title", ["id=zzz"], r"--map: expected the name of a field \(docs/data.md lists them\), got 'zzz'"),
        ("event_id,Titel", ["titel=title"], r"a column of events.csv \(did you mean Titel\?\), got 'titel'"),
        ("event_id,x", ["q=title"], r"a column of events.csv \(there are event_id, x\), got 'q'"),
        ("event_id,x", ["q=gender"], r"--map: expected a column of a file \(there are none\), got 'q'"),
        ("event_id,title,name", ["name=title"], "events.csv has a column title, too: rename it, got 'name=title'"),
        ("id,title", ["id"], "COLUMN=FIELD, such as name=title"),
        ("id,title", ["=title"], "COLUMN=FIELD"),
        ("id,title", [], r"a column event_id \(did you mean --map id=event_id\?\), got 'id,title'"),
        ("Event ID,name", [], r"\(did you mean --map 'Event ID=event_id,name=title'\?\)"),
        ("event_id,title,x,x", ["x=city"], "1 to 200 different names of columns"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_with_what_may_be_meant(
    header: str, pairs: Sequence[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "events.csv").write_text(f"{header}\n")
    with pytest.raises(InvalidField, match=message):
        Folder(tmp_path, options=ReadingOptions(pairs=read_pairs(pairs)))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("[events", "marquee.toml: expected TOML"),
        (b"\xff", "marquee.toml: expected TOML"),
        ('[event]\ntitle = "name"', r"marquee.toml: \[event\]: expected one of the tables .*; did you mean events\?"),
        ('title = "name"', r"marquee.toml: title: expected one of the tables"),
        ("[events]\ntitle = 5", r"marquee.toml: \[events\] title: expected the name of a column in quotes, got 5"),
        ('[events]\ntitle = ""', r"\[events\] title: expected the name of a column"),
        ('[events]\nstatus = {published = "live"}', r"\[events\] status: expected the name of a column"),
        ('[events]\ntitel = "name"', r"\[events\] titel: expected a known key, .*; did you mean title\?"),
        ('[users]\ntitle = "name"', r"\[users\] title: expected a known key"),
    ],
)
def test_a_schema_file_that_cannot_be_used_is_refused(schema: str | bytes, message: str, folder: Path) -> None:
    (folder / "marquee.toml").write_bytes(schema if isinstance(schema, bytes) else schema.encode())
    with pytest.raises(SettingsError, match=message):
        Folder(folder)


def test_a_folder_without_a_schema_file_has_no_names(tmp_path: Path) -> None:
    read = read_schema(tmp_path, COLUMNS)
    assert not any((read.events.fields, read.profiles.fields, read.interactions.fields))


def test_the_file_of_a_deployment_names_the_columns_of_a_folder_as_well(folder: Path) -> None:
    names = '[functions]\nregion = "europe-west1"\n[events]\ncollection = "shows"\nevent_id = "id"\ntitle = "name"\n'
    (folder / "marquee.toml").write_text(names)
    assert first_event(folder).title == "Jazz"


@pytest.mark.parametrize(
    ("table", "column", "field"),
    [
        *(
            ("events", name, "starts_at")
            for name in ("startsAt", "Starts At", "start_at", "Start", "DATE", "start-time")
        ),
        *(("events", name, "title") for name in ("Title", "tilte", "name", "Event Name")),
        *(("events", name, "longitude") for name in ("lng", "lon", "Longitude", "longtitude")),
        *(("users", name, "user_id") for name in ("id", "userId", "uid", "User-ID")),
        *(("interactions", name, "occurred_at") for name in ("timestamp", "occured_at", "occurredAt", "date")),
        *(("events", name, "") for name in ("mood", "x", "colour", "size")),
    ],
)
def test_a_close_name_is_that_of_a_field(table: str, column: str, field: str) -> None:
    assert Naming(frozenset(COLUMNS[table])).close(column) == field


def test_columns_that_are_ignored_are_named_with_what_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("Exported today\n\nevent_id,title,Starts At,mood,Title\n")
    assert [text for text in Folder(tmp_path).warnings() if "events.csv" in text] == [
        "warning: events.csv: line 3 is the header; ignores what is above it",
        "warning: events.csv: ignores the columns Starts At, mood, Title; did you mean --map 'Starts At=starts_at'?",
    ]


def test_a_guessed_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_bytes("event_id,title\n1,Café\n".encode("cp1252"))
    (tmp_path / "users.csv").write_bytes("user_id,city\n1,Москва\n".encode("cp1251"))
    found = [text.split(";")[0] for text in Folder(tmp_path).warnings()]
    assert found[:2] == [
        "warning: events.csv: read as Windows-1252, since it is not UTF-8",
        "warning: users.csv: neither UTF-8 nor Windows-1252",
    ]
