"""Simulated clock of a deployment."""

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
