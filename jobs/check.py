"""Check of a store: what its collections hold, how it is read, and names for `marquee.toml`: `python -m jobs.check`."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import click

from functions import wiring
from jobs import places
from jobs.commandline import FAILED, Job, run
from jobs.console import table
from jobs.survey import findings
from jobs.survey.findings import MISSED, Findings, Sample, Shown
from jobs.survey.matching import KINDS
from jobs.survey.proposal import written
from shared.adapters.firestore.client import Database
from shared.adapters.firestore.pages import sampled
from shared.adapters.stores import open_documents
from shared.adapters.translation import EVENTS, INTERACTIONS, USERS
from shared.entities import Keys
from shared.errors import MarqueeError, SettingsError
from shared.ports import Documents
from shared.schema import FILE, CollectionSchema, Own, Schema
from shared.settings import Settings

MAX_SAMPLE: Final = 1_000
"""Documents that are read of a collection at most: as many as a query reads at once."""
_FEW: Final = 5
"""Documents that tell what a collection is about."""
_MAX_COLLECTIONS: Final = 100
_PREFIX: Final = "marquee_"
"""Prefix that is proposed where names of Marquee's own collections are taken."""
_OTHERS: Final = 12
_EVENTS_LIKE: Final = (
    *("events", "event", "shows", "gigs", "concerts", "sessions", "meetups", "happenings", "performances"),
    *("activities", "classes", "workshops", "courses", "talks", "screenings", "matches", "fixtures", "parties"),
    *("listings", "tours", "experiences", "veranstaltungen", "eventos", "evenements"),
)
_USERS_LIKE: Final = ("users", "user", "members", "profiles", "accounts", "people", "customers", "attendees", "players")


class Source(Protocol):
    """Source of samples."""

    def collections(self) -> list[str]:
        """Names of all collections."""

    def sample(self, collection: str, limit: int) -> Sample:
        """First documents of a collection by id, at most `limit`, as they are stored."""


class FirestoreSource:
    """Samples (`Source`) of a Firestore database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collections(self) -> list[str]:
        """Names of all collections that are in no document."""
        with self._database.reading("cannot list the collections") as seconds:
            return sorted(found.id for found in self._database.client.collections(timeout=seconds))

    def sample(self, collection: str, limit: int) -> Sample:
        """First documents of a collection by id."""
        return [(found.id, found.to_dict() or {}) for found in sampled(self._database, collection, limit)]


class OwnSource:
    """Samples (`Source`) of a store that no app shares."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def collections(self) -> list[str]:
        """Names of the collections that have documents."""
        return [name for name in (EVENTS, USERS, INTERACTIONS) if self.sample(name, 1)]

    def sample(self, collection: str, limit: int) -> Sample:
        """First documents of a collection by id."""
        documents = self._documents
        if collection == EVENTS:
            events = islice(documents.events.changed_since(None), limit)
            return [(event.event_id, event.to_document()) for event in events]
        if collection == USERS:
            users = islice(documents.users.changed_since(None), limit)
            return [(user.user_id, user.to_document()) for user in users]
        entries = islice(documents.interactions.since(None), limit if collection == INTERACTIONS else 0)
        return [(entry.interaction_id, entry.to_document()) for entry in entries]


class Check:
    """Check of a store under a schema, with its report.

    Parameters
    ----------
    limit : documents that are read of each collection at most.
    """

    def __init__(self, source: Source, settings: Settings, *, limit: int, now: datetime) -> None:
        self._source = source
        self._settings = settings
        self._limit = limit
        self._now = now
        self._collections = source.collections()[:_MAX_COLLECTIONS]
        self.schema = settings.schema
        self.is_usable = False

    def report(self) -> Iterator[str]:
        """Parts of the report; afterwards, `schema` has the proposed names."""
        yield f"collections: {', '.join(self._collections) or 'none'}"
        yield from self._prefix()
        yield from self._events()
        yield from self._profiles()
        yield from self._interactions()
        is_changed = self.schema != self._settings.schema
        if is_changed:
            what = f"Lines for {FILE}, in place of its tables of the same names, to be looked through"
            yield f"{what}:\n\n{written(self.schema)}"
        if self.is_usable:
            yield "usable: lists can be made"
        else:
            yield f"not usable {'as the settings are' if is_changed else 'yet'}: too few events can be shown, see above"

    def _prefix(self) -> Iterator[str]:
        names = {self.schema.own(own): own for own in Own if self.schema.own(own) in self._collections}
        taken = [name for name, own in names.items() if not findings.is_own(own, self._source.sample(name, _FEW))]
        if taken:
            is_free = self.schema.interactions.collection not in self._collections
            interactions = CollectionSchema(f"{_PREFIX}interactions") if is_free else self.schema.interactions
            self.schema = replace(self.schema, prefix=_PREFIX, interactions=interactions)
            yield f"{', '.join(taken)}: your app's, by the name of a collection of Marquee's own, which need a prefix"

    def _events(self) -> Iterator[str]:
        name = self._found(self.schema.events.collection, _EVENTS_LIKE) or self._dated()
        if not name:
            yield "events: no collection seems to hold any; name it in [events]"
            return
        sample = self._source.sample(name, self._limit)
        found = findings.find(self.schema, "events", name, sample)
        yield from _described(found, "events", sample)
        self.schema = found.schema
        timezone = self._settings.timezone
        now = findings.shown(self._settings.schema, sample, timezone=timezone, now=self._now)
        is_named = name == self._settings.schema.events.collection
        self.is_usable = is_named and now.is_usable()
        if is_named:
            yield f"As the settings are, {_told(now)}"
        if self.schema != self._settings.schema:
            then = findings.shown(self.schema, sample, timezone=timezone, now=self._now)
            yield f"With the lines below, {_told(then)}"

    def _profiles(self) -> Iterator[str]:
        name = self._found(self.schema.profiles.collection, () if self.schema.has_interests else _USERS_LIKE)
        if not name:
            yield f"{self.schema.profiles.collection}: no profiles yet; users without history get what is popular"
            return
        sample = self._source.sample(name, self._limit)
        found = findings.find(self.schema, "profiles", name, sample)
        yield from _described(found, "interests" if self.schema.has_interests else "users", sample)
        if findings.readable_profiles(found.schema, sample):
            self.schema = found.schema
        elif not self.schema.has_interests:
            yield f"{name} declare nothing that Marquee reads; [interests] is a collection apart, and leaves them alone"
            self.schema = replace(
                self.schema, has_interests=True, profiles=CollectionSchema(f"{self.schema.prefix}interests")
            )

    def _interactions(self) -> Iterator[str]:
        name = self.schema.interactions.collection
        sample = self._source.sample(name, self._limit) if name in self._collections else []
        if not sample:
            yield f"{name}: none yet; until the app records what users do, lists go by what events are"
            return
        readable = findings.readable_interactions(sample)
        yield f"{name}: {readable:,} of {len(sample):,} documents are interactions"
        if not readable:
            self.schema = replace(self.schema, interactions=CollectionSchema(f"{_PREFIX}interactions"))

    def _found(self, named: str, like: Sequence[str]) -> str:
        if named in self._collections:
            return named
        return next(iter(findings.candidates(self._collections, like)), "")

    def _dated(self) -> str:
        """First collection, under any name, whose documents seem to have a start and a title."""
        for name in self._collections:
            found = findings.find(self.schema, "events", name, self._source.sample(name, _FEW))
            if not {"starts_at", "title"} - {row.name for row in found.rows}:
                return name
        return ""


def _described(found: Findings, table_name: str, sample: Sample) -> Iterator[str]:
    rows = [
        [
            row.name,
            f"{row.facts.path}{' (proposed)' if row.is_proposed else ''}",
            row.facts.kind if row.facts.kind == row.read_as() else f"{row.facts.kind} as {row.read_as()}",
            f"{row.facts.filled / found.count:.0%}",
            "; ".join(row.facts.examples),
        ]
        for row in found.rows
    ]
    title = f"{found.collection}, {found.count:,} documents, as [{table_name}]"
    header = ["field", "found as", "read as", "filled", "examples"]
    yield f"{title}\n{table(header, rows, left=5)}" if rows else f"{title}: none of Marquee's fields"
    if found.others:
        names = [fact.path for fact in found.others]
        more = f" and {len(names) - _OTHERS:,} more" if len(names) > _OTHERS else ""
        yield f"other fields: {', '.join(names[:_OTHERS])}{more}"
    if unread := findings.unread(found.schema, found.table, sample):
        lines = [
            f"  {name} ({facts.path}): {facts.kind} in {facts.filled:,} documents, such as {'; '.join(facts.examples)}"
            f"; expected {' or '.join(sorted(KINDS[name]))}"
            for name, facts in unread.items()
        ]
        yield "\n".join(["values that are not read, as if they were not there:", *lines])
    if found.missing:
        rows = [[name, MISSED[found.table][name]] for name in found.missing]
        yield "\n".join(["missing:", *(f"  {name}: {why}" for name, why in rows)])


def _told(shown: Shown) -> str:
    parts = [f"{shown.live:,} of the events can be in lists now", f"{shown.over:,} are over"]
    parts += [f"{shown.undated:,} have no date"] if shown.undated else []
    parts += [f"{shown.unpublished:,} are not published"] if shown.unpublished else []
    unreadable = [f"{count:,} cannot be read: {reason}" for reason, count in shown.unreadable.items()]
    return "; ".join([*parts, *unreadable])


def _no_keys() -> Keys:
    raise MarqueeError("a check writes nothing, so it needs no key")


@click.command("check", cls=Job)
@places.store_option
@click.option(
    "--sample",
    "limit",
    type=click.IntRange(1, MAX_SAMPLE),
    default=500,
    show_default=True,
    help="documents that are read of each collection, at most",
)
def command(*, store: str | None, limit: int) -> None:
    """Sample the collections of a store, and say how Marquee reads them.

    For each field: the name under which it is found, what it is read as, how many documents have it, and examples; then
    what is missing, what recommendations miss for it, and lines for marquee.toml. Nothing is written.

    The settings are those of marquee.toml beside main.py, or of the file that MARQUEE_CONFIG names, such as
    APP/marquee/marquee.toml of an app. FIRESTORE_EMULATOR_HOST=HOST:PORT leads to the emulator.

    Exit status: 0 if lists can be made with the settings as they are, that is, if at least half of the published events
    have a date and can be read; 1 if not.
    """
    settings = places.with_documents(wiring.read_settings(os.environ), store)
    if not _run(settings, limit=limit):
        click.get_current_context().exit(FAILED)


def _run(settings: Settings, *, limit: int) -> bool:
    kind, _, name = settings.documents.partition(":")
    if kind == "firestore":
        database = Database(name, _no_keys, settings.schema, settings.timezone)
        with closing(database):
            return _printed(FirestoreSource(database), settings, limit)
    if not Path(name).is_file():
        raise SettingsError(f"{settings.documents}: expected a file, found none; load data first, or name the --store")
    documents = open_documents(settings.documents, _no_keys)
    with closing(documents):
        return _printed(OwnSource(documents), replace(settings, schema=Schema()), limit)


def _printed(source: Source, settings: Settings, limit: int) -> bool:
    check = Check(source, settings, limit=limit, now=datetime.now(UTC))
    for part in check.report():
        click.echo(f"{part}\n")
    return check.is_usable


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the check; returns the exit status."""
    return run(command, arguments, name="python -m jobs.check")


if __name__ == "__main__":
    sys.exit(main())
