"""Schema of a deployment: names that `marquee.toml` gives, and files that cannot be used."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.wiring import read_config, read_settings
from shared.entities.event import Status
from shared.errors import InvalidField, SettingsError
from shared.schema import MAX_BYTES, CollectionSchema, FunctionsSchema, Own, Schema, StatusSchema, Value
from shared.settings import Settings

HOST = """
[functions]
region = ["europe-west1", "us-central1"]
prefix = "marquee"
monitor = "*/10 * * * *"
retrain = "every monday 04:05"
timezone = "Europe/Paris"
[firestore]
database = "shows-2"
prefix = "marquee_"
[events]
collection = "shows"
starts_at = "startsAt"
city = "place.city"
latitude = "place.lat"
longitude = "place.lng"
status = { field = "state", published = ["live", 1, true], cancelled = "off" }
[interests]
city = "home"
"""


def test_the_committed_file_gives_the_defaults() -> None:
    assert Schema.parse(read_config("")) == Schema() == Settings().schema == read_settings({}).schema


def test_every_name_is_read() -> None:
    terms: dict[Status, tuple[tuple[str, Value], ...]] = {
        Status.PUBLISHED: (("state", "live"), ("state", 1), ("state", True)),
        Status.CANCELLED: (("state", "off"),),
    }
    fields = {"starts_at": "startsAt", "city": "place.city", "latitude": "place.lat", "longitude": "place.lng"}
    schema = Schema.parse(HOST)
    assert schema == Schema(
        functions=FunctionsSchema(
            regions=("europe-west1", "us-central1"),
            prefix="marquee",
            monitor="*/10 * * * *",
            retrain="every monday 04:05",
            timezone="Europe/Paris",
        ),
        database="shows-2",
        prefix="marquee_",
        events=CollectionSchema("shows", fields, StatusSchema(terms, "state")),
        profiles=CollectionSchema("marquee_interests", {"city": "home"}),
        has_interests=True,
        interactions=CollectionSchema("marquee_interactions"),
    )
    assert (schema.functions.deployed("api"), schema.own(Own.RULES)) == ("marquee-api", "marquee_rules")
    assert (schema.events.path("city"), schema.events.path("title")) == ("place.city", "title")


REFUSED = [
    ("[events", r": expected TOML"),
    ("[" * 5_000, r": expected TOML"),
    ("x = " + "9" * 5_000, r": expected TOML"),
    ("#" * (MAX_BYTES + 1), r": expected at most 65,536 characters, got 65,537"),
    ("[event]", r": \[event\]: expected one of the tables .*; did you mean events\?"),
    ("[zzz]", r": \[zzz\]: expected one of the tables .*; known are .*interests"),
    ("region = 'x'", r": region: expected one of the tables"),
    ("events = 5", r": events: expected a table \[events\], got 5"),
    ("[[events]]", r": events: expected a table \[events\]"),
    *(
        (f"[{table}]\n{line}", rf": \[{table}\] {key}: expected .*{found}")
        for table, line, key, found in (
            ("functions", "regions = 'us-central1'", "regions", r"did you mean region\?"),
            ("functions", "region = 5", "region", "got 5"),
            ("functions", "region = []", "region", r"got \[\]"),
            ("functions", "region = 'US'", "region", "got 'US'"),
            ("functions", "region = ['us-central1', 'us central']", "region", "got"),
            ("functions", "prefix = 'Marquee'", "prefix", "lower-case"),
            ("functions", "prefix = 'marquee-'", "prefix", "got 'marquee-'"),
            ("functions", "monitor = 'often'", "monitor", "every 10 minutes"),
            ("functions", "monitor = ''", "monitor", "a schedule"),
            ("functions", "retrain = 'every day\\n04:00'", "retrain", "a schedule"),
            ("functions", 'retrain = "every day\\nregion: x"', "retrain", "a schedule"),
            ("functions", "timezone = 'Paris'", "timezone", "Europe/Paris"),
            ("functions", "timezone = ['Paris']", "timezone", "Europe/Paris"),
            ("firestore", "database = 'default'\nx = 1", "x", "known are"),
            ("firestore", "database = 'My DB'", "database", "got 'My DB'"),
            ("firestore", "database = ''", "database", r"\(default\)"),
            ("firestore", "prefix = 'a/b'", "prefix", "got 'a/b'"),
            ("events", "collection = 'a/b/c'", "collection", "got 'a/b/c'"),
            ("events", "collection = '__a__'", "collection", "got '__a__'"),
            ("events", "collection = ''", "collection", "got ''"),
            ("events", "event_id = 'id'", "event_id", "a known key"),
            ("events", "startsAt = 'x'", "startsAt", r"did you mean starts_at\?"),
            ("events", "title = 5", "title", "got 5"),
            ("events", "title = 'a..b'", "title", "got 'a..b'"),
            ("events", "title = '.a'", "title", "got '.a'"),
            ("events", "title = '__a__.b'", "title", "got '__a__.b'"),
            ("events", 'title = "a\'b"', "title", "the name of a field"),
            ("events", "title = 'a`b'", "title", "the name of a field"),
            ("events", f"title = '{'x' * 201}'", "title", "the name of a field"),
            ("events", "title = 'description'", "title", "name that of description, too"),
            ("events", "title = 'x'\ncity = 'x'", "title", "apart from that of city"),
            ("events", "city = 'location.city'", "city", "apart from that of location"),
            ("events", "latitude = 'x'", "latitude", "both latitude and longitude"),
            ("events", "latitude = 'x'\nlongitude = 'y'\nlocation = 'z'", "latitude", "no location"),
            ("events", "status = 5", "status", "got 5"),
            ("events", "status = {}", "status", "at least one"),
            ("events", "status = { field = 'x' }", "status", "at least one"),
            (
                "events",
                "status = { field = 'title', published = 'x' }",
                r"status \(title\)",
                "apart from that of title",
            ),
            ("events", "status = { live = 'x' }", "status", "got 'live'"),
            ("events", "status = { published = true }", r"status\.published", "got True"),
            ("events", "status = { field = 'x', published = [] }", r"status\.published", r"got \[\]"),
            ("events", "status = { field = 'x', published = 1.5 }", r"status\.published", r"got 1\.5"),
            ("events", f"status = {{ field = 'x', published = {2**53} }}", r"status\.published", "got 9007"),
            ("events", 'status = { field = "x", published = "a\\n" }', r"status\.published", "got"),
            ("events", "status = { field = 'x', published = 1, hidden = 1 }", "status", "different terms"),
            ("events", "status = { published = 'x', hidden = 'x' }", "status", "different terms"),
            ("users", "user_id = 'id'", "user_id", "a known key"),
            ("interests", "wishes = 'x'", "wishes", "a known key"),
            ("interactions", "type = 'kind'", "type", "known are collection"),
            ("users", "collection = 'events'", "collection", r"that of \[events\]"),
            ("events", "collection = 'rules'", "collection", "Marquee's own rules"),
        )
    ),
    ("[users]\n[interests]", r": expected \[users\] or \[interests\], got both"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_a_file_that_cannot_be_used_is_refused_with_table_and_key(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=rf"^marquee.toml{message}") as refused:
        Schema.parse(text)
    assert len(str(refused.value)) < 1_000


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_any_text_is_a_schema_or_refused(text: str) -> None:
    with suppress(SettingsError):
        Schema.parse(text)


FLAGS = StatusSchema({Status.PUBLISHED: (("isLive", True),), Status.CANCELLED: (("off", True),)})
CANCELLED_ALONE = StatusSchema({Status.CANCELLED: (("off", True),)})
VALUES = StatusSchema(
    {Status.PUBLISHED: (("state", "live"), ("state", 1)), Status.CANCELLED: (("state", "called_off"),)}, "state"
)
EXCEPTIONS = StatusSchema({Status.CANCELLED: (("state", "called_off"),), Status.SOLD_OUT: (("state", 2),)}, "state")


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (FLAGS, {"isLive": True}, Status.PUBLISHED),
        (FLAGS, {"isLive": False}, Status.HIDDEN),
        (FLAGS, {"isLive": 1}, Status.HIDDEN),
        (FLAGS, {"isLive": "true"}, Status.HIDDEN),
        (FLAGS, {}, Status.HIDDEN),
        (FLAGS, {"isLive": True, "off": True}, Status.CANCELLED),
        (FLAGS, {"isLive": True, "off": False}, Status.PUBLISHED),
        (CANCELLED_ALONE, {}, Status.PUBLISHED),
        (CANCELLED_ALONE, {"off": True}, Status.CANCELLED),
        (VALUES, {"state": "live"}, Status.PUBLISHED),
        (VALUES, {"state": 1}, Status.PUBLISHED),
        (VALUES, {"state": 1.0}, Status.PUBLISHED),
        (VALUES, {"state": True}, Status.HIDDEN),
        (VALUES, {"state": "draft"}, Status.HIDDEN),
        (VALUES, {"state": ["live"]}, Status.HIDDEN),
        (VALUES, {"state": "called_off"}, Status.CANCELLED),
        (VALUES, {}, Status.HIDDEN),
        (EXCEPTIONS, {}, Status.PUBLISHED),
        (EXCEPTIONS, {"state": "new"}, Status.PUBLISHED),
        (EXCEPTIONS, {"state": 2}, Status.SOLD_OUT),
    ],
)
def test_the_status_of_a_document_is_read_in_the_app_s_terms(
    status: StatusSchema, document: dict[str, object], expected: Status
) -> None:
    assert status.read(document.get) is expected


@pytest.mark.parametrize("terms", [FLAGS, CANCELLED_ALONE, VALUES, EXCEPTIONS])
@pytest.mark.parametrize("status", Status)
def test_a_status_that_is_written_is_read_again_or_refused(terms: StatusSchema, status: Status) -> None:
    try:
        document = terms.written(status)
    except InvalidField:
        assert status not in terms.terms
    else:
        assert terms.read(document.get) is status


@pytest.mark.parametrize("path", ["missing.toml", ".", "not-utf8.toml"])
def test_a_configuration_file_that_cannot_be_read_is_refused(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("not-utf8.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError):
        read_settings({"MARQUEE_CONFIG": path})


def test_the_configuration_file_may_be_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "host.toml").write_text(HOST)
    assert read_settings({"MARQUEE_CONFIG": str(tmp_path / "host.toml")}).schema == Schema.parse(HOST)


@pytest.mark.parametrize("sign", ["\\u2028", "\\u2029", "\\u0085"])
def test_a_name_stands_on_a_line(sign: str) -> None:
    with pytest.raises(SettingsError, match=r"\[users\] city: expected the name of a field"):
        Schema.parse(f'[users]\ncity = "a{sign}b"')
