"""Check of a store: a host app's documents are recognized, and the proposed names make them usable."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from jobs import check
from jobs.survey import findings
from jobs.survey.matching import KINDS
from jobs.survey.proposal import written
from shared.adapters.cloudevent import NamedDocument
from shared.adapters.stores import open_documents
from shared.entities import Event, User
from shared.schema import Schema
from shared.settings import Settings
from tests.stores import keys

NOW: Final = datetime.now(UTC)
DAY: Final = timedelta(days=1)
MS: Final = int((NOW + 3 * DAY).timestamp() * 1_000)
TEXT: Final = f"{NOW + 3 * DAY:%Y-%m-%dT%H:%M}"

APPS: Final[Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, str]]]] = {
    "marquee": ("events", {"starts_at": NOW + DAY, "title": "Jazz", "status": "published"}, {}),
    "meetups": (
        "meetups",
        {
            "name": "Jazz",
            "startsAt": MS,
            "endsAt": MS + 1,
            "isLive": True,
            "host": NamedDocument("hosts/a"),
            "position": {"latitude": 46.9, "longitude": 7.4},
            "labels": ["jazz"],
        },
        {
            "title": "name",
            "starts_at": "startsAt",
            "ends_at": "endsAt",
            "organizer_id": "host",
            "location": "position",
            "tags": "labels",
        },
    ),
    "gigs": (
        "gigs",
        {
            "headline": "Jazz",
            "when": {"start": f"{TEXT}Z", "end": f"{TEXT}+00:00"},
            "venue": {"id": "a", "town": "Bern"},
            "state": "on_sale",
            "genre": "jazz",
            "cost": "12.5",
            "lat": 46.9,
            "lng": 7.4,
        },
        {
            "title": "headline",
            "starts_at": "when.start",
            "ends_at": "when.end",
            "venue_id": "venue.id",
            "city": "venue.town",
            "category": "genre",
            "price": "cost",
            "latitude": "lat",
            "longitude": "lng",
        },
    ),
    "location as text": (
        "events",
        {"name": "Jazz", "date": NOW + DAY, "location": "Moods"},
        {"title": "name", "starts_at": "date"},
    ),
    "timestamps that lost their type": (
        "sessions",
        {"title": "Yoga", "startsAt": {"_seconds": MS // 1_000, "_nanoseconds": 0}},
        {"starts_at": "startsAt._seconds"},
    ),
    "any name": ("stuff", {"name": "Jazz", "start time": MS // 1_000}, {"title": "name", "starts_at": "start time"}),
}


Stored = Mapping[str, Mapping[str, Mapping[str, Any]]]


class Source:
    """Samples of documents in memory."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.read = 0

    def collections(self) -> list[str]:
        return [*self.stored]

    def sample(self, collection: str, limit: int) -> findings.Sample:
        found = [*self.stored.get(collection, {}).items()][:limit]
        self.read = max(self.read, len(found))
        return found


def report(source: Source, schema: Schema, *, limit: int = 500) -> tuple[str, check.Check]:
    made = check.Check(source, Settings(schema=schema), limit=limit, now=NOW)
    return "\n".join(made.report()), made


@pytest.mark.parametrize("app", APPS)
def test_the_names_of_an_app_are_found_and_make_its_events_usable(app: str) -> None:
    collection, document, names = APPS[app]
    source = Source({collection: {f"{n}": document for n in range(20)}, "zebras": {"a": {"stripes": 3}}})
    text, first = report(source, Schema())
    assert first.is_usable == (app == "marquee")
    proposed = Schema.parse(written(first.schema))
    assert proposed == first.schema
    assert proposed.events.collection == collection
    assert names.items() <= proposed.events.fields.items()
    assert set(proposed.events.fields) <= {*names, "status"}
    if app != "marquee":
        assert all(f'{ours} = "{theirs}"' in text for ours, theirs in names.items())
        assert "With the lines below, 20 of the events can be in lists now" in text
    again, second = report(source, proposed)
    assert second.is_usable
    assert second.schema == proposed
    assert "As the settings are, 20 of the events can be in lists now; 0 are over" in again
    assert "Lines for marquee.toml" not in again


@pytest.mark.parametrize("app", APPS)
def test_lines_are_proposed_in_one_order(app: str) -> None:
    collection, document, _ = APPS[app]
    for fields in (document, dict(reversed(list(document.items())))):
        _, made = report(Source({collection: {"a": fields}}), Schema())
        names = [name for name in made.schema.events.fields if name not in findings.PLACE]
        assert names == [name for name in findings.FIELDS["events"] if name in names]


def test_flags_and_values_of_statuses_are_proposed() -> None:
    date: dict[str, Any] = {"starts_at": NOW + DAY}
    flags: list[dict[str, Any]] = [{**date, "isPublished": n > 3, "flags": {"cancelled": n > 17}} for n in range(20)]
    values: list[dict[str, Any]] = [
        {**date, "state": ("live", "draft", "called_off", "sold-out")[n % 4]} for n in range(20)
    ]
    for documents, line, live in (
        (flags, 'status = { published = "isPublished", cancelled = "flags.cancelled" }', 14),
        (values, 'status = { field = "state", published = ["live"], cancelled = ["called_off"]', 5),
    ):
        text, _ = report(Source({"events": {f"{n}": data for n, data in enumerate(documents)}}), Schema())
        assert line in text
        assert f"With the lines below, {live} of the events can be in lists now" in text


def test_missing_fields_are_named_with_what_recommendations_miss() -> None:
    source = Source({"events": {"a": {"title": "Jazz"}}})
    text, made = report(source, Schema())
    assert not made.is_usable
    assert "starts_at: an event without any date is in no list" in text
    assert "organizer_id: nobody can follow an organizer" in text
    assert "1 have no date" in text
    assert text.endswith("not usable yet: too few events can be shown, see above")
    assert "no collection seems to hold any" in report(Source({}), Schema())[0]


@pytest.mark.parametrize(("undated", "is_usable"), [(4, True), (5, True), (6, False)])
def test_a_store_is_usable_where_at_least_half_of_its_events_are(undated: int, *, is_usable: bool) -> None:
    dated = {"starts_at": NOW + DAY, "title": "Jazz"}
    documents = {f"{n}": {"title": "Jazz"} if n < undated else dated for n in range(10)}
    assert report(Source({"events": documents}), Schema())[1].is_usable == is_usable


def test_every_missing_field_is_one_of_marquee_s_and_has_kinds() -> None:
    for table, missed in findings.MISSED.items():
        assert missed.keys() <= set(findings.FIELDS[table])
        assert set(findings.FIELDS[table]) <= KINDS.keys()


def test_the_table_shows_name_kind_share_and_examples_cut_short() -> None:
    documents = {f"{n}": {"starts_at": MS, **({"title": "x" * 100} if n else {}), "seo": {"slug": n}} for n in range(4)}
    text, _ = report(Source({"events": documents}), Schema())
    assert re.search(r"title +title +text +75% +x{24}…\n", text)
    assert re.search(rf"starts_at +starts_at +milliseconds since 1970 as time +100% +{MS}\n", text)
    assert "other fields: seo.slug\n" in text


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("category", ["jazz", "live"], "list of texts in 3 documents, such as jazz, live"),
        ("tags", "jazz", "text in 3 documents, such as jazz"),
        ("price", "a tenner", "text in 3 documents, such as a tenner"),
        ("city", True, "true or false in 3 documents, such as True"),
        ("location", "Moods", "text in 3 documents, such as Moods"),
    ],
)
@pytest.mark.parametrize("path", ["", "its.own"])
def test_values_that_are_not_read_are_named(field: str, value: object, kind: str, path: str) -> None:
    schema = Schema.parse(f'[events]\n{field} = "{path}"' if path else "")
    odd = {"its": {"own": value}} if path else {field: value}
    documents: dict[str, Mapping[str, Any]] = {f"{n}": {"starts_at": MS, **(odd if n < 3 else {})} for n in range(9)}
    text, made = report(Source({"events": documents}), schema)
    assert f"\n  {field} ({path or field}): {kind}; expected " in text
    assert made.is_usable
    fine = {name: {"starts_at": MS, "title": "Jazz"} for name in documents}
    assert "not read" not in report(Source({"events": fine}), schema)[0]


def test_halves_of_a_place_that_are_not_read_are_named() -> None:
    schema = Schema.parse('[events]\nlatitude = "y"\nlongitude = "x"')
    documents: dict[str, Mapping[str, Any]] = {"a": {"starts_at": MS, "y": "north", "x": 7.4}}
    text, _ = report(Source({"events": documents}), schema)
    assert "\n  latitude (y): text in 1 documents, such as north; expected " in text


@pytest.mark.parametrize(
    ("users", "line"),
    [
        ({"mail": "a@example.org", "theme": "dark"}, "[interests]"),
        ({"town": "Bern", "mail": "a@example.org"}, '[users]\ncollection = "members"\ncity = "town"'),
    ],
)
def test_users_of_the_app_are_mapped_or_left_alone(users: Mapping[str, Any], line: str) -> None:
    text, made = report(Source({"events": {"a": {"starts_at": MS}}, "members": {"a": users}}), Schema())
    assert line in text
    # No table without rows.
    assert "members, 1 documents, as [users]" + (": none" if line == "[interests]" else "\n") in text
    assert Schema.parse(written(made.schema)) == made.schema


def test_collections_of_the_app_by_marquee_s_own_names_get_a_prefix() -> None:
    stored: Stored = {
        "events": {"a": {"starts_at": MS}},
        "bookmarks": {"a": {"url": "x"}},
        "rules": {"house": {"smoking": False}},
    }
    text, made = report(Source(stored), Schema())
    assert "bookmarks, rules: your app's" in text
    assert '[firestore]\nprefix = "marquee_"' in text
    assert made.schema.interactions.collection == "marquee_interactions"
    own: Stored = {**stored, "bookmarks": {"a": {"at": NOW, "run": "x"}}, "rules": {"current": {}}}
    assert "prefix" not in report(Source(own), Schema())[0]
    taken: Stored = {"events": {"a": {"starts_at": MS}}, "interactions": {"a": {"what": "click"}}}
    assert '[interactions]\ncollection = "marquee_interactions"' in report(Source(taken), Schema())[0]


def test_no_more_documents_are_read_of_a_collection_than_asked_for() -> None:
    source = Source({"events": {f"{n}": {"starts_at": MS} for n in range(50)}})
    text, _ = report(source, Schema(), limit=7)
    assert source.read == 7
    assert "events, 7 documents, as [events]" in text


def test_an_sqlite_store_is_checked_and_a_missing_one_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "documents.db"
    assert check.main(["--store", f"sqlite:{path}"]) == 2
    assert "expected a file, found none" in capsys.readouterr().err
    assert not path.exists()
    documents = open_documents(f"sqlite:{path}", keys)
    documents.events.put([Event(event_id="a", title="Jazz", starts_at=NOW + DAY)], now=NOW)
    documents.users.put([User(user_id="ann", city="Bern")], now=NOW)
    documents.close()
    assert check.main(["--store", f"sqlite:{path}", "--sample", "5"]) == 0
    assert "1 of the events can be in lists now" in capsys.readouterr().out
    assert check.main(["--sample", "0"]) == 2
    assert check.main(["--store", "mysql:x"]) == 2
    assert "--store: expected sqlite:… or firestore:…" in capsys.readouterr().err


@pytest.mark.emulator
def test_a_firestore_database_is_checked_and_left_as_it_is(
    firestore_project: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.cloud.firestore import Client, GeoPoint

    client = Client(project=firestore_project)
    show = {
        "name": "Jazz",
        "when": {"begins": MS},
        "where": {"position": GeoPoint(46.9, 7.4)},
        "promoter": client.document("promoters/a"),
        "isLive": True,
    }
    for number in range(12):
        client.document(f"shows/{number:02}").set(show)
    monkeypatch.chdir(tmp_path)
    assert check.main(["--store", f"firestore:{firestore_project}", "--sample", "10"]) == 1
    text = capsys.readouterr().out
    assert "shows, 10 documents, as [events]" in text
    lines = text.partition("to be looked through:\n\n")[2].rpartition("\n\nnot usable")[0]
    for line in ('starts_at = "when.begins"', 'location = "where.position"', 'organizer_id = "promoter"'):
        assert line in lines
    assert 'status = { published = "isLive" }' in lines
    (tmp_path / "marquee.toml").write_text(lines)
    monkeypatch.setenv("MARQUEE_CONFIG", str(tmp_path / "marquee.toml"))
    assert check.main(["--store", f"firestore:{firestore_project}"]) == 0
    text = capsys.readouterr().out
    assert "12 of the events can be in lists now; 0 are over" in text
    assert "not usable" not in text
    assert [found.id for found in client.collections()] == ["shows"]
    assert all(found.to_dict() == show for found in client.collection("shows").stream())
    client.close()  # type: ignore[no-untyped-call]
