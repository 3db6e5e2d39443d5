"""Recommended lists of all users of a live store, such as for e-mails: `python -m jobs.recommend --out FILE`."""

import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Final

import click

from functions import wiring
from functions.wiring import Services
from jobs import places
from jobs.commandline import Job, run
from jobs.console import Console, Task
from jobs.journal import Journal, ListedEvent, UserList
from jobs.listfiles import Sink, opened
from shared.entities import Profile, is_anonymous
from shared.errors import ArtifactError, InvalidField, StoreUnavailable
from shared.ranking.batch import CHUNK
from shared.ranking.query import ListQuery
from shared.services.serving.lists import recommend_each
from shared.services.serving.snapshot import Serving

_MAX_LENGTH: Final = 100
"""Greatest length of a list, as in the API."""
_FRESH: Final = timedelta(hours=1)
"""Age up to which the lists of an interrupted run are used: until then little has happened."""
_REFRESH_S: Final = 60.0
"""Seconds after which a run looks for changed events, which take less time to read than to wait for."""
_PATIENCE_S: Final = 1_200.0
"""Seconds that the model and the events may take, since a job can wait where no request would."""
_IDS: Final = 1_000
"""Users whose wishes are read together."""


@click.command(
    "recommend",
    cls=Job,
    interrupted="interrupted; run the same command again to go on",
    help="Write the recommended events of every user of the store, as the API would answer now: with the model in "
    "service and the business rules, without events that are over, cancelled, hidden or sold out, and without a trace "
    "of the past of users who do not wish to be profiled. Visitors without an account get no list. After an "
    "interruption, run it again within an hour to go on. A collection of Firestore gets a document for each user; it "
    "holds personal data, which the erasure of a user does not reach, but the next run drops.",
)
@click.option(
    "--out",
    required=True,
    metavar="FILE.csv|FILE.parquet|firestore:COLLECTION",
    help="file to write, or collection in the Firestore database of the store",
)
@click.option("--k", type=int, default=10, show_default=True, help=f"length of each list, 1..{_MAX_LENGTH}")
@click.option(
    "--per-series",
    type=int,
    default=1,
    show_default=True,
    help=f"at most this many dates of a series in a list, 1..{_MAX_LENGTH}",
)
@click.option("--reasons", is_flag=True, help="add the reason of each event, which takes longer")
@places.store_option
@places.objects_option
def command(*, out: str, k: int, per_series: int, reasons: bool, store: str | None, objects: str | None) -> None:
    """Lists of all users in the store of the settings or of the options."""
    for name, value in (("--k", k), ("--per-series", per_series)):
        if not 1 <= value <= _MAX_LENGTH:
            raise InvalidField(name, value, f"a whole number in 1..{_MAX_LENGTH}")
    settings = places.named(wiring.read_settings(os.environ), documents=store, objects=objects)
    wired = wiring.build(settings)
    with closing(wired.documents):
        serving = Serving(
            wired.documents,
            wired.objects,
            refresh_s=_REFRESH_S,
            deadline_s=_PATIENCE_S,
            first_s=2 * _PATIENCE_S,
            calendar=wiring.calendar(settings),
        )
        query = ListQuery(k=k, per_series=per_series, explain=reasons)
        sink = opened(out, settings, wired.keys, has_reasons=reasons)
        recommend_all(replace(wired, serving=serving), query, sink, Console())


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the lists; returns the exit status."""
    return run(command, arguments, name="python -m jobs.recommend")


def recommend_all(wired: Services, query: ListQuery, sink: Sink, console: Console) -> None:
    """Lists of all users but visitors, written to `sink`; goes on where an interrupted run of the same kind stopped.

    Raises `ArtifactError` without a model in service, and `StoreUnavailable` where a list would lack a part.
    """
    snapshot = wired.serving.current(wired.now())
    _check(snapshot.degraded)
    if snapshot.manifest is None:
        raise ArtifactError("no model is published yet; run `venv/bin/marquee train`")
    purpose = {
        "store": wired.settings.documents,
        "objects": wired.settings.objects,
        "model_version": snapshot.manifest.version,
        "k": query.k,
        "per_series": query.per_series,
        "explain": query.explain,
        # All that the lists depend on besides, such as the database, the names of fields and blocked events.
        "configuration": hashlib.sha256(repr((wired.settings, snapshot.rules)).encode()).hexdigest(),
    }
    began = time.perf_counter()
    with closing(Journal(sink.journal, purpose, now=wired.now(), fresh=_FRESH)) as journal:
        if journal.resumed:
            console.say(f"goes on after {journal.resumed:,} lists of an interrupted run")
        _extend(journal, wired, query, console, expected=snapshot.manifest.counts.get("users", 0))
        with console.task("writing") as task:
            current = _current(journal, wired, query, task)
            count = sink.write(current, now=wired.now())
        journal.remove()
    console.say(f"wrote lists of {count:,} users in {time.perf_counter() - began:.1f} s")


def _extend(journal: Journal, wired: Services, query: ListQuery, console: Console, *, expected: int) -> None:
    """Journal with the lists of all further users; `expected` is how many there may be in all."""
    stored = wired.documents.users.profiles(after=journal.last)
    profiles = (profile for profile in stored if not is_anonymous(profile.user.user_id))
    with console.task("recommending") as task:
        lists = _lists(wired, profiles, query)
        while part := list(islice(lists, CHUNK)):
            journal.add(part)
            task.update(min(journal.done / max(expected, journal.done), 1.0), journal.done)


def _lists(wired: Services, profiles: Iterable[Profile], query: ListQuery) -> Iterator[UserList]:
    for user_id, answer in recommend_each(wired.context(), profiles, query):
        _check(answer.degraded)
        items = (
            ListedEvent(
                item.event_id, item.title, item.starts_at, item.score, tuple(reason.text for reason in item.reasons)
            )
            for item in answer.items
        )
        yield UserList(user_id, answer.model_version or "", tuple(items))


def _current(journal: Journal, wired: Services, query: ListQuery, task: Task) -> Iterator[UserList]:
    """Lists of a journal as they may be shown now.

    Left out are events that are no longer live, and users who were erased meanwhile. Users who no longer wish to be
    profiled since an interrupted run made their list get another one.
    """
    erased = wired.documents.personal.forgotten(journal.began)
    lists, read = journal.lists(), 0
    while part := list(islice(lists, _IDS)):
        earlier = [one.user_id for one in part[: max(journal.resumed - read, 0)]]
        read += len(part)
        unwilling = wired.documents.users.unprofiled(earlier) if earlier else set()
        again = (wired.documents.users.profile(user_id, timeout_s=_PATIENCE_S) for user_id in sorted(unwilling))
        replaced = {one.user_id: one for one in _lists(wired, again, query)} if unwilling else {}
        snapshot = wired.serving.current(wired.now())
        _check(snapshot.degraded)
        catalog = snapshot.recommender.catalog
        for one in part:
            if erased.at(one.user_id) is not None:
                continue
            one = replaced.get(one.user_id, one)
            rows = catalog.events.rows([item.event_id for item in one.items])
            is_live = (rows >= 0) & catalog.are_live(rows, wired.now())
            yield replace(one, items=tuple(item for item, live in zip(one.items, is_live, strict=True) if live))
        task.update(read / journal.done, read)


def _check(degraded: Sequence[str]) -> None:
    """Check that nothing is missing but what was odd in a profile; raises `StoreUnavailable`."""
    missing = [part for part in degraded if part != "profile"]
    if missing:
        raise StoreUnavailable(
            f"lists would lack the present {', '.join(missing)}; run the same command again to go on"
        )


if __name__ == "__main__":
    sys.exit(main())
