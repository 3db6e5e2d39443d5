import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from functions.capacity import Capacity
from shared.errors import StoreUnavailable
from shared.ports import time_budget


def test_many_short_calls_all_get_a_place() -> None:
    capacity = Capacity(2, wait_s=1.0)
    running, most, lock = [0], [0], threading.Lock()

    def call(_: int) -> None:
        with capacity.place():
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.01)
            with lock:
                running[0] -= 1

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(call, range(200)))
    assert most == [2]


def test_beside_calls_that_do_not_end_nobody_waits_for_long() -> None:
    capacity = Capacity(2, wait_s=1.0)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(capacity.place())
        for limit_s in (1.0, 0.0):
            started = time.monotonic()
            with pytest.raises(StoreUnavailable, match="places"), capacity.place():
                """Never reached."""
            assert time.monotonic() - started < limit_s + 0.8
    with capacity.place():
        """A place is free again."""


def test_a_request_waits_for_a_place_no_longer_than_its_budget() -> None:
    capacity = Capacity(1, wait_s=60)
    with capacity.place(), time_budget(0.1):
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="used up"), capacity.place():
            """Never reached."""
        assert time.monotonic() - started < 1
