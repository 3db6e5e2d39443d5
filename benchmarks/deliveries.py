"""Deliveries of a load test: what Eventarc does with the documents of interactions, repeats and losses included."""

import itertools
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Final, Self

from shared.adapters.cloudevent import encode_change
from shared.entities import Interaction
from shared.feedback.counts import recorded_time
from shared.ports import Documents

_OVERLAP: Final = timedelta(seconds=2)
"""Documents become readable after their stamp."""
_PAUSE_S: Final = 0.5
_AT_ONCE: Final = 8
_REPEATED: Final = 0.05
_LOST: Final = 0.02
_TIMEOUT_S: Final = 70.0


class Deliveries:
    """Deliveries of each new version of an interaction's document to `interaction`, in any order, until `close`.

    A share of them arrives twice, another never; what fails is sent again, as with `retry: true`.

    Parameters
    ----------
    documents : store in which new documents are looked for.
    ports : ports of the instances of `interaction`, which take turns.
    """

    def __init__(self, documents: Documents, ports: Sequence[int], *, since: datetime, rng: Random) -> None:
        self._documents = documents
        self._turns = itertools.cycle(ports)
        self._since = since
        self._rng = rng
        self._seen: set[tuple[str, datetime]] = set()
        self._local = threading.local()
        self._closing, self._idle = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: Counter[str] = Counter()
        """Answers by status, "lost" for what was never sent."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def drain(self) -> None:
        """Wait until all documents that are there have been delivered."""
        self._idle.clear()
        self._idle.wait()

    def close(self) -> None:
        """End of deliveries, after all documents that are there have been delivered."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while True:
                is_last = self._closing.is_set()
                due = self._due()
                list(pool.map(self._deliver, due))
                if is_last:
                    return
                if not due:
                    self._idle.set()
                time.sleep(_PAUSE_S)

    def _due(self) -> list[Interaction]:
        due = []
        for entry in self._documents.interactions.since(self._since - _OVERLAP):
            version = entry.interaction_id, recorded_time(entry)
            if version not in self._seen:
                self._seen.add(version)
                due.append(entry)
            self._since = max(self._since, version[1])
        sent = [entry for entry in due if self._rng.random() >= _LOST]
        self.answers["lost"] += len(due) - len(sent)
        sent += [entry for entry in sent if self._rng.random() < _REPEATED]
        self._rng.shuffle(sent)
        return sent

    def _deliver(self, entry: Interaction) -> None:
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
        while status != 200:
            status = self._status(body, headers)
            self.answers[str(status or "no answer")] += 1
            if status != 200:
                time.sleep(_PAUSE_S)

    def _status(self, body: bytes, headers: dict[str, str]) -> int:
        """Status of an answer, 0 without one."""
        if getattr(self._local, "connection", None) is None:
            port = next(self._turns)
            self._local.connection = HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
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
