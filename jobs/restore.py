"""Restore of a lost document store from the ledger in the bucket: `python -m jobs.restore`."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, run
from jobs.console import Console, table
from shared.entities import Event, Status
from shared.errors import ArtifactError
from shared.feedback.retention import is_kept, kept_since
from shared.ledger import parquet
from shared.ledger.index import EVENTS, INTERACTIONS, POINTER, USERS
from shared.ports import Documents, ObjectStore, Written
from shared.services.ingest.bulk_load import CHUNK, load_interactions
from shared.services.training.ledger_sync import LedgerFiles

_Item = TypeVar("_Item")


@click.command(
    "restore",
    cls=Job,
    interrupted="interrupted; run the same command again to go on",
    help="Write the events, profiles and interactions of the ledger into a document store that lost them, with the "
    "histories and counts that follow. The restore is idempotent: after an interruption, run it again. What is stored "
    "already stays.",
)
@places.store_option
@places.objects_option
def command(*, store: str | None, objects: str | None) -> None:
    """Restore of the store of the settings or of the options."""
    settings = places.named(wiring.read_settings(os.environ), documents=store, objects=objects)
    wired = wiring.build(settings)
    try:
        restore(wired.documents, wired.objects, clock=wired.now, console=Console(), keep_days=settings.keep_days)
    finally:
        wired.documents.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the restore; returns the exit status."""
    return run(command, arguments, name="python -m jobs.restore")


def restore(
    documents: Documents,
    objects: ObjectStore,
    *,
    clock: Callable[[], datetime],
    console: Console,
    keep_days: int | None = None,
) -> None:
    """Restore of `documents` from the ledger in `objects`; raises `ArtifactError` where there is none.

    Left out are interactions that occurred more than `keep_days` days before the start, and users who are erased in
    `documents`. Each chunk has the time of `clock` as its stamp, see `load_folder`.
    """
    if objects.read(POINTER) is None:
        raise ArtifactError(f"{POINTER}: expected a ledger, got none; nothing can be restored from this bucket")
    began, files = clock(), LedgerFiles(objects)
    feeds = {name: feed.chunks for name, feed in files.ledger.feeds.items()}
    stored = {event.event_id for event in documents.events.changed_since(None)}
    known = {user.user_id for user in documents.users.changed_since(None)}
    erased = documents.personal.forgotten()
    events = parquet.events(parquet.newest(EVENTS, files.contents(feeds[EVENTS])))
    users = parquet.Profiles(parquet.newest(USERS, files.contents(feeds[USERS]))).values()
    since = kept_since(keep_days, began)
    interactions = (
        entry
        for name, data in files.contents(feeds[INTERACTIONS])
        for entry in parquet.interaction_entities(name, data)
        if is_kept(entry, since)
    )
    # The ledger is older than what is stored, which therefore wins.
    missing = (event for event in events if event.event_id not in stored and not _is_deleted(event))
    expected = {name: sum(chunk.rows for chunk in chunks) for name, chunks in feeds.items()}
    report = [
        _put(EVENTS, missing, lambda chunk: documents.events.put(chunk, now=clock()), console, expected[EVENTS]),
        _put(
            USERS,
            (user for user in users if user.user_id not in known and erased.at(user.user_id) is None),
            lambda chunk: documents.users.put(chunk, now=clock()),
            console,
            expected[USERS],
        ),
        _put(
            INTERACTIONS,
            interactions,
            lambda chunk: load_interactions(documents, chunk, now=clock(), began=began),
            console,
            expected[INTERACTIONS],
        ),
    ]
    console.say(table(["", "restored", "unchanged"], report))
    console.say("train with --reread next: venv/bin/marquee train --reread")


def _is_deleted(event: Event) -> bool:
    """Event that was deleted or unreadable when a training read it: the ledger has only that it is hidden."""
    return replace(event, updated_at=None, dropped=()) == Event(event_id=event.event_id, status=Status.HIDDEN)


def _put(
    name: str,
    items: Iterable[_Item],
    put: Callable[[Sequence[_Item]], Written],
    console: Console,
    rows: int,
) -> list[str]:
    """Restore of one collection, of which the ledger has `rows` rows; returns its row of the report."""
    written, rest, read = Written(), iter(items), 0
    with console.task(f"restoring {name}") as task:
        for chunk in _chunks(rest):
            written += put(chunk)
            read += len(chunk)
            task.update(min(read / max(rows, 1), 1.0), read)
    return [name, f"{written.loaded:,}", f"{written.unchanged:,}"]


def _chunks(items: Iterator[_Item]) -> Iterator[list[_Item]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk


if __name__ == "__main__":
    sys.exit(main())
