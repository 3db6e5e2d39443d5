"""Bulk load of a CSV folder into a document store: `python -m jobs.load FOLDER`."""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

from functions import wiring
from jobs.console import Console, table
from jobs.csvfile import Rejection, RejectionFile
from jobs.folder import Entity, EntityFile, Folder
from shared.adapters.stores import DOCUMENTS, open_documents
from shared.errors import MarqueeError
from shared.ports import Documents, Written
from shared.services.ingest.bulk_load import CHUNK, load_interactions
from shared.settings import check_store


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the bulk load; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.load",
        description="Load events.csv, users.csv and interactions.csv into a document store. The load is idempotent: "
        "after an interruption, run it again. Invalid rows are listed with the reason; all other rows are loaded.",
    )
    parser.add_argument("folder", type=Path, help="folder with the CSV files")
    parser.add_argument(
        "--store", metavar="STORE", help="sqlite:PATH or firestore:PROJECT (default: $MARQUEE_DOCUMENTS or SQLite)"
    )
    parser.add_argument(
        "--rejected",
        type=Path,
        default=Path("rejected.csv"),
        help="CSV file for rejected rows (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        settings = wiring.read_settings(os.environ)
        store = check_store(given.store, DOCUMENTS, "--store") if given.store else settings.documents
        documents = open_documents(store)
        try:
            load_folder(
                given.folder,
                documents,
                rejected=given.rejected,
                now=datetime.now(UTC),
                console=console,
                keep_days=settings.keep_days,
            )
        finally:
            documents.close()
    except (MarqueeError, OSError) as error:
        console.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        console.say("interrupted; run the same command again to go on")
        return 130
    return 0


def load_folder(
    data: Path,
    documents: Documents,
    *,
    rejected: Path,
    now: datetime,
    console: Console,
    keep_days: int | None = None,
) -> None:
    """Bulk load of the CSV folder `data` into `documents`; idempotent.

    Writes rejected rows to the CSV file `rejected`, prints progress and a final report to `console`. Interactions
    later than `now` are rejected, and those that occurred more than `keep_days` days before it.
    """
    folder = Folder(data, now=now, keep_days=keep_days)
    for warning in folder.warnings():
        console.say(warning)
    with RejectionFile(rejected) as rejections:
        report = [
            _load(folder.events, partial(documents.events.put, now=now), rejections, console),
            _load(folder.users, partial(documents.users.put, now=now), rejections, console),
            _load(folder.interactions, partial(load_interactions, documents, now=now), rejections, console),
        ]
    console.say(table(["", "loaded", "unchanged", "rejected", "seconds"], report))
    if rejections.by_file:
        console.say(f"{rejected} lists the rejected rows, {rejections.by_file.total():,} in all")


def _load(
    file: EntityFile[Entity],
    put: Callable[[list[Entity]], Written],
    rejections: RejectionFile,
    console: Console,
) -> list[str]:
    """Load of a single file; returns its row of the report."""

    def accepted() -> Iterator[Entity]:
        for item in file:
            if isinstance(item, Rejection):
                rejections.add(item)
            else:
                yield item

    started = time.perf_counter()
    written, rows = Written(), accepted()
    while chunk := list(islice(rows, CHUNK)):
        done = put(chunk)
        written += dataclasses.replace(done, unchanged=len(chunk) - done.loaded)
        console.progress(f"loading {file.name}: {file.share_read():.0%}, {written.loaded:,} new")
    counts: tuple[int, ...] = (written.loaded, written.unchanged, rejections.by_file[file.name])
    return [file.name, *(f"{count:,}" for count in counts), f"{time.perf_counter() - started:.1f}"]


if __name__ == "__main__":
    sys.exit(main())
