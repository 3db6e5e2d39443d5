"""Bulk load of existing interactions, in chunks that may be interrupted anywhere and come in any order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from shared.entities import Interaction, Origin
from shared.feedback.counts import loaded_counts
from shared.feedback.states import last_words
from shared.ports import Appended, Documents, Written
from shared.services.ingest.upgrade import former_ids, has_former_ids, renamed, upgrade

CHUNK: Final = 10_000
"""Interactions in a chunk: enough to combine writes of a user and of an event, few enough to repeat after a crash."""


def load_interactions(
    documents: Documents, chunk: Sequence[Interaction], *, now: datetime, began: datetime | None = None
) -> Written:
    """Bulk load of a chunk of interactions with the histories and counts that follow from them.

    What is stored already changes nothing, nor what a later state of the same target supersedes, in the store or in the
    chunk. Of a type that counts daily, the earliest row of a day stays, unless a client's is stored: so the order of
    rows and chunks has no effect, and any of them may be repeated. Users whose data is erased since
    `began`, the start of the load, are left out; None is for a load of this chunk alone.
    """
    upgrade(documents, now=now)
    since = began or now
    erased = documents.personal.forgotten(since)
    kept = [entry for entry in chunk if erased.at(entry.user_id) is None]
    rows = [replace(renamed(entry), origin=Origin.LOAD) for entry in kept]
    wanted = _without_former(documents, last_words(rows))
    if not wanted:
        return Written(0, len(chunk))
    # Histories come first: a document is the sign that everything else is written.
    documents.users.remember(list(wanted.values()))
    results = documents.counters.load([(entry, loaded_counts(entry)) for entry in wanted.values()], now=now)
    # Of a repeating type what is stored may be earlier, or of a client, so a row may differ from it.
    differing = [
        key
        for (key, entry), result in zip(wanted.items(), results, strict=True)
        if result is Appended.SUPERSEDED or (result is Appended.KNOWN and entry.type.meaning.repeats)
    ]
    if differing:
        documents.users.remember(list(documents.interactions.get(differing).values()))
    _erase_again(documents, {entry.user_id for entry in wanted.values()}, since, now)
    n_new = results.count(Appended.NEW)
    return Written(n_new, len(chunk) - n_new)


def _erase_again(documents: Documents, user_ids: Iterable[str], since: datetime, now: datetime) -> None:
    """Erasure of what was loaded of users who were erased in the meantime, from `since` on."""
    erased = documents.personal.forgotten(since)
    for user_id in user_ids:
        if erased.at(user_id) is not None:
            documents.personal.erase(user_id, now=now)


def _without_former(documents: Documents, wanted: Mapping[str, Interaction]) -> dict[str, Interaction]:
    """Interactions without those that a document with an id of earlier versions holds or outlives."""
    if not has_former_ids(documents):
        return dict(wanted)
    ids = {key: former_ids(entry) for key, entry in wanted.items()}
    stored = documents.interactions.get([key for keys in ids.values() for key in keys])

    def is_new(entry: Interaction, former: Sequence[str]) -> bool:
        found = [stored[key] for key in former if key in stored]
        return not found or (not entry.type.meaning.repeats and all(entry.supersedes(other) for other in found))

    return {key: entry for key, entry in wanted.items() if is_new(entry, ids[key])}
