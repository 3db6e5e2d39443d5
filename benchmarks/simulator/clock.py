"""Simulated clock and timer of a deployment."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

_STEP = timedelta(milliseconds=20)
"""Time that each look at the clock takes, so that no two documents have the same stamp."""


@dataclass
class Clock:
    """Simulated clock, UTC: it moves on a little with each look, and else only when it is told to."""

    at: datetime

    def __call__(self) -> datetime:
        """Present, a little later than at the look before."""
        self.at += _STEP
        return self.at

    def forward(self, at: datetime) -> None:
        """Move on to `at`, or stay where that is past."""
        self.at = max(self.at, at)


@dataclass
class Timer:
    """Timer of requests, seconds: the processor's real one, and simulated waits, which pass at once."""

    waited: float = 0.0

    def __call__(self) -> float:
        """Seconds since some time."""
        return time.perf_counter() + self.waited

    def wait(self, seconds: float) -> None:
        """Wait that only this timer sees."""
        self.waited += seconds
