"""Bulk load of a CSV folder into a document store: `python -m jobs.load FOLDER`."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import click

from functions import wiring
from jobs import places
from jobs.commandline import Job, OutputFile, run
from jobs.console import Console, table
from jobs.csvfile import Rejection, RejectionFile
from jobs.folder import Entity, EntityFile, Folder
from jobs.options import ReadingOptions, reading_help, reading_options
from jobs.references import References
from shared.errors import InvalidField
from shared.ports import Documents, Written
from shared.services.ingest.bulk_load import CHUNK, load_interactions


@click.command(
    "load",
    cls=Job,
    interrupted="interrupted; run the same command again to go on",
    help=reading_help(
        "Load events.csv, users.csv and interactions.csv of FOLDER into a document store. The load is idempotent: "
        "after an interruption, run it again. Invalid rows are listed with the reason; all other rows are loaded.",
        example="FOLDER",
        status="Exit status: 0 if the folder is loaded; 1 if a file or a store cannot be used, or if more rows of a "
        "file are rejected than --max-rejected allows, while all others are loaded; 2 for wrong usage; 130 if "
        "interrupted.",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path))
@places.store_option
@places.objects_option
@click.option(
    "--rejected",
    type=OutputFile(),
    metavar="FILE",
    default="rejected.csv",
    show_default=True,
    help="CSV file for rejected rows, written anew by each load",
)
@reading_options(zone="$MARQUEE_TIMEZONE; without it, such times are rejected")
def command(*, folder: Path, store: str | None, objects: str | None, rejected: Path, options: ReadingOptions) -> None:
    """Bulk load of a folder into the store of the settings or of the options."""
    # First of all, so that nothing of an earlier load is taken for the reasons of this one.
    with RejectionFile(rejected) as rejections:
        settings = places.named(wiring.read_settings(os.environ), documents=store, objects=objects)
        documents = wiring.build(settings).documents
        try:
            load = _Load(documents, rejections, Console(), clock=lambda: datetime.now(UTC))
            load.run(folder, keep_days=settings.keep_days, options=options.in_zone_of(settings.timezone))
        finally:
            documents.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the bulk load; returns the exit status."""
    return run(command, arguments, name="python -m jobs.load")


def load_folder(
    data: Path,
    documents: Documents,
    *,
    rejected: Path,
    clock: Callable[[], datetime],
    console: Console,
    keep_days: int | None = None,
    options: ReadingOptions | None = None,
) -> None:
    """Bulk load of the CSV folder `data` into `documents`; idempotent.

    Writes rejected rows to the CSV file `rejected`, prints progress and a final report to `console`. Interactions
    later than the start are rejected, and those that occurred more than `keep_days` days before it. Each chunk has the
    time of `clock` as its stamp: instances and trainings look for what is new from some minutes ago on, and would never
    find what is written long after its stamp. Raises `InvalidField` for a header that cannot be used, and when all is
    loaded for a file of which more rows were rejected than `options` allow.
    """
    with RejectionFile(rejected) as rejections:
        load = _Load(documents, rejections, console, clock=clock)
        load.run(data, keep_days=keep_days, options=options or ReadingOptions())


class _Load:
    """Bulk load of one folder into a store, with its report."""

    def __init__(
        self, documents: Documents, rejections: RejectionFile, console: Console, *, clock: Callable[[], datetime]
    ) -> None:
        self._documents = documents
        self._rejections = rejections
        self._console = console
        self._clock = clock
        self._began = clock()
        self._rows: dict[str, int] = {}

    def run(self, data: Path, *, keep_days: int | None, options: ReadingOptions) -> None:
        """Load of all files, in the order in which they refer to each other."""
        try:
            folder = Folder(data, now=self._began, keep_days=keep_days, options=options)
        except InvalidField as error:
            self._reject_header(error)
            raise
        for warning in folder.warnings():
            self._console.say(warning)
        documents, references = self._documents, References(folder)
        report = [
            self._load(folder.events, lambda chunk: documents.events.put(chunk, now=self._clock()), references),
            self._load(folder.users, lambda chunk: documents.users.put(chunk, now=self._clock()), references),
            self._load(
                folder.interactions,
                lambda chunk: load_interactions(documents, chunk, now=self._clock(), began=self._began),
                references,
            ),
        ]
        for line in (
            *(note for file in folder.files() for note in file.notes()),
            *references.warnings(self._is_stored),
            *self._rejections.in_short(),
        ):
            self._console.say(line)
        self._console.say(table(["", "loaded", "unchanged", "rejected", "seconds"], report))
        if self._rejections.by_file:
            self._console.say(
                f"{self._rejections.path} lists the rejected rows, {self._rejections.by_file.total():,} in all"
            )
        options.max_rejected.check(self._rows, self._rejections.by_file)

    def _load(
        self, file: EntityFile[Entity], put: Callable[[list[Entity]], Written], references: References
    ) -> list[str]:
        """Load of a single file; returns its row of the report."""

        def accepted() -> Iterator[Entity]:
            for item in file:
                if isinstance(item, Rejection):
                    self._rejections.add(item)
                else:
                    references.note(item)
                    yield item

        started = time.perf_counter()
        written, rows = Written(), accepted()
        with self._console.task(f"loading {file.name}") as task:
            while chunk := list(islice(rows, CHUNK)):
                done = put(chunk)
                written += dataclasses.replace(done, unchanged=len(chunk) - done.loaded)
                task.update(file.share_read(), written.loaded + written.unchanged)
        rejected = self._rejections.by_file[file.name]
        self._rows[file.name] = written.loaded + written.unchanged + rejected
        counts: tuple[int, ...] = (written.loaded, written.unchanged, rejected)
        return [file.name, *(f"{count:,}" for count in counts), f"{time.perf_counter() - started:.1f}"]

    def _is_stored(self, event_id: str) -> bool:
        try:
            return self._documents.events.get(event_id) is not None
        except InvalidField:
            # It is there, though it cannot be read.
            return True

    def _reject_header(self, error: InvalidField) -> None:
        """Row for a file that is refused as a whole, so that the list of rejections says so."""
        name, separator, field = error.field.partition(": ")
        if separator and name.endswith(".csv"):
            self._rejections.add(Rejection(name, 1, field, error.reason))


if __name__ == "__main__":
    sys.exit(main())
