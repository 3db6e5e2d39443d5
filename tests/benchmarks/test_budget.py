"""Time budget of a benchmark: parts add up, and what waits for ever is interrupted at the deadline."""

import threading
import time

import pytest

from benchmarks.budget import Budget
from jobs.interruption import interruptible


def test_parts_add_up_and_are_told() -> None:
    times = iter([0.0, 1.0, 3.0, 4.0, 9.0, 10.0, 11.5, 12.0, 99.0])
    budget = Budget(20, clock=lambda: next(times))
    for name in ("load", "deliveries", "load"):
        with budget.part(name):
            pass
    assert budget.took_s == {"load": 3.5, "deliveries": 5.0}
    assert budget.shown() == "load 4 s, deliveries 5 s"
    assert budget.left_s == 8.0
    assert budget.left_s == 0.0
    assert not budget.is_over


def test_a_wait_without_an_end_is_interrupted_at_the_deadline() -> None:
    budget, began = Budget(0.2), time.monotonic()
    with pytest.raises(KeyboardInterrupt), interruptible(), budget.enforced(), budget.part("the comparison"):
        threading.Event().wait()
    assert time.monotonic() - began < 2
    assert budget.is_over
    assert budget.said().startswith("0.2 s were over during the comparison")


def test_a_block_that_ends_in_time_is_not_interrupted() -> None:
    budget = Budget(0.1)
    with interruptible(), budget.enforced():
        pass
    time.sleep(0.15)
    assert not budget.is_over
