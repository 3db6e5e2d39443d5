from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shared.adapters.breaker import Breaker
from shared.errors import StoreUnavailable
from shared.ports import CALL_S, remaining_s, time_budget, with_budget

ENOUGH_S, PAUSE_S = 2.0, 3.0


@dataclass
class Seconds:
    """Manual clock."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def breaker(seconds: Seconds) -> Breaker:
    return Breaker(enough_s=ENOUGH_S, pause_s=PAUSE_S, clock=seconds)


def _fail(breaker: Breaker, seconds: Seconds, took_s: float, then: Callable[[float], Any] = lambda _: None) -> None:
    def call(given: float) -> None:
        then(given)
        seconds.now += took_s
        raise StoreUnavailable("slow")

    with pytest.raises(StoreUnavailable, match="slow"):
        _answer(breaker, call)


def _answer(breaker: Breaker, then: Callable[[float], Any] = lambda _: None) -> None:
    with breaker.call(10.0) as given:
        then(given)


def test_calls_of_a_request_fail_at_once_after_enough_was_waited_in_vain(breaker: Breaker, seconds: Seconds) -> None:
    with time_budget(60):
        _fail(breaker, seconds, 1.9)
        _answer(breaker)
        _fail(breaker, seconds, 1.9)
        _fail(breaker, seconds, 0.1)

        # One call tries the store, the others fail.
        def beside(given: float) -> None:
            assert given == ENOUGH_S
            with pytest.raises(StoreUnavailable, match="known to hang") as refused:
                _answer(breaker)
            assert refused.value.retry_after_s == ENOUGH_S + PAUSE_S

        _fail(breaker, seconds, ENOUGH_S, beside)
        with pytest.raises(StoreUnavailable, match="known to hang"):
            _answer(breaker)
        seconds.now += PAUSE_S
        _answer(breaker)
        _answer(breaker)


def test_a_call_that_still_waits_is_evidence_until_another_succeeds(breaker: Breaker, seconds: Seconds) -> None:
    with time_budget(60), breaker.call(10.0):
        seconds.now += 1.9
        _answer(breaker)
        seconds.now += 1.9
        _answer(breaker)

    def beside(_: float) -> None:
        seconds.now += ENOUGH_S
        _fail(breaker, seconds, 0.1)
        with pytest.raises(StoreUnavailable, match="known to hang"):
            _answer(breaker)

    with time_budget(60):
        _fail(breaker, seconds, 0.0, beside)


def test_an_error_is_an_answer_too(breaker: Breaker, seconds: Seconds) -> None:
    def call(_: float) -> None:
        seconds.now += 1.9
        raise KeyError

    with time_budget(60):
        for _ in range(9):
            with pytest.raises(KeyError):
                _answer(breaker, call)
        _answer(breaker)


def test_calls_without_a_budget_are_never_refused(breaker: Breaker, seconds: Seconds) -> None:
    for _ in range(9):
        _fail(breaker, seconds, 9.0)
    _answer(breaker, lambda given: pytest.approx(10.0) == given or pytest.fail(str(given)))


def test_a_call_takes_a_part_of_the_budget_and_none_once_it_is_used_up(breaker: Breaker) -> None:
    with time_budget(60):
        _answer(breaker, lambda given: given == CALL_S or pytest.fail(str(given)))
    with time_budget(0.5):
        _answer(breaker, lambda given: given <= 0.5 or pytest.fail(str(given)))
        # An inner block may take less, not more.
        with time_budget(60):
            assert remaining_s(60) <= 0.5
    with time_budget(0), pytest.raises(StoreUnavailable, match="used up"):
        _answer(breaker)
    assert remaining_s(60) == 60


def test_threads_that_work_for_a_request_have_its_budget() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        with time_budget(0.5):
            assert pool.submit(with_budget(remaining_s), 60.0).result() <= 0.5
        assert pool.submit(remaining_s, 60.0).result() == 60
