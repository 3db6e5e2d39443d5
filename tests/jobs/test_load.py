"""Bulk load of a CSV folder: accepted and rejected rows, idempotence and recovery from interruptions."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.console import Console
from jobs.folder import read_dataset
from jobs.load import load_folder, main
from jobs.sample import write_sample
from shared.adapters.objects.folder import FolderObjects
from shared.adapters.stores import open_documents
from shared.entities import Event, Interaction, Location, User
from shared.errors import StoreUnavailable
from shared.ports import Documents, Written
from shared.services.ingest.bulk_load import load_interactions
from tests.examples import NOW
from tests.jobs.state import state
from tests.stores import keys
from tests.training import train
from tools.emulators.programs import ROOT

EVENTS = "event_id,title,description,starts_at,latitude,longitude,price,status,tags\n"
USERS = "user_id,max_price,latitude,longitude,preferred_tags,birth_year,profiling\n"
INTERACTIONS = "user_id,event_id,organizer_id,type,value,occurred_at\n"
NAMES = ("events.csv", "users.csv", "interactions.csv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """CSV folder with a valid row before and a valid row after the rows that a test adds."""
    made = tmp_path / "data"
    made.mkdir()
    write(made, "events.csv", EVENTS, "")
    write(made, "users.csv", USERS, "")
    write(made, "interactions.csv", INTERACTIONS, "")
    return made


def write(folder: Path, name: str, header: str, rows: str | bytes) -> None:
    first, last = {
        "events.csv": ("good_1,Jazz,,2026-05-02T20:00:00Z,,,,,\n", "good_2,Folk,,,,,,,\n"),
        "users.csv": ("good_1,,,,,,\n", "good_2,,,,,,true\n"),
        "interactions.csv": (
            "good_1,good_1,,booking,,2026-04-01T00:00:00Z\n",
            "good_2,good_1,,click,,2026-04-02T00:00:00Z\n",
        ),
    }[name]
    middle = rows.encode() if isinstance(rows, str) else rows
    folder.joinpath(name).write_bytes((header + first).encode() + middle + last.encode())


@pytest.fixture
def load(folder: Path, tmp_path: Path) -> Iterator[Callable[..., Documents]]:
    opened = []

    def run(*options: str, status: int = 0) -> Documents:
        store = f"sqlite:{tmp_path / 'documents.db'}"
        rejected = str(tmp_path / "rejected.csv")
        objects = f"folder:{tmp_path / 'bucket'}"
        command = [str(folder), "--store", store, "--objects", objects, "--rejected", rejected, *options]
        assert main(command) == status
        opened.append(open_documents(store, keys))
        return opened[-1]

    yield run
    for documents in opened:
        documents.close()


def rejected(tmp_path: Path) -> list[tuple[str, str, str, str]]:
    with (tmp_path / "rejected.csv").open(newline="", encoding="utf-8") as stream:
        return [(row["file"], row["line"], row["field"], row["reason"]) for row in csv.DictReader(stream)]


TIME = "a time between 1970 and 2200"
BAD: Final[dict[str, tuple[str, str | bytes, str, str]]] = {
    "no id": ("events.csv", ",Jazz,,,,,,,", "event_id", "an id, got "),
    "an id with a slash": ("events.csv", "a/b,Jazz,,,,,,,", "event_id", "got 'a/b'"),
    "NUL in an id": ("events.csv", "a\0b,Jazz,,,,,,,", "event_id", "got the byte 0x00"),
    "NUL in a text": ("events.csv", "bad,Ja\0zz,,,,,,,", "title", "got the byte 0x00"),
    "broken UTF-8": ("events.csv", "bad,Café".encode() + b"\xe9,,,,,,,", "title", "got the byte 0xe9"),
    "latitude 200": ("events.csv", "bad,Jazz,,,200,10,,,", "latitude", "a number in -90..90, got 200"),
    "longitude in words": ("events.csv", "bad,Jazz,,,20,east,,,", "longitude", "-180..180, got 'east'"),
    "half a place": ("events.csv", "bad,Jazz,,,20,,,,", "longitude", "both latitude and longitude"),
    "a negative price": ("events.csv", "bad,Jazz,,,,,-1,,", "price", "got -1"),
    "a price that is no number": ("events.csv", "bad,Jazz,,,,,nan,,", "price", "got nan"),
    "thousands or decimals": ("events.csv", 'bad,Jazz,,,,,"1,500",,', "price", "write 1500 or 1.5000"),
    "an unreadable time": ("events.csv", "bad,Jazz,,tomorrow,,,,,", "starts_at", "got 'tomorrow'"),
    "a time without an offset": ("events.csv", "bad,Jazz,,2026-05-01T20:00:00,,,,,", "starts_at", "with an offset"),
    "an unknown status": ("events.csv", "bad,Jazz,,,,,,open,", "status", "one of published"),
    "a 3 MB description": ("events.csv", f"bad,Jazz,{'x' * 3_000_000},,,,,,", "description", "at most 100,000 bytes"),
    "too few columns": ("events.csv", "bad,Jazz", "row", "9 columns, got 2"),
    "too many columns": ("events.csv", "bad,Jazz,,,,,,,,more", "row", "9 columns, got 10"),
    "an unclosed quote": ("events.csv", 'bad,"Jazz,,,,,,,', "row", "closed quotes"),
    "a quote inside": ("events.csv", 'bad,"Ja"zz,,,,,,,', "row", "RFC 4180 quoting"),
    "101 tags": ("events.csv", f"bad,Jazz,,,,,,,{'|'.join(map(str, range(101)))}", "tags", "at most 100 items"),
    "a user without an id": ("users.csv", ",10,,,,,", "user_id", "an id, got "),
    "a birth year with a half": ("users.csv", "bad,,,,,1980.5,", "birth_year", "a whole number"),
    "a wish in other words": ("users.csv", "bad,,,,,,maybe", "profiling", "true or false, got 'maybe'"),
    "an unknown type": ("interactions.csv", "u,e,,purchase,,2026-04-01T00:00:00Z", "type", "one of impression"),
    "no user": ("interactions.csv", ",e,,click,,2026-04-01T00:00:00Z", "user_id", "an id, got "),
    "no event": ("interactions.csv", "u,,,click,,2026-04-01T00:00:00Z", "event_id", "an id, got "),
    "no time": ("interactions.csv", "u,e,,click,,", "occurred_at", "a time"),
    "the future": ("interactions.csv", "u,e,,click,,2199-04-01T00:00:00Z", "occurred_at", "not in the future"),
    "six stars": ("interactions.csv", "u,e,,rating,6,2026-04-01T00:00:00Z", "value", "1..5, got 6"),
    "a follow of nobody": ("interactions.csv", "u,,,follow,,2026-04-01T00:00:00Z", "organizer_id", "an id, got None"),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_invalid_row_is_rejected_with_its_reason_and_the_rows_around_it_are_loaded(
    kind: str, folder: Path, tmp_path: Path, load: Callable[..., Documents]
) -> None:
    name, bad, field, reason = BAD[kind]
    header = {"events.csv": EVENTS, "users.csv": USERS, "interactions.csv": INTERACTIONS}[name]
    write(folder, name, header, (bad if isinstance(bad, bytes) else bad.encode()) + b"\n")
    loaded = state(load())
    assert set(loaded["events"]) == set(loaded["users"]) == {"good_1", "good_2"}
    assert {interaction.user_id for interaction in loaded["interactions"].values()} == {"good_1", "good_2"}
    [(file, line, at, why)] = rejected(tmp_path)
    assert (file, line, at) == (name, "3", field)
    assert reason in why


def test_each_chunk_is_stamped_when_it_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stamp from the start would be older than what instances and trainings look for by the end of a long load.
    monkeypatch.setattr("jobs.load.CHUNK", 1)
    documents = open_documents("sqlite::memory:", keys)
    times = [NOW + n * timedelta(hours=1) for n in range(7)]
    left = iter(times)
    load_folder(
        folder, documents, rejected=tmp_path / "rejected.csv", clock=lambda: next(left), console=Console(StringIO())
    )
    events, users = documents.events.changed_since(None), documents.users.changed_since(None)
    interactions = documents.interactions.since(None)
    assert sorted(event.updated_at or NOW for event in events) == times[1:3]
    assert sorted(user.updated_at or NOW for user in users) == times[3:5]
    assert sorted(entry.recorded_at or NOW for entry in interactions) == times[5:]
    assert not list(left)
    documents.close()


def test_a_training_during_a_load_leaves_the_rest_to_the_next_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.load.CHUNK", 1)
    documents, objects = open_documents("sqlite::memory:", keys), FolderObjects(tmp_path)
    hours = [NOW]

    def slow(*given: Any, **options: Any) -> Written:
        written = load_interactions(*given, **options)
        hours.append(hours[-1] + timedelta(hours=1))
        train(documents, objects, now=hours[-1])
        return written

    monkeypatch.setattr("jobs.load.load_interactions", slow)
    rejected = tmp_path / "rejected.csv"
    load_folder(folder, documents, rejected=rejected, clock=lambda: hours[-1], console=Console(StringIO()))
    assert train(documents, objects, now=NOW + timedelta(days=1)).counts["interactions"] == 2
    documents.close()


def test_interactions_that_would_expire_are_rejected(folder: Path, tmp_path: Path) -> None:
    documents = open_documents("sqlite::memory:", keys)
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    load_folder(
        folder, documents, rejected=tmp_path / "rejected.csv", clock=lambda: now, console=Console(), keep_days=30
    )
    assert [interaction.user_id for interaction in documents.interactions.since(None)] == ["good_2"]
    [(file, line, field, why)] = rejected(tmp_path)
    assert (file, line, field) == ("interactions.csv", "2", "occurred_at")
    assert "the last 30 days, since MARQUEE_KEEP_DAYS lets" in why
    assert "2026-04-01T00:00:00Z" in why
    documents.close()


def test_the_report_counts_loaded_unchanged_and_rejected_rows(
    folder: Path, tmp_path: Path, load: Callable[..., Documents], capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "events.csv", EVENTS, "bad\n")
    for loaded, unchanged in (("2", "0"), ("0", "2")):
        load()
        output = capsys.readouterr().err
        lines = [line.split()[:4] for line in output.splitlines()]
        assert ["loaded", "unchanged", "rejected", "seconds"] in lines
        assert ["events.csv", loaded, unchanged, "1"] in lines
        assert ["interactions.csv", loaded, unchanged, "0"] in lines
        assert f"{tmp_path / 'rejected.csv'} lists the rejected rows, 1 in all" in output


def test_loaded_entities_equal_the_rows_of_the_files(folder: Path, load: Callable[..., Documents]) -> None:
    folder.joinpath("events.csv").write_bytes(
        b"\xef\xbb\xbf" + EVENTS.replace("\n", "\r\n").encode() + b'e,"Jazz, ""live""","Two\r\nlines",'
        b"2026-05-02T20:00:00+02:00,59.9,10.7,12.5,hidden,music| live |music\r\n"
    )
    folder.joinpath("users.csv").write_text(USERS + "u,30,59.9,10.7,jazz,1980,FALSE\n")
    folder.joinpath("interactions.csv").write_text(INTERACTIONS + "u,e,,rating,4,2026-04-01T00:00:00Z\n")
    documents = load()
    event = documents.events.get("e")
    assert event
    assert replace(event, updated_at=None) == Event.from_document(
        "e",
        {
            "title": 'Jazz, "live"',
            "description": "Two\r\nlines",
            "starts_at": "2026-05-02T18:00:00Z",
            "location": {"lat": 59.9, "lng": 10.7},
            "price": 12.5,
            "status": "hidden",
            "tags": ["music", "live"],
        },
    )
    assert list(documents.users.changed_since(None)) == [
        User(
            user_id="u",
            max_price=30,
            location=Location(59.9, 10.7),
            preferred_tags=("jazz",),
            birth_year=1980,
            profiling=False,
        )
    ]
    [rating] = documents.interactions.since(None)
    assert (rating.interaction_id, rating.value) == ("rating:1:u:e", 4.0)


def test_unknown_columns_and_missing_files_are_reported(
    folder: Path, load: Callable[..., Documents], capsys: pytest.CaptureFixture[str]
) -> None:
    folder.joinpath("users.csv").unlink()
    folder.joinpath("events.csv").write_text("event_id,colour,mood\ne,red,good\n")
    assert set(state(load())["events"]) == {"e"}
    output = capsys.readouterr().err
    assert "events.csv: ignores the columns colour, mood" in output
    assert "users.csv is not there; going on without it" in output


def test_a_folder_without_any_file_is_an_error_that_says_what_was_expected(
    folder: Path, load: Callable[..., Documents], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        folder.joinpath(name).unlink()
    load(status=2)
    folder.rmdir()
    load(status=2)
    output = capsys.readouterr().err
    assert output.count(f"error: {folder}: expected a folder with events.csv, users.csv, interactions.csv") == 2


def test_an_unknown_store_is_an_error_that_names_the_option(
    load: Callable[..., Documents], capsys: pytest.CaptureFixture[str]
) -> None:
    load("--store", "mysql:db", status=2)
    assert "error: --store: expected sqlite:… or firestore:…, got 'mysql:db'" in capsys.readouterr().err


def test_a_rejection_file_that_cannot_be_written_is_an_error(
    folder: Path, load: Callable[..., Documents], capsys: pytest.CaptureFixture[str]
) -> None:
    load("--rejected", str(folder), status=2)
    assert "error: " in capsys.readouterr().err


def test_the_default_store_is_below_the_working_directory(folder: Path, tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    run = subprocess.run(
        [sys.executable, "-m", "jobs.load", str(folder)],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    documents = open_documents(f"sqlite:{tmp_path / '.marquee' / 'documents.db'}", keys)
    assert set(state(documents)["events"]) == {"good_1", "good_2"}
    documents.close()
    assert (tmp_path / "rejected.csv").read_text() == "file,line,field,reason\n"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    write_sample(folder, users=99, events=50, interactions=520, seed=1, now=NOW)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(city: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    documents = open_documents("sqlite::memory:", keys)
    put(city, documents, tmp_path_factory.mktemp("out"))
    found = state(documents)
    documents.close()
    # A booking and its cancellation are one document.
    assert 490 < len(found["interactions"]) < 520
    assert sum(sum(by_type.values()) for by_type, _ in found["counts"].values()) > 400
    assert any(found["histories"].values())
    return found


def put(folder: Path, documents: Documents, out: Path, *, now: datetime = NOW) -> None:
    load_folder(folder, documents, rejected=out / "rejected.csv", clock=lambda: now, console=Console())


def test_a_load_is_idempotent(city: Path, uninterrupted: dict[str, Any], tmp_path: Path) -> None:
    documents = open_documents("sqlite::memory:", keys)
    for _ in range(3):
        put(city, documents, tmp_path)
        assert state(documents) == uninterrupted
    documents.close()


class FailingStore:
    """Fault injection: the n-th call of any store fails; a failing append has stored half of its chunk."""

    def __init__(self, documents: Documents, fails_at: int) -> None:
        self._calls = count(1)
        self._fails_at = fails_at
        self.documents = replace(
            documents,
            events=self._port(documents.events),
            users=self._port(documents.users),
            interactions=self._port(documents.interactions),
            counters=self._port(documents.counters),
        )

    def _port(self, port: Any) -> Any:
        names = [name for name in dir(port) if not name.startswith("_")]
        return type("Port", (), {name: staticmethod(self._call(getattr(port, name))) for name in names})()

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            if next(self._calls) != self._fails_at:
                return method(*given, **options)
            if method.__name__ == "append":
                interactions: Sequence[Interaction] = given[0]
                method(interactions[: len(interactions) // 2], **options)
            raise StoreUnavailable("the store went away")

        return call


class LostAnswers(FailingStore):
    """Fault injection: the n-th call of any store succeeds, but its answer is lost."""

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            answer = method(*given, **options)
            if next(self._calls) == self._fails_at:
                raise StoreUnavailable("the store went away")
            return answer

        return call


@pytest.mark.parametrize("failing", [FailingStore, LostAnswers])
@pytest.mark.parametrize("fails_at", range(1, 8))
def test_a_load_that_fails_at_any_call_and_is_repeated_ends_as_an_uninterrupted_load(
    fails_at: int, failing: type[FailingStore], city: Path, uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    documents = open_documents("sqlite::memory:", keys)
    with pytest.raises(StoreUnavailable):
        put(city, failing(documents, fails_at).documents, tmp_path)
    put(city, documents, tmp_path)
    assert state(documents) == uninterrupted
    documents.close()


def test_an_uninterrupted_load_makes_eight_calls(city: Path, tmp_path: Path) -> None:
    documents = open_documents("sqlite::memory:", keys)
    put(city, FailingStore(documents, 8).documents, tmp_path)
    with pytest.raises(StoreUnavailable):
        FailingStore(documents, 1).documents.interactions.known([])
    documents.close()


def test_a_load_that_is_killed_repeatedly_ends_as_an_uninterrupted_load(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    write_sample(folder, users=500, events=300, interactions=22_000, seed=1, now=NOW)

    def start(name: str) -> subprocess.Popen[bytes]:
        store, rejected = f"sqlite:{tmp_path / name}", str(tmp_path / f"{name}.csv")
        command = [sys.executable, "-m", "jobs.load", str(folder), "--store", store, "--rejected", rejected]
        command += ["--objects", f"folder:{tmp_path / name}.bucket"]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    began = time.monotonic()
    assert start("uninterrupted.db").wait() == 0
    took_s = time.monotonic() - began
    for share in (0.35, 0.5, 0.65, 0.8):
        with start("killed.db") as process:
            time.sleep(share * took_s)
            process.send_signal(signal.SIGKILL)
    assert start("killed.db").wait() == 0
    states = []
    for name in ("uninterrupted.db", "killed.db"):
        documents = open_documents(f"sqlite:{tmp_path / name}", keys)
        states.append(state(documents))
        documents.close()
    assert 21_000 < len(states[0]["interactions"]) < 22_000
    assert states[0] == states[1]


lines = st.sampled_from(
    [b"e1,Jazz,,,,,,,\n", b'e2,"a\nb",,,,,,,\r\n', b",,,,,,,,\n", b'"', b"\n", b",", b"\xff", b"\0", b"e3,", b"|"]
)


@given(
    data=st.lists(lines | st.binary(max_size=20), max_size=30).map(b"".join),
    header=st.sampled_from([b"", EVENTS.encode()]),
)
@settings(deadline=None)
def test_arbitrary_bytes_do_not_stop_a_load(data: bytes, header: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.joinpath("events.csv").write_bytes(header + data)
        places = ["--store", f"sqlite:{folder / 'documents.db'}", "--objects", f"folder:{folder / 'bucket'}"]
        status = main([str(folder), *places, "--rejected", str(folder / "rejected.csv")])
        documents = open_documents(f"sqlite:{folder / 'documents.db'}", keys)
        loaded = [*documents.events.changed_since(None)]
        documents.close()
        if header:
            has_lines = any(line.decode(errors="replace").strip(" \t,").strip() for line in data.splitlines())
            assert bool(loaded or rejected(folder)) == has_lines
            assert status == int(has_lines and not loaded)
        else:
            assert status in (0, 1)


def test_the_order_of_rows_and_of_loads_has_no_effect(
    city: Path, uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    header, *rows = (city / "interactions.csv").read_text().splitlines(keepends=True)
    documents = open_documents("sqlite::memory:", keys)
    for part in (rows[::-1], rows[::2], rows):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name in ("events.csv", "users.csv"):
            (folder / name).write_bytes((city / name).read_bytes())
        (folder / "interactions.csv").write_text("".join([header, *part]))
        put(folder, documents, tmp_path)
        assert state(documents)["interactions"] == uninterrupted["interactions"]
        assert state(documents) == uninterrupted
    documents.close()


def test_the_last_of_several_states_counts_in_whatever_chunk_it_is(
    folder: Path, load: Callable[..., Documents]
) -> None:
    ratings = [
        "u,e,,rating,1,2026-04-01T00:00:00Z\n",
        "u,e,,rating,5,2026-04-03T00:00:00Z\n",
        "u,e,,rating,2,2026-04-02T00:00:00Z\n",
    ]
    for part in (ratings, ratings[:1], ratings[2:]):
        folder.joinpath("interactions.csv").write_text(INTERACTIONS + "".join(part))
        documents = load()
        [rating] = documents.interactions.since(None)
        assert rating.value == 5
        [entry] = documents.users.profile("u", timeout_s=1).history
        assert entry.value == 5
        [(_, counts, _)] = documents.counters.changed_since(None)
        assert (dict(counts.by_type), len(counts.decayed)) == ({rating.type: 1}, 1)


@pytest.mark.parametrize("step", [1, -1])
def test_rows_of_a_day_are_one_interaction_in_a_dataset_whatever_their_ids_and_order(tmp_path: Path, step: int) -> None:
    rows = [
        "u_1_e_view_20261120,u_1,e,view,2026-11-20T23:50:00Z",
        ",u_1,e,view,2026-11-20T00:10:00Z",
        "u_1_e_booking,u_1,e,booking,2026-11-20T10:00:00Z",
        ",u_1,e,booking,2026-11-20T10:00:00Z",
    ]
    text = "\n".join(["interaction_id,user_id,event_id,type,occurred_at", *rows[::step]])
    tmp_path.joinpath("interactions.csv").write_text(text)
    dataset = read_dataset(tmp_path, Console(), before=datetime(2027, 1, 1, tzinfo=UTC))
    found = {entry.interaction_id: entry.occurred_at.isoformat() for entry in dataset.interactions}
    assert found == {
        "view:3:u_1:20261120:e": "2026-11-20T00:10:00+00:00",
        "booking:3:u_1:e": "2026-11-20T10:00:00+00:00",
    }
    assert len(dataset.interactions) == len(found)
