"""Deliveries of a load test: what Eventarc does with the documents of interactions, repeats and losses included."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Final, Self

from benchmarks.budget import OutOfTime
from shared.adapters.cloudevent import encode_change
from shared.entities import Interaction
from shared.errors import StoreUnavailable
from shared.feedback.counts import recorded_time
from shared.ports import Documents

_OVERLAP: Final = timedelta(seconds=2)
"""Documents become readable after their stamp."""
_PAUSE_S: Final = 0.5
_AT_ONCE: Final = 8
_MANY: Final = 2 * _AT_ONCE
"""Deliveries at once from which their rate is measured: fewer wait for each other's answers, not for a processor."""
_UNKNOWN_PER_S: Final = 20.0
"""Rate until one has been measured: that of a machine which other work keeps busy."""
_REPEATED: Final = 0.05
_LOST: Final = 0.02
_TIMEOUT_S: Final = 70.0
_ENDING_S: Final = 2.0
"""Seconds for which `close` waits for requests that are under way; their connections end with the instances."""

_Version = tuple[str, datetime]


@dataclass(slots=True)
class _Waiting:
    """Version that is not delivered yet: when it was found, by the monotonic clock, and what is left to send."""

    since_s: float
    copies: int


class Deliveries:
    """Deliveries of each new version of an interaction's document to `interaction`, in any order, until `close`.

    A share of them arrives twice, another never; what fails is sent again, as with `retry: true`.

    Parameters
    ----------
    documents : store in which new documents are looked for.
    ports : ports of the instances of `interaction`, which take turns.
    since : time from which documents are new.
    pause_s : seconds between two looks for new documents, and before what failed is sent again.

    Attributes
    ----------
    answers : answers by status, "lost" for what was never sent.
    done : versions of documents that are dealt with: delivered, or lost on purpose.
    found_late : versions that were readable so long after their stamp that only `finish` found them.
    unreadable : attempts to look for new documents in vain.
    """

    def __init__(
        self,
        documents: Documents,
        ports: Sequence[int],
        *,
        since: datetime,
        rng: Random,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self.answers: Counter[str] = Counter()
        self.done = 0
        self.found_late = 0
        self.unreadable = 0
        self._documents = documents
        self._turns = itertools.cycle(ports)
        self._began = self._since = since
        self._rng = rng
        self._pause_s = pause_s
        self._seen: set[_Version] = set()
        self._waiting: dict[_Version, _Waiting] = {}
        self._measured, self._busy_s = 0, 0.0
        self._looks = self._last_idle = 0
        self._from_beginning = False
        self._failure: Exception | None = None
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def per_s(self) -> float:
        """Deliveries a second, while there were many to make."""
        return self._measured / self._busy_s if self._busy_s else _UNKNOWN_PER_S

    def drain(self, limit_s: float) -> None:
        """Wait until all documents that are there have been delivered; raises `OutOfTime` after `limit_s` seconds."""
        with self._changed:
            # The look that is under way may have missed the newest documents.
            first = self._looks + 1
            is_over = self._changed.wait_for(lambda: self._failure or self._last_idle >= first, limit_s)
        if self._failure:
            raise self._failure
        if not is_over:
            raise OutOfTime(f"after {limit_s:.0f} s {self.outstanding()}")

    def finish(self, limit_s: float) -> None:
        """As `drain`, after a look at all documents since the beginning: a writer may have waited after its stamp."""
        with self._changed:
            self._from_beginning = True
        self.drain(limit_s)

    def outstanding(self) -> str:
        """Message on the deliveries that are not made yet, and for how long they have been known."""
        with self._changed:
            waiting = [entry.since_s for entry in self._waiting.values()]
            oldest = f", the oldest for {time.monotonic() - min(waiting):.0f} s" if waiting else " that are known"
            answers = ", ".join(f"{number} × {what}" for what, number in sorted(self.answers.items())) or "none"
            unreadable = f"; the store could not be read {self.unreadable} times" if self.unreadable else ""
            return (
                f"{len(waiting):,} deliveries were outstanding{oldest}, and {self.done:,} were made; "
                f"answers: {answers}{unreadable}"
            )

    def close(self) -> None:
        """End of deliveries, made or not: `drain` and `finish` wait for them."""
        self._closing.set()
        self._thread.join(_ENDING_S)

    def _run(self) -> None:
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            while not self._closing.is_set():
                self._round(pool)
                self._closing.wait(self._pause_s)
        except Exception as error:  # noqa: BLE001  # whoever waits raises it, and would wait for nothing otherwise
            with self._changed:
                self._failure = error
                self._changed.notify_all()
        finally:
            pool.shutdown(cancel_futures=True)
            for connection in self._connections:
                connection.close()

    def _round(self, pool: ThreadPoolExecutor) -> None:
        """One look for new documents, and their deliveries."""
        with self._changed:
            self._looks += 1
        try:
            due = self._due()
        except StoreUnavailable:
            self.unreadable += 1
            return
        began = time.monotonic()
        for made in [pool.submit(self._deliver, entry) for entry in due]:
            made.result()
        with self._changed:
            if len(due) >= _MANY:
                self._measured += len(due)
                self._busy_s += time.monotonic() - began
            if not due:
                self._last_idle = self._looks
            self._changed.notify_all()

    def _due(self) -> list[Interaction]:
        """Deliveries of new versions of documents, in any order."""
        with self._changed:
            is_last = self._from_beginning
        found = [*self._documents.interactions.since((self._began if is_last else self._since) - _OVERLAP)]
        due: list[Interaction] = []
        with self._changed:
            for entry in found:
                version = _version(entry)
                if version in self._seen:
                    continue
                self._seen.add(version)
                self.found_late += version[1] < self._since - _OVERLAP
                if self._rng.random() < _LOST:
                    self.answers["lost"] += 1
                    self.done += 1
                    continue
                copies = 1 + (self._rng.random() < _REPEATED)
                self._waiting[version] = _Waiting(time.monotonic(), copies)
                due += [entry] * copies
            self._since = max([self._since, *(recorded_time(entry) for entry in found)])
            self._from_beginning &= not is_last
        self._rng.shuffle(due)
        return due

    def _deliver(self, entry: Interaction) -> None:
        if not self._send(entry):
            return
        with self._changed:
            waiting = self._waiting[_version(entry)]
            waiting.copies -= 1
            if not waiting.copies:
                del self._waiting[_version(entry)]
                self.done += 1

    def _send(self, entry: Interaction) -> bool:
        """Whether a delivery was taken before `close`."""
        body = encode_change(
            "interactions", entry.interaction_id, entry.to_document() | {"recorded_at": entry.recorded_at}
        )
        headers = {
            "ce-id": uuid.uuid4().hex,
            "ce-source": "//firestore.googleapis.com/projects/local/databases/(default)",
            "ce-type": "google.cloud.firestore.document.v1.written",
            "ce-specversion": "1.0",
            "Content-Type": "application/protobuf",
        }
        status = 0
        while status != 200 and not self._closing.is_set():
            status = self._status(body, headers)
            with self._changed:
                self.answers[str(status or "no answer")] += 1
            if status != 200:
                self._closing.wait(self._pause_s)
        return status == 200

    def _status(self, body: bytes, headers: dict[str, str]) -> int:
        """Status of an answer, 0 without one."""
        if getattr(self._local, "connection", None) is None:
            port = next(self._turns)
            self._local.connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
            self._connections.append(self._local.connection)
        connection: HTTPConnection = self._local.connection
        # The server closes connections that rest, which says nothing about the delivery.
        for _ in range(1 + (connection.sock is not None)):
            with suppress(HTTPException, OSError):
                connection.request("POST", "/", body, headers)
                response = connection.getresponse()
                response.read()
                return int(response.status)
            connection.close()
        return 0


def _version(entry: Interaction) -> _Version:
    return entry.interaction_id, recorded_time(entry)
