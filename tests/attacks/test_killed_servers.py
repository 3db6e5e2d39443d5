"""Servers that are killed under load, and users who are erased while they act: what was acknowledged holds."""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.attacks.server import ask, prepare, process, server

SENDERS = 8
KILLS = 8
ERASURES = 5


def _held(url: str, user_id: str) -> set[str]:
    """Ids of the interactions that are stored of a user."""
    status, body, _ = ask(f"{url}/users/{user_id}/data")
    assert status == 200
    return {entry["id"] for entry in body["documents"] if entry["collection"] == "interactions"}


class Sender:
    """Client that sends until its server is gone; `acknowledged` are the interactions that it may rely on."""

    def __init__(self, url: str, user_id: str, start: int) -> None:
        self.acknowledged = set[str]()
        self._url, self._user_id, self._number = url, user_id, start

    def run(self) -> None:
        try:
            while True:
                self._number += 1
                entries = [{"type": kind, "event_id": f"e{self._number}"} for kind in ("save", "view")]
                status, body, _ = ask(f"{self._url}/interactions", {"user_id": self._user_id, "interactions": entries})
                if status == 200:
                    self.acknowledged.update(body["accepted"])
        except (OSError, HTTPException, ValueError):
            return


@pytest.mark.parametrize("rounds", [1, pytest.param(KILLS, marks=pytest.mark.attacks)])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path, rounds: int) -> None:
    environ, rng = prepare(tmp_path), random.Random(rounds)
    acknowledged: dict[str, set[str]] = {f"u{number}": set() for number in range(SENDERS)}
    for turn in range(rounds):
        with process(environ) as (url, group), ThreadPoolExecutor(SENDERS) as pool:
            senders = {user_id: Sender(url, user_id, turn * 100_000) for user_id in acknowledged}
            running = [pool.submit(sender.run) for sender in senders.values()]
            time.sleep(rng.uniform(0.5, 1.5))
            os.killpg(group, signal.SIGKILL)
            for one in running:
                one.result()
        for user_id, sender in senders.items():
            assert sender.acknowledged
            acknowledged[user_id] |= sender.acknowledged
    with server(environ) as url:
        for user_id, ids in acknowledged.items():
            assert ids - _held(url, user_id) == set()


@pytest.mark.attacks
@pytest.mark.parametrize("seed", range(3))
def test_an_erasure_outlives_what_is_sent_meanwhile(tmp_path: Path, seed: int) -> None:
    rng, stop, seen = random.Random(seed), threading.Event(), list[int]()
    with server(prepare(tmp_path)) as url, ThreadPoolExecutor(SENDERS) as pool:

        def send(sender: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                entry = {"type": "save", "event_id": f"e{sender}_{number}"}
                seen.append(ask(f"{url}/interactions", {"user_id": "u", "interactions": [entry]})[0])

        running = [pool.submit(send, number) for number in range(SENDERS)]
        for _ in range(ERASURES):
            time.sleep(rng.uniform(0.05, 0.4))
            assert ask(f"{url}/users/u", method="DELETE")[0] == 200
            # What was sent up to the minute of the erasure is forgotten, and meanwhile nothing new is taken.
            held = _held(url, "u")
            assert held == set()
        stop.set()
        for one in running:
            one.result()
        assert set(seen) <= {200, 429}
        assert {200, 429} & set(seen)
        assert _held(url, "u") == set()
        status, body, _ = ask(f"{url}/events/e1_1/similar")
        assert (status, "event_id" in body["detail"]) == (404, True)
