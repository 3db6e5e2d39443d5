"""End of the notes of erasures: only when nothing of before can come back, in store or ledger."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.adapters.objects.folder import FolderObjects
from shared.errors import ArtifactError
from shared.ledger.index import POINTER, Ledger
from shared.ports import TOMBSTONE_LIFE, Documents
from shared.services.ingest.erasure import drop_notes
from tests.examples import DAY, NOW
from tests.stores import documents

OLD = NOW - TOMBSTONE_LIFE - timedelta(seconds=1)


def _noted(at: datetime = OLD) -> Documents:
    store = documents()
    store.personal.mark("u", at=at)
    return store


@pytest.mark.parametrize(
    ("at", "settled_until", "dropped_until", "ends"),
    [
        (OLD, NOW, NOW, 1),
        (OLD + timedelta(seconds=1), NOW, NOW, 0),
        # Reconciliation is behind: what was written during the erasure is not found yet.
        (OLD, OLD, NOW, 0),
        (OLD, OLD + 8 * DAY, NOW, 0),
        (OLD, OLD + 9 * DAY, NOW, 1),
        # No training has dropped the rows.
        (OLD, NOW, OLD, 1),
        (OLD, NOW, OLD - DAY, 0),
        (OLD, NOW, None, 0),
    ],
)
def test_a_note_ends_when_nothing_depends_on_it(
    at: datetime, settled_until: datetime, dropped_until: datetime | None, ends: int, tmp_path: Path
) -> None:
    store, objects = _noted(at), FolderObjects(tmp_path)
    objects.write(POINTER, replace(Ledger(), forgotten_until=dropped_until).to_json(), generation=0)
    assert drop_notes(store, objects, settled_until=settled_until, now=NOW) == ends
    assert len(store.personal.forgotten().times) == 1 - ends


def test_without_a_ledger_no_note_waits_for_it(tmp_path: Path) -> None:
    store = _noted()
    assert drop_notes(store, FolderObjects(tmp_path), settled_until=NOW, now=NOW) == 1


def test_a_damaged_ledger_keeps_the_notes(tmp_path: Path) -> None:
    store, objects = _noted(), FolderObjects(tmp_path)
    objects.write(POINTER, b"{", generation=0)
    with pytest.raises(ArtifactError):
        drop_notes(store, objects, settled_until=NOW, now=NOW)
    assert store.personal.forgotten().at("u") == OLD
