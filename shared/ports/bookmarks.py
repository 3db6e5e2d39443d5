"""Bookmarks port: positions of recurring jobs, with a fence against two runs at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """Position of a job.

    Attributes
    ----------
    at : time up to which everything is done; None before the first run.
    until : end of the batch that is under way, None between two batches.
    after : last item of that batch that is done, "" for none.
    """

    at: datetime | None = None
    until: datetime | None = None
    after: str = ""


@dataclass(frozen=True, slots=True)
class Fence:
    """Fence: a run's claim on a bookmark, which ends when another run claims it.

    Attributes
    ----------
    name : name of the bookmark.
    progress : position when it was claimed.
    token : the store's version of the bookmark.
    """

    name: str
    progress: Progress
    token: object


class Bookmarks(Protocol):
    """Bookmarks (high-water marks) of recurring jobs."""

    def read(self, name: str) -> datetime | None:
        """Time up to which a job is done, from which it continues; None before its first run."""

    def move(self, name: str, to: datetime) -> None:
        """Update of a job's bookmark, from which its next run continues."""

    def claim(self, name: str) -> Fence:
        """Claim of a bookmark for a run, which ends the claims of all others."""
