"""Telemetry of an instance: when it flushes, what stays when the bucket fails, and what ends up in the hours."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.errors import StoreUnavailable
from shared.monitoring.operations import hour_of
from shared.ports import Blob, time_budget
from shared.services.monitoring import hours
from shared.services.monitoring.telemetry import FIRST_AFTER, FLUSH_EVERY, PARTS, Telemetry
from tests.deployment import Clock
from tests.examples import DAY, NOW


class Bucket(FolderObjects):
    """Bucket that fails before a write, or after it, as when its answer is lost."""

    fails: str = ""
    writes: int = 0

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        self.writes += 1
        if self.fails == "before":
            raise StoreUnavailable("no answer")
        written = super().write(name, data, generation=generation)
        if self.fails == "after":
            raise StoreUnavailable("no answer")
        return written


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telemetry(bucket: Bucket, clock: Clock) -> Telemetry:
    return Telemetry(bucket, clock=clock, listed=lambda: 7, live=lambda _: 5, instance="one")


def requests_of(bucket: FolderObjects, clock: Clock) -> int:
    """Requests in the hours after a run of the scheduled job."""
    hours.take_parts(bucket, until=NOW - DAY)
    assert bucket.names(PARTS) == []
    return sum(hour.total().requests for hour in hours.read_hours(bucket, NOW - DAY, clock.now + DAY))


def test_an_instance_flushes_after_a_minute_and_then_every_ten(
    telemetry: Telemetry, bucket: Bucket, clock: Clock
) -> None:
    written = []
    for _ in range(60):
        telemetry.note("getHealth", 200, 0.001)
        telemetry.flush()
        written.append(len(bucket.names(PARTS)))
        clock.forward(timedelta(minutes=1))
    # The first request is not flushed by itself.
    assert written[:3] == [0, 1, 1]
    assert [number for number in range(1, 60) if written[number] > written[number - 1]] == [1, 11, 21, 31, 41, 51]
    assert requests_of(bucket, clock) == 52


@pytest.mark.parametrize("fails", ["before", "after"])
def test_what_a_bucket_does_not_take_is_counted_once_when_it_does(
    telemetry: Telemetry, bucket: Bucket, clock: Clock, fails: str
) -> None:
    telemetry.note("getHealth", 200, 0.001)
    clock.forward(FIRST_AFTER)
    bucket.fails = fails
    for _ in range(3):
        telemetry.flush()
        telemetry.note("getHealth", 200, 0.001)
        clock.forward(FLUSH_EVERY)
    bucket.fails = ""
    telemetry.flush()
    assert requests_of(bucket, clock) == 4
    clock.forward(FLUSH_EVERY)
    telemetry.flush()
    assert requests_of(bucket, clock) == 4


def test_a_failing_bucket_is_tried_once_in_ten_minutes(telemetry: Telemetry, bucket: Bucket, clock: Clock) -> None:
    bucket.fails = "before"
    telemetry.note("getHealth", 200, 0.001)
    clock.forward(FIRST_AFTER)
    for _ in range(20):
        telemetry.flush()
        clock.forward(timedelta(seconds=20))
    assert bucket.writes == 1


def test_a_request_without_time_left_leaves_the_flush_to_the_next(
    telemetry: Telemetry, bucket: Bucket, clock: Clock
) -> None:
    telemetry.note("getHealth", 200, 0.001)
    clock.forward(FIRST_AFTER)
    with time_budget(0):
        telemetry.flush()
    assert bucket.writes == 0
    telemetry.flush()
    assert bucket.writes == 1


def test_a_bucket_that_is_out_for_long_costs_bounded_memory(
    telemetry: Telemetry, bucket: Bucket, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.fails = "before"
    for _ in range(200):
        telemetry.note("getHealth", 200, 0.001)
        clock.forward(FLUSH_EVERY)
        telemetry.flush()
    assert len(telemetry._pending) == 72
    assert "figures of requests are lost" in caplog.text


def test_requests_of_several_threads_are_all_counted(telemetry: Telemetry, bucket: Bucket, clock: Clock) -> None:
    def ask() -> None:
        for _ in range(2_000):
            telemetry.note("getHealth", 200, 0.001)
            telemetry.flush()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    clock.forward(FIRST_AFTER)
    for thread in threads:
        thread.join()
    clock.forward(FLUSH_EVERY)
    telemetry.flush()
    assert requests_of(bucket, clock) == 8_000


def test_hours_get_their_own_requests_and_the_reads_of_the_instance(bucket: Bucket, clock: Clock) -> None:
    reads = iter([5, 12, 12])
    telemetry = Telemetry(bucket, clock=clock, listed=lambda: next(reads), live=lambda _: 5, instance="one")
    for minutes in (0, 30, 30):
        clock.forward(timedelta(minutes=minutes))
        telemetry.note("getHealth", 200, 0.001)
        telemetry.flush()
    clock.forward(FLUSH_EVERY)
    telemetry.flush()
    hours.take_parts(bucket, until=NOW - DAY)
    found = hours.read_hours(bucket, hour_of(NOW), NOW + DAY)
    assert [(hour.hour - NOW, hour.total().requests) for hour in found] == [
        (timedelta(0), 2),
        (timedelta(hours=1), 1),
    ]
    assert sum(hour.reads for hour in found) == 12
    assert max(hour.live_events for hour in found) == 5


def test_a_part_that_cannot_be_read_is_dropped_and_said(
    telemetry: Telemetry, bucket: Bucket, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.write(f"{PARTS}2026-05-01T12/bad.json", b"[]", generation=0)
    bucket.write(f"{PARTS}stray", b"", generation=0)
    telemetry.note("getHealth", 200, 0.001)
    clock.forward(FIRST_AFTER)
    telemetry.flush()
    assert requests_of(bucket, clock) == 1
    assert "bad.json" in caplog.text


class Killed(Exception):
    """End of a process."""


class Mortal(FolderObjects):
    """Bucket whose caller is killed at a call, before it or after it."""

    def __init__(self, root: Path, at: int, *, after: bool) -> None:
        super().__init__(root)
        self._left, self._after = at, after

    def _step(self) -> bool:
        self._left -= 1
        if self._left == 0 and not self._after:
            raise Killed
        return self._left == 0

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        is_last = self._step()
        written = super().write(name, data, generation=generation)
        if is_last:
            raise Killed
        return written

    def delete(self, name: str) -> None:
        is_last = self._step()
        super().delete(name)
        if is_last:
            raise Killed

    def read(self, name: str) -> Blob | None:
        is_last = self._step()
        found = super().read(name)
        if is_last:
            raise Killed
        return found


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 16))
def test_a_run_that_is_killed_anywhere_counts_each_request_once(
    bucket: Bucket, clock: Clock, tmp_path: Path, at: int, *, after: bool
) -> None:
    for instance in ("one", "two"):
        telemetry = Telemetry(bucket, clock=clock, listed=lambda: 0, live=lambda _: 5, instance=instance)
        for minutes in (0, 50, 30):
            clock.forward(timedelta(minutes=minutes))
            telemetry.note("getHealth", 200, 0.001)
            telemetry.flush()
        clock.forward(FLUSH_EVERY)
        telemetry.flush()
    with suppress(Killed):
        hours.take_parts(Mortal(tmp_path, at, after=after), until=NOW - DAY)
    assert requests_of(bucket, clock) == 6
