"""Report and exit status of a load: what is rejected, repeated or unknown does not pass without a word."""

import csv
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from jobs import backtest
from jobs.load import main
from jobs.options import MaxRejected
from shared.adapters.stores import open_documents
from shared.errors import InvalidField
from tests.jobs.state import state
from tests.stores import keys

EVENTS = "event_id,title\n"
USERS = "user_id,city,friends\n"
INTERACTIONS = "interaction_id,user_id,event_id,organizer_id,type,occurred_at\n"
AT = "2026-04-01T00:00:00Z"

Load = Callable[..., str]


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Load:
    (tmp_path / "rejected.csv").write_text("of an earlier load\n")

    def run(*options: str, status: int = 0, **files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text)
        store = f"sqlite:{tmp_path / 'documents.db'}"
        given = [str(tmp_path), "--store", store, "--rejected", str(tmp_path / "rejected.csv"), *options]
        assert main(given) == status
        return capsys.readouterr().err

    return run


def rejected(tmp_path: Path) -> list[list[str]]:
    with (tmp_path / "rejected.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["file", "line", "field", "reason"]
    return rows


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("events", f"{EVENTS},Jazz\n,Folk\n"),
        ("users", f"{USERS},Oslo,\n"),
        ("interactions", f"{INTERACTIONS},u,e,,purchase,{AT}\n,u,e,,buy,{AT}\n"),
    ],
)
def test_a_file_of_which_all_rows_are_rejected_is_a_failure(name: str, text: str, load: Load, tmp_path: Path) -> None:
    good = {"events": f"{EVENTS}e,Jazz\n", "users": f"{USERS}u,Oslo,\n", "interactions": INTERACTIONS}
    output = load(status=1, **{**good, name: text})
    count = len(rejected(tmp_path))
    assert f"error: {name}.csv: expected a row that can be accepted, got '{count} of {count} rows rejected'" in output
    assert f"warning: {name}.csv: " in output
    load("--max-rejected", "100%", **{**good, name: text})
    load("--max-rejected", str(count), **{**good, name: text})
    load("--max-rejected", str(count - 1), status=1, **{**good, name: text})


@pytest.mark.parametrize(
    ("limit", "status"),
    [("0", 1), ("1", 1), ("2", 0), ("20%", 1), ("40%", 0), ("39.9%", 1), ("0.4", 0), (".39", 1), ("1.0", 0)],
)
def test_the_limit_of_rejected_rows_sets_the_status(limit: str, status: int, load: Load, tmp_path: Path) -> None:
    load("--max-rejected", limit, status=status, events=f"{EVENTS}a,x\n,x\nb,x\n,x\nc,x\n")
    assert [row[1] for row in rejected(tmp_path)] == ["3", "5"]
    documents = open_documents(f"sqlite:{tmp_path / 'documents.db'}", keys)
    assert set(state(documents)["events"]) == {"a", "b", "c"}
    documents.close()


@pytest.mark.parametrize("limit", ["", "few", "-1", "101%", "1.5", "nan", "5 %", "٣", "1e3"])
def test_another_limit_is_a_wrong_option(limit: str, load: Load) -> None:
    with pytest.raises(InvalidField, match="--max-rejected: expected a number of rows"):
        MaxRejected.parse(limit)
    load(f"--max-rejected={limit}", status=2, events=EVENTS)


def test_all_files_of_which_too_many_rows_are_rejected_are_named(load: Load) -> None:
    output = load(
        status=1, events=f"{EVENTS},x\n", users=f"{USERS}u,Oslo,\n", interactions=f"{INTERACTIONS},u,,,view,\n"
    )
    assert (
        "error: events.csv, interactions.csv: expected a row that can be accepted, got '1 of 1, 1 of 1 rows" in output
    )


def test_cells_with_spaces_alone_are_empty(load: Load, tmp_path: Path) -> None:
    load(events="event_id,price,starts_at,tags,latitude,longitude,status\na, ,  ,\t, ,\u00a0, \n")
    assert rejected(tmp_path) == []


def test_files_without_rows_are_no_failure(load: Load) -> None:
    load(events=EVENTS, users=USERS, interactions=INTERACTIONS)


@pytest.mark.parametrize(
    ("options", "files", "status", "expected"),
    [
        ([], {"events": "title\nJazz\n"}, 1, [["events.csv", "1", "header"]]),
        ([], {"events": EVENTS, "users": ""}, 1, [["users.csv", "1", "header"]]),
        ([], {"events": EVENTS, "interactions": "user_id,type\n"}, 1, [["interactions.csv", "1", "header"]]),
        ([], {}, 2, []),
        (["--map", "x=title"], {"events": EVENTS}, 2, []),
        (["--store", "mysql:db"], {"events": EVENTS}, 2, []),
    ],
)
def test_a_load_that_fails_leaves_no_reasons_of_an_earlier_one(
    options: Sequence[str], files: dict[str, str], status: int, expected: list[list[str]], load: Load, tmp_path: Path
) -> None:
    assert "error: " in load(*options, status=status, **files)
    assert [row[:3] for row in rejected(tmp_path)] == expected


def test_an_id_that_comes_again_with_other_content_is_rejected_and_a_repeated_load_changes_nothing(
    load: Load, tmp_path: Path
) -> None:
    files = {
        "events": f"{EVENTS}a,Jazz\nb,Folk\na,Soul\nb,Folk\n",
        "users": f"{USERS}u,Oslo,\nu,Bergen,\nu,Oslo,\n",
        "interactions": f"{INTERACTIONS}i,u,a,,view,{AT}\ni,u,b,,view,{AT}\ni,u,a,,view,{AT}\n"
        f"s,u,a,,booking,{AT}\ns,u,b,,booking,{AT}\n,u,a,,click,{AT}\n,u,a,,click,{AT}\n",
    }
    output = load(**files)
    assert rejected(tmp_path) == [
        ["events.csv", "4", "event_id", "expected an id of its own, line 2 has it with other content, got 'a'"],
        ["users.csv", "3", "user_id", "expected an id of its own, line 2 has it with other content, got 'u'"],
        [
            "interactions.csv",
            "3",
            "interaction_id",
            "expected an id of its own, line 2 has it with other content, got 'i'",
        ],
    ]
    assert "warning: events.csv: a row rejected, line 4: event_id: expected an id of its own" in output
    documents = open_documents(f"sqlite:{tmp_path / 'documents.db'}", keys)
    before = state(documents)
    assert before["events"]["a"].title == "Jazz"
    report = {tuple(line.split()[:3]) for line in load(**files).splitlines()}
    assert {("events.csv", "0", "3"), ("users.csv", "0", "2")} <= report
    assert state(documents) == before
    documents.close()


def interactions(*pairs: tuple[str, str]) -> str:
    return INTERACTIONS + "".join(f",{user},{event},,view,{AT}\n" for user, event in pairs)


@pytest.mark.parametrize(
    ("written", "known"), [("1.0", "1"), ("1.00", "1"), ("007", "7"), ("E1", "e1"), (" 1", "1"), ("e 1", "e1")]
)
def test_interactions_with_unknown_events_are_named_with_what_may_be_meant(
    written: str, known: str, load: Load
) -> None:
    files = {"events": f"{EVENTS}{known},Jazz\n", "interactions": interactions(("u", written), ("v", written))}
    expected = (
        f"interactions.csv: all 2 ids in event_id are neither in events.csv nor in the store, such as {written!r}"
    )
    assert f"warning: {expected} instead of {known!r}" in load(**files)


def test_some_unknown_events_are_counted_and_those_in_the_store_are_known(load: Load) -> None:
    assert "event_id" not in load(events=f"{EVENTS}a,Jazz\n", interactions=interactions(("u", "a")))
    output = load(
        events=f"{EVENTS}b,Folk\n", interactions=interactions(("u", "a"), ("u", "b"), ("u", "zz"), ("v", "zz"))
    )
    assert "2 of 4 ids in event_id are neither in events.csv nor in the store, such as 'zz'" in output


def test_many_unknown_events_are_not_taken_for_missing_where_the_store_has_some(load: Load) -> None:
    many = [f"e{number}" for number in range(150)]
    named = interactions(*(("u", event) for event in many))
    assert "all 150 ids in event_id" in load(events=EVENTS, interactions=named)
    load(events=EVENTS + "".join(f"{event},x\n" for event in many), interactions=INTERACTIONS)
    assert "event_id" not in load(events=EVENTS, interactions=named)


def test_users_organizers_and_friends_of_whom_none_is_known_are_named(load: Load) -> None:
    files = {
        "events": "event_id,organizer_id\n1,5\n",
        "users": f"{USERS}1,Oslo,2.0|3.0\n2,Oslo,\n",
        "interactions": f"{INTERACTIONS},1.0,1,,view,{AT}\n,2.0,,5.0,follow,{AT}\n",
    }
    output = load(**files)
    assert (
        "warning: interactions.csv: all 2 ids in user_id are not in users.csv, such as '1.0' instead of '1'" in output
    )
    assert "interactions.csv: all 1 ids in organizer_id are not in events.csv, such as '5.0' instead of '5'" in output
    assert "users.csv: all 2 ids in friends are not in users.csv, such as '2.0' instead of '2'" in output
    some = f"{USERS}1,Oslo,2|zz\n2,Oslo,\n"
    output = load(**{**files, "users": some, "interactions": f"{INTERACTIONS},1,1,,view,{AT}\n,zz,1,,view,{AT}\n"})
    assert "ids in" not in output


def test_an_event_without_a_status_is_stored_as_published(load: Load, tmp_path: Path) -> None:
    load(events="event_id,status\na,\nb,hidden\nc,Published\n")
    connection = sqlite3.connect(tmp_path / "documents.db")
    stored = dict(connection.execute("SELECT event_id, json_extract(document, '$.status') FROM events"))
    connection.close()
    assert stored == {"a": "published", "b": "hidden", "c": "published"}


def test_local_times_that_came_twice_or_never_are_counted(load: Load) -> None:
    events = "event_id,starts_at\na,2026-10-25 02:30\nb,2026-03-29 02:30\nc,2026-05-01 02:30\n"
    output = load("--timezone", "Europe/Berlin", events=events)
    assert "note: events.csv: starts_at: 1 local times came twice" in output
    assert "note: events.csv: starts_at: 1 local times never came" in output


def test_the_zone_of_the_deployment_is_that_of_local_times(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_TIMEZONE", "Asia/Tokyo")
    events = "event_id,starts_at\na,2026-05-01 19:30\n"
    for options, hour, zone in (((), 10, "Asia/Tokyo"), (("--timezone", "Europe/Berlin"), 17, "Europe/Berlin")):
        load(*options, events=events)
        documents = open_documents(f"sqlite:{tmp_path / 'documents.db'}", keys)
        event = documents.events.get("a")
        documents.close()
        assert event
        assert event.starts_at
        assert (event.starts_at.hour, event.timezone) == (hour, zone)


@pytest.mark.parametrize(
    ("zone", "hint"),
    [("Europe/berlin", "did you mean Europe/Berlin?"), ("New York", "such as"), ("../etc/passwd", "such as")],
)
def test_an_unknown_time_zone_is_a_wrong_option(zone: str, hint: str, load: Load) -> None:
    output = load("--timezone", zone, status=2, events=EVENTS)
    assert "error: --timezone: expected an IANA time zone" in output
    assert hint in output


def test_a_backtest_fails_where_all_rows_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.csv").write_text(f"{EVENTS}a,Jazz\n")
    (tmp_path / "interactions.csv").write_text(f"{INTERACTIONS},u,a,,purchase,{AT}\n")
    given = [str(tmp_path), "--cutoff", "2026-05-01T00:00:00Z", "--out", str(tmp_path / "recs.csv")]
    assert backtest.main(given) == 1
    output = capsys.readouterr().err
    assert "error: interactions.csv: expected a row that can be accepted, got '1 of 1 rows rejected'" in output
    assert "warning: interactions.csv: a row rejected, line 2: type: expected one of impression" in output
    assert not (tmp_path / "recs.csv").exists()
