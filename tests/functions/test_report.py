"""Daily reports over HTTP: what a deployment's days look like, who may ask, alerts, and runs that are killed."""

import json
import logging
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from functions import wiring
from shared.adapters.objects.folder import FolderObjects
from shared.monitoring.report import DailyReport
from shared.ports import DeadLetter, Documents
from shared.services.monitoring import reports
from tests import deployment
from tests.deployment import Clock, Wire
from tests.examples import NOW
from tests.functions.conftest import ALL

REPORT = "/api/v1/report"
ADMIN = {"Authorization": "Bearer admin:root"}
TODAY = NOW.date()
HOUR = timedelta(hours=1)


@pytest.fixture
def watched(wire: Wire, clock: Clock) -> FlaskClient:
    """Client of an instance with a model of popularity."""
    wire(model="popularity", challengers_s=0.0)
    client = deployment.client()
    assert client.post("/retrain").get_json()["decision"] == "published"
    clock.forward()
    return client


def run(client: FlaskClient) -> dict[str, Any]:
    answer = client.post("/monitor")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()["monitoring"]
    return found


def days(client: FlaskClient, first: date = TODAY, last: date = TODAY) -> list[dict[str, Any]]:
    answer = client.get(REPORT, query_string={"from": first.isoformat(), "to": last.isoformat()})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.get_json()["reports"]
    return found


def ask(client: FlaskClient, number: int, user_id: str = "jazz_fan_1") -> None:
    query = {"user_id": user_id} if user_id else {}
    for _ in range(number):
        assert client.get("/api/v1/recommendations", query_string=query).status_code == 200


def alerts(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Alerts in the log: message and name, in order."""
    lines = [json.loads(text) for text in caplog.messages if text.startswith('{"message": "alert ')]
    return [(line["message"].removeprefix("alert "), line["alert"]) for line in lines]


def test_a_day_is_reported_while_it_runs_and_closed_for_good(watched: FlaskClient, clock: Clock) -> None:
    for _ in range(11):
        ask(watched, 3)
        ask(watched, 1, "")
        watched.get("/api/v1/unknown")
        clock.forward(HOUR)
        assert run(watched)["closed"] == []
    [report] = days(watched)
    assert (report["day"], report["is_closed"]) == (TODAY.isoformat(), False)
    while clock.now < NOW.replace(hour=0) + timedelta(hours=26):
        clock.forward(HOUR)
        assert run(watched)["closed"] == []
    clock.forward(HOUR)
    # The instance flushes what it still has in its next request.
    watched.get("/api/v1/health")
    assert run(watched)["closed"] == [TODAY.isoformat()]
    [report] = days(watched)
    assert report["is_closed"]
    operations = report["operations"]
    assert operations["by_operation"]["getRecommendations"]["requests"] == 44
    assert operations["by_operation"][""]["statuses"] == {"4xx": 11}
    assert operations["lists"]["segments"] == {"nobody": 11, "warm": 33}
    assert (operations["lists"]["fallback"], operations["errors"]) == (0, 0)
    assert operations["settled"]["runs"] == 11
    assert operations["price_usd"] > 0
    assert report["model"]["model"] == "popularity"
    assert report["model"]["age_days"] == 0.5
    assert [training["decision"] for training in report["model"]["trainings"]] == ["published"]
    assert report["calibration"]["holdout"]["ndcg@10"] > 0
    # What comes later changes nothing of a closed day.
    for _ in range(8):
        ask(watched, 1)
        clock.forward(4 * HOUR)
        run(watched)
    assert days(watched) == [report]
    assert [found["day"] for found in days(watched, TODAY, TODAY + timedelta(days=9))] == [
        (TODAY + timedelta(days=number)).isoformat() for number in range(3)
    ]


def test_a_day_is_not_closed_before_its_interactions_are_settled(
    watched: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(watched)
    clock.forward(timedelta(hours=20))
    monkeypatch.setattr("shared.services.ingest.reconcile.slot_of", lambda _: 0)
    assert run(watched)["closed"] == []
    monkeypatch.undo()
    assert run(watched)["closed"] == [TODAY.isoformat()]


def test_only_admins_may_ask(wire: Wire) -> None:
    wire(require_auth=True)
    client = deployment.client()
    for headers, status in (({}, 401), ({"Authorization": "Bearer user:alice"}, 403), (ADMIN, 200)):
        assert client.get(REPORT, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-04-31"}, "from"),
        ({"from": "20260401"}, "from"),
        ({"from": "2026-W18-5"}, "from"),
        ({"from": "2026-05-02"}, "from"),
        ({"from": "2026-05-02", "to": "2026-05-01"}, "from"),
        ({"from": "2026-01-01", "to": "2026-04-03"}, "from"),
        ({"to": "today"}, "to"),
        ({"to": "0001-01-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "2026-05-01T00"}, "to"),
        ({"until": "2026-05-01"}, "until"),
        ({"from": ""}, "from"),
    ],
)
def test_a_period_that_cannot_be_asked_for_is_refused(client: FlaskClient, query: dict[str, str], field: str) -> None:
    answer = client.get(REPORT, query_string=query)
    assert (answer.status_code, answer.get_json()["field"]) == (400, field)


def test_a_period_is_by_default_the_week_up_to_today(client: FlaskClient) -> None:
    assert client.get(REPORT).get_json() == {"from": "2026-04-25", "to": "2026-05-01", "reports": []}
    quarter = client.get(REPORT, query_string={"from": "2026-01-01", "to": "2026-04-02"})
    assert quarter.status_code == 200


class Stopwatch:
    """Stopwatch by which each request takes `seconds`."""

    def __init__(self) -> None:
        self.seconds = 0.01
        self._time = 0.0

    def __call__(self) -> float:
        self._time += self.seconds
        return self._time


def test_slow_lists_alert_once_and_recover_once(
    store: Documents, tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stopwatch = Stopwatch()
    with wiring.use(deployment.wire(store, tmp_path, clock, timer=stopwatch, thresholds={"latency_p99": 1.0})):
        client = deployment.client()
        for number in range(5):
            stopwatch.seconds = 3.0 if number == 2 else 0.01
            ask(client, 60, "")
            clock.forward(HOUR)
            client.get("/api/v1/health")
            run(client)
        assert alerts(caplog) == [("raised", "latency_p99"), ("closed", "latency_p99")]
        [alert] = days(client)[0]["alerts"]
    assert alert["value"] == pytest.approx(3, rel=0.02)
    assert alert["until"] is not None


def test_a_burst_of_dead_letters_alerts_once(
    watched: FlaskClient, store: Documents, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run(watched)
    for number in range(30):
        store.dead_letters.put(DeadLetter(f"{number}", "interactions", f"{number}", "bad"), now=clock.now)
    for _ in range(5):
        clock.forward(HOUR)
        assert run(watched)["alerts"] == ["dead_letters"]
    assert days(watched)[0]["operations"]["dead_letters"] == {"open": 30, "new": 30}
    clock.forward(timedelta(hours=20))
    assert run(watched)["alerts"] == []
    assert alerts(caplog) == [("raised", "dead_letters"), ("closed", "dead_letters")]


def test_lists_without_a_model_and_an_old_model_alert(
    wire: Wire, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    wire(model="popularity", challengers_s=0.0)
    client = deployment.client()
    ask(client, 120)
    clock.forward(HOUR)
    client.get("/api/v1/health")
    assert run(client)["alerts"] == ["fallback"]
    assert client.post("/retrain").get_json()["decision"] == "published"
    clock.forward(timedelta(days=4))
    assert "model_age" in run(client)["alerts"]


def test_thresholds_are_settings(wire: Wire, clock: Clock, store: Documents) -> None:
    store.dead_letters.put(DeadLetter("a", "interactions", "x", "bad"), now=clock.now)
    wire(thresholds={"dead_letters": 0.0})
    assert run(deployment.client())["alerts"] == ["dead_letters"]
    wire(thresholds={})
    assert run(deployment.client())["alerts"] == []


class Killed(Exception):
    """End of a process."""


class Mortal(FolderObjects):
    """Bucket whose caller is killed before its write or deletion number `at`."""

    def __init__(self, root: Path, at: int) -> None:
        super().__init__(root)
        self._left = at

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        if name.startswith("monitoring/"):
            self._step()
        return super().write(name, data, generation=generation)

    def delete(self, name: str) -> None:
        self._step()
        super().delete(name)


def _day(watched: FlaskClient, clock: Clock) -> None:
    """Requests of a day, and the time at which its report is closed."""
    for _ in range(3):
        ask(watched, 2)
        clock.forward(HOUR)
    watched.get("/api/v1/health")
    clock.now = NOW.replace(hour=0) + timedelta(hours=30)


@pytest.mark.parametrize("at", range(10))
def test_a_run_that_is_killed_anywhere_leaves_what_the_next_one_needs(
    wire: Wire, clock: Clock, tmp_path: Path, at: int
) -> None:
    wire(model="popularity", challengers_s=0.0)
    client = deployment.client()
    _day(client, clock)
    client.application.testing = True
    dead = deployment.wire(wiring.services().documents, tmp_path, clock, objects=Mortal(tmp_path, at))
    with wiring.use(dead), pytest.raises(Killed):
        client.post("/monitor")
    run(client)
    [report] = days(client)
    assert report["is_closed"]
    assert report["operations"]["by_operation"]["getRecommendations"]["requests"] == 6
    assert FolderObjects(tmp_path).names(reports.OPEN) == [f"{reports.OPEN}2026-05-02.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda name: name.startswith("monitoring/hours/"),
        lambda name: name.startswith("monitoring/open/"),
        lambda name: name.startswith("monitoring/alerts"),
        lambda name: name.startswith("runs/2"),
        lambda name: name.startswith("models/current"),
    ],
)
def test_damaged_objects_stop_neither_the_job_nor_the_report(
    watched: FlaskClient, clock: Clock, tmp_path: Path, damage: Callable[[str], bool]
) -> None:
    ask(watched, 1)
    run(watched)
    for path in tmp_path.rglob("*"):
        if path.is_file() and damage(path.relative_to(tmp_path).as_posix()):
            path.write_bytes(b'{"format": 99}')
    clock.forward(HOUR)
    run(watched)
    assert [report["day"] for report in days(watched)] == [TODAY.isoformat()]


def test_a_report_of_a_later_version_is_left_out(client: FlaskClient, tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    report = DailyReport(day=TODAY, made_at=NOW, is_closed=True)
    objects.write(f"{reports.CLOSED}{TODAY}.json", report.to_json(), generation=0)
    assert len(days(client)) == 1
    document = json.loads(report.to_json()) | {"format": 2}
    (tmp_path / reports.CLOSED / f"{TODAY}.json").write_text(json.dumps(document))
    assert days(client) == []


def test_reports_and_hours_are_kept_for_a_while(watched: FlaskClient, clock: Clock, tmp_path: Path) -> None:
    run(watched)
    clock.forward(timedelta(hours=20))
    run(watched)
    clock.forward(timedelta(days=300))
    run(watched)
    assert len(days(watched)) == 1
    assert not [name for name in FolderObjects(tmp_path).names("monitoring/hours/") if "2026-05" in name]
    clock.forward(timedelta(days=101))
    run(watched)
    assert days(watched) == []


def test_a_run_that_another_one_overtakes_is_left_to_it(
    watched: FlaskClient, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    objects = FolderObjects(tmp_path)

    class Overtaken(FolderObjects):
        """Bucket in which another run changes the alerts before each of this run's changes."""

        def write(self, name: str, data: bytes, *, generation: int) -> int:
            if name == "monitoring/alerts.json":
                current = objects.read(name)
                objects.write(name, data, generation=current.generation if current else 0)
            return super().write(name, data, generation=generation)

    wired = deployment.wire(
        wiring.services().documents, tmp_path, clock, objects=Overtaken(tmp_path), thresholds={"cost": 0.0}
    )
    with wiring.use(wired):
        assert watched.post("/monitor").status_code == 409
    # The other run logs what it stored.
    assert alerts(caplog) == []


def test_a_report_has_what_users_did_and_what_is_to_come(watched: FlaskClient, clock: Clock) -> None:
    listed = watched.get("/api/v1/recommendations", query_string={"user_id": "jazz_fan_1"}).get_json()
    shown = [item["event_id"] for item in listed["items"]]
    of_list = {"recommendation_id": listed["recommendation_id"], "position": 0}
    entries = [
        {"type": "impression", "event_ids": shown, **of_list},
        {"type": "click", "event_id": shown[0], **of_list},
        {"type": "booking", "event_id": shown[0], **of_list},
    ]
    body = {"user_id": "jazz_fan_1", "interactions": entries}
    assert watched.post("/api/v1/interactions", json=body).get_json()["rejected"] == []
    watched.get("/api/v1/health")
    clock.forward(HOUR)
    watched.get("/api/v1/health")
    run(watched)
    [report] = days(watched)
    feedback = report["feedback"]
    assert (feedback["impressions"], feedback["clicks"], feedback["bookings"]) == (len(shown), 1, 1)
    assert feedback["coverage"] == len(shown) / len(ALL)
    assert feedback["by"]["list"]["recommendations"]["ctr"] == pytest.approx(1 / len(shown), abs=1e-4)
    assert report["calibration"]["shown"]["ndcg_at_10"] == 1.0
    assert report["forecast"]["series"][0]["kind"] == "all"
    assert report["operations"]["interactions"]["impression"] == 1
