"""Training lease: an expiring lock on an object, taken and renewed by compare-and-swap, for one trainer at a time."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Self

from shared.entities import fields
from shared.entities.stored import read_object
from shared.errors import ArtifactError, Conflict
from shared.ports import Blob, ObjectStore

LEASE: Final = "runs/lease.json"
DURATION: Final = timedelta(minutes=10)
"""Lifetime of a lease without renewal; after a crash, the next run waits for at most this long."""


class Lease:
    """Lease of the trainer: an exclusive lock that expires, so that a crashed run does not block the next for long.

    It only saves work: the step that must not happen twice, moving a pointer, is a compare-and-swap of its own.
    """

    def __init__(self, objects: ObjectStore, owner: str, generation: int, clock: Callable[[], datetime]) -> None:
        self._objects = objects
        self._owner = owner
        self._generation = generation
        self._clock = clock
        self._renew_at = clock() + DURATION / 2

    @classmethod
    def take(cls, objects: ObjectStore, owner: str, clock: Callable[[], datetime]) -> Self:
        """Lease acquired for `owner`, if it is free or expired; raises `Conflict` naming the holder otherwise."""
        current = objects.read(LEASE)
        holder, until = _parse(current)
        now = clock()
        # No trainer takes a lease for longer; the margin is for clocks that differ.
        if holder and until and now < until <= now + 2 * DURATION:
            raise Conflict(f"{LEASE}: run {holder} is training and holds the lease until {until:%Y-%m-%dT%H:%M:%SZ}")
        return cls(objects, owner, _write(objects, owner, now + DURATION, current), clock)

    def renew(self) -> None:
        """Renewal of the lease once half of `DURATION` is over; raises `Conflict` when another run has taken over."""
        if self._clock() >= self._renew_at:
            current = Blob(b"", self._generation)
            self._generation = _write(self._objects, self._owner, self._clock() + DURATION, current)
            self._renew_at = self._clock() + DURATION / 2

    def release(self) -> None:
        """Release of the lease, so that the next run may begin; does nothing when another run has taken over."""
        try:
            _write(self._objects, "", self._clock(), Blob(b"", self._generation))
        except Conflict:
            return


def _write(objects: ObjectStore, owner: str, until: datetime, current: Blob | None) -> int:
    document = json.dumps({"owner": owner, "until": until.isoformat()}).encode()
    return objects.write(LEASE, document, generation=current.generation if current else 0)


def _parse(blob: Blob | None) -> tuple[str, datetime | None]:
    if blob is None:
        return "", None
    try:
        return read_object(blob.data, LEASE, lambda document: (str(document["owner"]), fields.time(document, "until")))
    except ArtifactError:
        # No trainer wrote this object; the next one replaces it.
        return "", None
