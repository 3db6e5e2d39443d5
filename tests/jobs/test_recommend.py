"""Lists of all users: those of the API, for everybody who has an account, whatever happens on the way."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from functions import wiring
from functions.wiring import Services
from jobs import load, retrain, sample
from jobs.console import Console
from jobs.journal import Journal
from jobs.listfiles import opened
from jobs.recommend import main, recommend_all
from shared.entities import EventCounts, InteractionType, Placement, Rules, Status, User
from shared.errors import ArtifactError, Conflict, InvalidField, StoreUnavailable
from shared.ports import Documents
from shared.ranking.query import ListQuery
from shared.schema import Own, Schema
from shared.services.ingest.erasure import forget
from shared.settings import Settings
from tests import deployment, laws
from tests.contract.app import APP
from tests.deployment import Clock
from tests.examples import DAY, NOW, an_interaction
from tests.stores import documents, keys
from tests.training import train
from tools.emulators.programs import ROOT

Rows = dict[str, list[dict[str, str]]]
UNWILLING = "yoga_fan_2"
VISITOR = "~visitor"


@pytest.fixture
def store() -> Iterator[Documents]:
    filled, data = documents(), laws.city()
    filled.events.put(data.events, now=NOW - DAY)
    filled.users.put([*data.users.values(), User(user_id="declared", preferred_categories=("jazz",))], now=NOW - DAY)
    filled.counters.load([(entry, EventCounts()) for entry in data.interactions], now=NOW - DAY)
    filled.users.remember(data.interactions)
    filled.users.remember([an_interaction(VISITOR, "jazz_0", InteractionType.CLICK)])
    filled.users.allow_profiling(UNWILLING, allowed=False, now=NOW - DAY)
    yield filled
    filled.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wired(store: Documents, tmp_path: Path, clock: Clock) -> Iterator[Services]:
    with ExitStack() as stack:
        services = deployment.wire(store, tmp_path, clock)
        train(store, services.objects, now=NOW)
        stack.enter_context(wiring.use(services))
        yield services


@pytest.fixture
def client(wired: Services) -> FlaskClient:
    return deployment.client()


def written(wired: Services, out: Path, query: ListQuery | None = None) -> Rows:
    """Rows by user of the CSV file that a run writes."""
    query = query or ListQuery(explain=False)
    sink = opened(str(out), wired.settings, keys, has_reasons=query.explain)
    recommend_all(wired, query, sink, Console(StringIO()))
    return by_user(out)


def by_user(out: Path) -> Rows:
    rows: Rows = {}
    with out.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            rows.setdefault(row["user_id"], []).append(row)
    return rows


def answered(client: FlaskClient, user_id: str, **query: Any) -> list[dict[str, Any]]:
    asked = {"user_id": user_id, **query} if user_id else query
    answer = client.get("/api/v1/recommendations", query_string=asked).get_json()
    items: list[dict[str, Any]] = answer["items"]
    return items


@pytest.mark.parametrize("model", ["blend", "svd", "popularity"])
def test_the_lists_are_those_of_the_api(
    store: Documents, tmp_path: Path, clock: Clock, wired: Services, client: FlaskClient, model: str
) -> None:
    train(store, wired.objects, now=NOW + timedelta(minutes=1), model=model)
    clock.forward(timedelta(minutes=2))
    rules = Rules(
        pinned=(Placement(target_id="yoga_3"),),
        boosted_events=(Placement(target_id="jazz_4", strength=2.0),),
        blocked_events=("jazz_5",),
    )
    store.rules.write(rules)
    store.users.remember([an_interaction("jazz_fan_1", "jazz_3", InteractionType.BOOKING)])
    lists = written(wired, tmp_path / "recs.csv", ListQuery(k=8))
    assert len(lists) > 20
    for user_id, rows in lists.items():
        items = answered(client, user_id, limit=8)
        assert [row["event_id"] for row in rows] == [item["event_id"] for item in items], user_id
        assert [float(row["score"]) for row in rows] == pytest.approx([item["score"] for item in items], rel=1e-4)
        assert [row["reasons"] for row in rows] == ["; ".join(item["reasons"]) for item in items]
        assert [row["title"] for row in rows] == [item["title"] for item in items]
        assert [row["starts_at"] for row in rows] == [item["starts_at"] for item in items]
        assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, len(rows) + 1)]


def test_everybody_with_an_account_gets_a_list(wired: Services, tmp_path: Path) -> None:
    stored = {profile.user.user_id for profile in wired.documents.users.profiles()}
    assert VISITOR in stored
    assert set(written(wired, tmp_path / "recs.csv")) == stored - {VISITOR}


def test_who_does_not_wish_to_be_profiled_gets_the_list_of_a_stranger(
    wired: Services, tmp_path: Path, client: FlaskClient
) -> None:
    rows = written(wired, tmp_path / "recs.csv")[UNWILLING]
    strangers = {item["event_id"]: item["score"] for item in answered(client, "", limit=100, per_series=100)}
    assert len(rows) == 10
    assert [float(row["score"]) for row in rows] == pytest.approx([strangers[row["event_id"]] for row in rows])


def test_what_dies_during_a_run_is_in_no_list(wired: Services, clock: Clock, tmp_path: Path) -> None:
    before = written(wired, tmp_path / "recs.csv")
    dead = before["jazz_fan_1"][0]["event_id"]

    class Dying(Journal):
        def lists(self) -> Iterator[Any]:
            event = wired.documents.events.get(dead)
            assert event
            clock.forward(timedelta(minutes=1))
            wired.documents.events.put([replace(event, status=Status.CANCELLED)], now=clock())
            return super().lists()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.recommend.Journal", Dying)
        after = written(wired, tmp_path / "recs.csv")
    assert set(after) == set(before)
    assert dead in {row["event_id"] for rows in before.values() for row in rows}
    assert dead not in {row["event_id"] for rows in after.values() for row in rows}
    assert [row["rank"] for row in after["jazz_fan_1"]] == [str(rank) for rank in range(1, 10)]


class Killed(Exception):
    """End of a run between two chunks."""


def interrupted(wired: Services, out: Path, query: ListQuery, *, after: int = 1) -> None:
    """Run that ends after so many chunks."""
    chunks: list[Any] = []

    class Failing(Journal):
        def add(self, lists: Any) -> None:
            if len(chunks) == after:
                raise Killed
            chunks.append(lists)
            super().add(lists)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.recommend.Journal", Failing)
        patch.setattr("jobs.recommend.CHUNK", 4)
        sink = opened(str(out), wired.settings, keys, has_reasons=query.explain)
        with pytest.raises(Killed):
            recommend_all(wired, query, sink, Console(StringIO()))


def test_an_interrupted_run_goes_on_and_heeds_what_happened_meanwhile(
    wired: Services, clock: Clock, tmp_path: Path
) -> None:
    out, query = tmp_path / "recs.csv", ListQuery(explain=False)
    whole = written(wired, out, query)
    first, second, third, *_ = sorted(whole)
    out.unlink()
    interrupted(wired, out, query)
    journal = out.with_name("recs.csv.partial")
    assert not out.exists()
    with journal.open("a") as stream:
        stream.write('{"user_id": "half')
    clock.forward(timedelta(minutes=5))
    forget(wired.documents.personal, user_id=first, now=clock())
    wired.documents.users.allow_profiling(second, allowed=False, now=clock())
    said = StringIO()
    sink = opened(str(out), wired.settings, keys, has_reasons=False)
    recommend_all(wired, query, sink, Console(said))
    lists = by_user(out)
    assert "goes on after 4 lists" in said.getvalue()
    assert set(lists) == set(whole) - {first}
    assert lists[third] == whole[third]
    wanted = written(wired, tmp_path / "anew.csv", query)
    assert [row["event_id"] for row in lists[second]] == [row["event_id"] for row in wanted[second]]
    assert not journal.exists()


@pytest.mark.parametrize("change", ["age", "k", "model", "settings", "names", "rules"])
def test_a_run_of_another_kind_or_day_begins_anew(
    wired: Services, store: Documents, clock: Clock, tmp_path: Path, change: str
) -> None:
    out, query = tmp_path / "recs.csv", ListQuery(explain=False)
    interrupted(wired, out, query)
    clock.forward(timedelta(hours=2) if change == "age" else timedelta(minutes=1))
    if change == "model":
        train(store, wired.objects, now=clock.now)
        clock.forward(timedelta(minutes=1))
    if change == "settings":
        wired = replace(wired, settings=replace(wired.settings, timezone="Europe/Bern"))
    if change == "names":
        wired = replace(wired, settings=replace(wired.settings, schema=Schema(database="other")))
    if change == "rules":
        store.rules.write(Rules(blocked_events=("jazz_0",)))
    said = StringIO()
    query = replace(query, k=3) if change == "k" else query
    sink = opened(str(out), wired.settings, keys, has_reasons=False)
    recommend_all(wired, query, sink, Console(said))
    assert "goes on" not in said.getvalue()


def test_two_runs_do_not_write_the_same_lists(wired: Services, tmp_path: Path) -> None:
    held = Journal(tmp_path / "recs.csv.partial", {}, now=NOW, fresh=DAY)
    with pytest.raises(Conflict, match="another run writes these lists"):
        written(wired, tmp_path / "recs.csv")
    held.close()


def test_another_file_in_the_place_of_the_journal_stays(wired: Services, tmp_path: Path) -> None:
    (tmp_path / "recs.csv.partial").write_text("my notes\n")
    with pytest.raises(ArtifactError, match="got another file; move it away"):
        written(wired, tmp_path / "recs.csv")
    assert (tmp_path / "recs.csv.partial").read_text() == "my notes\n"


def test_nothing_is_written_without_a_model_or_without_the_present_events(
    store: Documents, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = deployment.wire(store, tmp_path, clock)
    with pytest.raises(ArtifactError, match="marquee train"):
        written(services, tmp_path / "recs.csv")
    train(store, services.objects, now=NOW)

    def down(_self: object, _moment: datetime) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(type(store.events), "changed_since", down)
    with pytest.raises(StoreUnavailable, match="would lack the present events"):
        written(deployment.wire(store, tmp_path, clock), tmp_path / "recs.csv")
    assert not (tmp_path / "recs.csv").exists()


def test_parquet_holds_the_same_rows(wired: Services, tmp_path: Path) -> None:
    rows = [row for rows in written(wired, tmp_path / "recs.csv", ListQuery()).values() for row in rows]
    sink = opened(str(tmp_path / "recs.parquet"), wired.settings, keys, has_reasons=True)
    recommend_all(wired, ListQuery(), sink, Console(StringIO()))
    found = pq.read_table(tmp_path / "recs.parquet").to_pylist()
    for row, same in zip(rows, found, strict=True):
        assert (row["user_id"], row["event_id"], row["rank"]) == (same["user_id"], same["event_id"], str(same["rank"]))
        assert row["reasons"] == "; ".join(same["reasons"])
        assert row["starts_at"] == f"{same['starts_at']:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("out", ["recs.xlsx", "recs", "firestore:lists"])
def test_another_place_is_wrong_usage(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--out", out, "--store", "sqlite:d.db", "--objects", "folder:bucket"]) == 2
    assert "error: --out: expected a file" in capsys.readouterr().err


def test_a_killed_command_goes_on_where_it_stopped(tmp_path: Path) -> None:
    city, out = tmp_path / "city", tmp_path / "recs.csv"
    places = ["--store", f"sqlite:{tmp_path / 'documents.db'}", "--objects", f"folder:{tmp_path / 'bucket'}"]
    sample.write_sample(city, users=500, events=200, interactions=2_000, seed=1, now=datetime.now(UTC))
    assert load.main([str(city), *places, "--rejected", str(tmp_path / "rejected.csv")]) == 0
    assert retrain.main([*places, "--model", "popularity"]) == 0
    command = [sys.executable, "-m", "jobs.marquee", "recommend", "--out", str(out), "--reasons", *places]
    journal = out.with_name("recs.csv.partial")

    def run(*, until: int | None = None, end: signal.Signals = signal.SIGKILL) -> tuple[int, str]:
        """Exit status and messages of a run, which `end` ends when `until` users have a list."""
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            while until and process.poll() is None and done() < until:
                time.sleep(0.01)
            if until:
                process.send_signal(end)
            _, said = process.communicate(timeout=60)
        return process.returncode, said

    def done() -> int:
        return journal.read_text(encoding="utf-8").count("\n") - 1 if journal.exists() else 0

    assert run(until=50) == (-signal.SIGKILL, "")
    first = done()
    status, said = run(until=first + 100, end=signal.SIGINT)
    assert (status, said.splitlines()) == (
        130,
        [
            f"goes on after {first} lists of an interrupted run",
            "interrupted; run the same command again to go on",
        ],
    )
    assert not out.exists()
    second = done()
    status, said = run()
    assert status == 0, said
    assert f"goes on after {second} lists" in said
    lists = by_user(out)
    assert len(lists) == 500
    assert all(len({row["event_id"] for row in rows}) == len(rows) == 10 for rows in lists.values())
    assert not journal.exists()


def test_lists_in_firestore_replace_those_of_earlier_runs_and_nothing_else(
    store: Documents, firestore_project: str, tmp_path: Path, clock: Clock
) -> None:
    from google.cloud.firestore import Client

    client: Client = Client(project=firestore_project)
    services = deployment.wire(store, tmp_path, clock)
    settings = replace(services.settings, documents=f"firestore:{firestore_project}")
    train(store, services.objects, now=NOW)
    query = ListQuery(k=3)

    def run() -> dict[str, dict[str, Any]]:
        sink = opened("firestore:mail_lists", settings, keys, has_reasons=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            recommend_all(services, query, sink, Console(StringIO()))
        return {found.id: found.to_dict() or {} for found in client.collection("mail_lists").stream()}

    first = run()
    assert set(first) == {profile.user.user_id for profile in store.users.profiles()} - {VISITOR}
    fan = first["jazz_fan_1"]
    assert len(fan["items"]) == 3
    assert fan["items"][0]["reasons"]
    assert fan["items"][0]["starts_at"] > NOW
    forget(store.personal, user_id="jazz_fan_1", now=clock.forward(timedelta(minutes=1)))
    assert set(run()) == set(first) - {"jazz_fan_1"}
    client.collection("theirs").document("x").set({"title": "of the host"})
    for taken in ("theirs", "events", "users", "histories", "interactions", "a/b", "__x__"):
        with pytest.raises(InvalidField, match=r"^--out: expected an? (empty )?collection"):
            opened(f"firestore:{taken}", settings, keys, has_reasons=False)
    assert client.collection("theirs").document("x").get().to_dict() == {"title": "of the host"}


@pytest.mark.parametrize("name", ["events", "users", "interactions", *Own, "shows", "tastes", "marquee_histories"])
def test_lists_in_firestore_are_in_no_collection_that_a_name_of_marquee_s_leads_to(name: str) -> None:
    settings = Settings(documents="firestore:demo-none", schema=APP)
    with pytest.raises(InvalidField, match=r"^--out: expected a collection of its own"):
        opened(f"firestore:{name}", settings, keys, has_reasons=False)


def test_the_journal_is_json_a_line_a_list(wired: Services, tmp_path: Path) -> None:
    interrupted(wired, tmp_path / "recs.csv", ListQuery(explain=False), after=2)
    head, *lines = (tmp_path / "recs.csv.partial").read_text(encoding="utf-8").splitlines()
    assert json.loads(head)["purpose"]["k"] == 10
    assert [json.loads(line)["user_id"] for line in lines] == sorted(json.loads(line)["user_id"] for line in lines)
    assert len(lines) == 8
