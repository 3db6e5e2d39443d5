"""Digests in the bucket: the current one, the training set that it gives, and the deletion of others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from shared.catalog.calendar import Calendar
from shared.entities import Erasures
from shared.errors import ArtifactError, Conflict, NotFound
from shared.ledger import digest as stored
from shared.ledger import parquet
from shared.ledger.digest import BOOKINGS, POINTER, SUMS, Digest, fingerprint
from shared.ledger.index import EVENTS, INTERACTIONS, USERS, Ledger
from shared.monitoring.bookings import BookedWeeks
from shared.ports import ObjectStore
from shared.services.odd_documents import OddUsers
from shared.services.training.dataset import Digested, Files, TrainingSet
from shared.services.training.ledger_compaction import without_forgotten
from shared.services.training.ledger_sync import LedgerFiles
from shared.services.training.totals import DigestTotals

MAX_AGE: Final = timedelta(days=2)
"""Age of the oldest digest that is trained from: a model learns from what happened, and an instance reads all events
that have changed since the training."""

_REMEDY: Final = "make one with `marquee digest`"


def current(objects: ObjectStore, ledger: Ledger, *, now: datetime) -> Digest:
    """Digest of a ledger; raises `NotFound` without any, and `ArtifactError` for one of another ledger or too old."""
    digest = described(objects)
    if digest.ledger != fingerprint(ledger):
        raise ArtifactError(
            f"{POINTER}: made of the ledger as of {digest.now:%Y-%m-%dT%H:%M:%SZ}, which has changed since; {_REMEDY}"
        )
    if now - digest.now > MAX_AGE:
        raise ArtifactError(
            f"{POINTER}: expected a digest of the latest {MAX_AGE.days} days, "
            f"got one of {digest.now:%Y-%m-%dT%H:%M:%SZ}; {_REMEDY}"
        )
    return digest


def described(objects: ObjectStore) -> Digest:
    """Description of the digest in the bucket, whatever it is of; raises `NotFound` without any."""
    blob = objects.read(POINTER)
    if blob is None:
        raise NotFound(f"{POINTER}: expected a digest of the ledger, got none; {_REMEDY}")
    return Digest.from_json(blob.data)


def training_set(
    files: LedgerFiles,
    digest: Digest,
    forgotten: Erasures,
    *,
    calendar: Calendar | None = None,
    has_friends: bool = False,
) -> TrainingSet:
    """Training set of a digest, as of its time.

    Its sample is without users who were forgotten since: sums, in which nobody can be found, still count what they did.
    """
    sample = sample_set(files, digest, forgotten, calendar=calendar, has_friends=has_friends)
    [(name, data)] = _contents(files, digest, SUMS)
    sums = stored.read_sums(name, data, digest.moments)
    [(name, data)] = _contents(files, digest, BOOKINGS)
    booked = BookedWeeks(*stored.read_bookings(name, data, sums.events))
    events = sample.catalog.events
    totals = DigestTotals(sums, booked, digest.week, events, digest.interactions, digest.profiled)
    return replace(sample, digested=Digested(totals, digest.cutoff))


def sample_set(
    files: LedgerFiles,
    digest: Digest,
    forgotten: Erasures,
    *,
    calendar: Calendar | None = None,
    has_friends: bool = False,
) -> TrainingSet:
    """Training set of a digest's sample alone, whose totals are its own."""
    sample = TrainingSet.of_files(
        _sample_files(files, digest, forgotten),
        now=digest.now,
        watermark=files.ledger.watermark(),
        calendar=calendar,
        has_friends=has_friends,
    )
    odd = replace(sample.odd, users=OddUsers(digest.profiles, dict(digest.mended), dict(digest.dropped)))
    return replace(sample, odd=odd)


def sample_cutoff(files: LedgerFiles, digest: Digest) -> datetime | None:
    """Cutoff of model selection of a digest's sample, UTC; None without a history.

    It follows from the times of interactions, so events are not read: they would take most of the time and memory.
    """
    without_events = replace(_sample_files(files, digest, Erasures()), events=lambda: ())
    return TrainingSet.of_files(without_events, now=digest.now, watermark=None).cutoff


def _sample_files(files: LedgerFiles, digest: Digest, forgotten: Erasures) -> Files:
    until, latest = files.ledger.forgotten_until, forgotten.latest()
    is_new = latest is not None and (until is None or latest > until)

    def read(feed: str) -> Iterator[tuple[str, bytes]]:
        for name, data in _contents(files, digest, feed):
            if not is_new:
                yield name, data
                continue
            table = parquet.read(feed, name, data, parquet.schema(feed).names)
            yield name, parquet.to_bytes(without_forgotten(feed, table, forgotten))

    return Files(
        events=lambda: files.contents(files.ledger.feeds[EVENTS].chunks),
        users=lambda: read(USERS),
        interactions=lambda: read(INTERACTIONS),
        latest=lambda: read(INTERACTIONS),
    )


def publish(objects: ObjectStore, digest: Digest) -> None:
    """Publication of a digest whose files are written: moves the pointer and deletes what it does not name.

    Raises `Conflict` where the ledger has changed meanwhile, or another digest was published.
    """
    ledger, blob = LedgerFiles(objects).ledger, objects.read(POINTER)
    if digest.ledger != fingerprint(ledger):
        raise Conflict(f"{POINTER}: the ledger has changed while the digest was made; make it again")
    objects.write(POINTER, digest.to_json(), generation=blob.generation if blob else 0)
    sweep(objects, ledger)


def sweep(objects: ObjectStore, ledger: Ledger) -> int:
    """Deletion of digests that cannot be used: of earlier ledgers, damaged, or left by killed jobs; returns a count."""
    kept: set[str] = set()
    try:
        digest = described(objects)
    except (ArtifactError, NotFound):
        pass
    else:
        if digest.ledger == fingerprint(ledger):
            kept = {POINTER, *(chunk.name for chunk in digest.files.values())}
    unused = [name for name in objects.names(stored.FOLDER) if name not in kept]
    # The pointer first: it must not name files that are gone.
    for name in sorted(unused, key=lambda name: name != POINTER):
        objects.delete(name)
    return len(unused)


def _contents(files: LedgerFiles, digest: Digest, name: str) -> Iterator[tuple[str, bytes]]:
    return files.contents([digest.files[name]], index=POINTER, remedy=_REMEDY)
