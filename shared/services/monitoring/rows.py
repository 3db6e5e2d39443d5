"""Rows of attribution in the bucket: some objects a day, kept for a few days, until the day's report is closed.

They are stored before the bookmark of `reconcile` moves, so that no act is missed, and read as a set, so that a run
that is killed or overtaken counts nothing twice.
"""

import io
import json
import logging
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import Final

import numpy as np

from shared.entities import Erasures, Experiment, Interaction, Keys, KeySource
from shared.errors import ArtifactError, Conflict
from shared.feedback.counts import recorded_time
from shared.monitoring.attribution import ROW, Rows, Salted, concerned, looked_up, rows_of, union
from shared.ports import ObjectStore, PersonalData, UserStore
from shared.services.monitoring.experiments import drop_erased as drop_subjects
from shared.services.monitoring.salts import salt

FOLDER: Final = "monitoring/rows/"
KEPT: Final = timedelta(days=3)
"""Age of a day at which its rows and its salt are deleted: its report is closed three hours after its end."""
_ERASED: Final = f"{FOLDER}erased.json"
_OVERLAP: Final = timedelta(minutes=15)
"""Time before a run from which the next one looks at erasures again: a run lasts nine minutes at most."""
_PART: Final = 1_000
"""Interactions that are joined together: pages of a hundred events each make 100,000 rows, 6 MB."""
_MAX_ROWS: Final = 200_000
"""Rows of an object, 12 MB before compression."""
_UNREADABLE: Final = (ValueError, KeyError, EOFError, OSError, struct.error, zipfile.BadZipFile)
_log = logging.getLogger(__name__)


class RowKeeper:
    """Keeper of the rows of what `reconcile` reads.

    Parameters
    ----------
    now : time of the run; rows of days before `KEPT` are not kept.
    of_variants : salts of the variants of experiments, see `Salted`.
    """

    def __init__(
        self,
        objects: ObjectStore,
        users: UserStore,
        keys: KeySource,
        *,
        now: datetime,
        of_variants: Mapping[int, bytes] | None = None,
    ) -> None:
        self._objects = objects
        self._users = users
        self._keys = keys
        self._oldest = _oldest(now)
        self._of_variants = of_variants or {}

    def keep(self, interactions: Sequence[Interaction], forgotten: Erasures) -> None:
        """Storage of the rows of some interactions in the order of their recording; raises `StoreUnavailable`."""
        wanted = [entry for entry in concerned(interactions, forgotten) if _day(entry) >= self._oldest]
        for day, entries in groupby(wanted, _day):
            salted = Salted(_salt(self._objects, day), self._keys(), self._of_variants)
            for rows in self._joined(list(entries), salted):
                _store(self._objects, day, rows)

    def _joined(self, entries: Sequence[Interaction], salted: Salted) -> Iterator[Rows]:
        held: list[Rows] = []
        for begin in range(0, len(entries), _PART):
            part = entries[begin : begin + _PART]
            wanted = looked_up(part, salted.keys)
            held.append(rows_of(part, self._users.touchpoints(wanted) if wanted else {}, salted))
            if sum(map(len, held)) >= _MAX_ROWS:
                yield union(held)
                held = []
        if any(map(len, held)):
            yield union(held)


def read_rows(objects: ObjectStore, day: date) -> Rows:
    """Rows of a UTC day, each act once, in the order of their recording; none after `KEPT`.

    Raises `ArtifactError` for an object that cannot be read.
    """
    return union(_parsed(objects, name) for name in _names(objects, day))


def drop_erased(
    objects: ObjectStore,
    personal: PersonalData,
    keys: KeySource,
    experiments: Sequence[Experiment] = (),
    *,
    now: datetime,
) -> int:
    """Deletion of the rows of users who were erased since the last call; returns the number of rows.

    They are deleted from the states of `experiments`, too. Repeating it is safe: the time up to which erasures are done
    moves last.
    """
    mark = objects.read(_ERASED)
    since = _mark(mark.data) if mark else None
    forgotten = personal.forgotten(since or now - KEPT)
    dropped = 0
    if forgotten:
        dropped = sum(_drop(objects, day, forgotten, keys()) for day in _days(objects))
        dropped += drop_subjects(objects, experiments, forgotten, keys())
    if since is None or forgotten or now - since > 2 * _OVERLAP:
        data = json.dumps({"until": (now - _OVERLAP).isoformat()}).encode()
        try:
            objects.write(_ERASED, data, generation=mark.generation if mark else 0)
        except Conflict:
            # Another run moved it; what both have done is done.
            _log.info("another run noted the erasures up to which rows are deleted")
    return dropped


def prune(objects: ObjectStore, *, now: datetime) -> None:
    """Deletion of the rows and salts of days older than `KEPT`."""
    for day in _days(objects):
        if day < _oldest(now):
            for name in [*_names(objects, day), _salt_name(day)]:
                objects.delete(name)


def _drop(objects: ObjectStore, day: date, forgotten: Erasures, keys: Keys) -> int:
    blob = objects.read(_salt_name(day))
    if blob is None:
        return 0
    salted = Salted(blob.data, keys)
    until = {salted.note(name): at for name, at in forgotten.times.items()}
    gone = np.array(sorted(until), np.uint64)
    ends = np.array([until[int(user)].timestamp() * 1e6 for user in gone])
    dropped = 0
    for name in _names(objects, day):
        rows = _parsed(objects, name)
        places = np.minimum(np.searchsorted(gone, rows["user"]), len(gone) - 1)
        is_gone = (gone[places] == rows["user"]) & (rows["at"] <= ends[places])
        if is_gone.any():
            if not is_gone.all():
                _store(objects, day, rows[~is_gone])
            objects.delete(name)
            dropped += int(is_gone.sum())
    return dropped


def _store(objects: ObjectStore, day: date, rows: Rows) -> None:
    """Storage under a name that follows from the content: the same rows, stored again, are the same object."""
    written = io.BytesIO()
    np.savez_compressed(written, rows=rows)
    name = f"{_folder(day)}{sha256(rows.tobytes()).hexdigest()[:32]}.npz"
    try:
        objects.write(name, written.getvalue(), generation=0)
    except Conflict:
        _log.info("rows are stored already")


def _parsed(objects: ObjectStore, name: str) -> Rows:
    blob = objects.read(name)
    if blob is None:
        # Another run deleted it, whose rows of others are in another object.
        return np.zeros(0, ROW)
    try:
        with np.load(io.BytesIO(blob.data), allow_pickle=False) as arrays:
            rows: Rows = arrays["rows"]
    except _UNREADABLE as error:
        raise ArtifactError(f"{name}: expected rows of attribution, got {error}; delete the object") from error
    if rows.dtype != ROW or rows.ndim != 1:
        raise ArtifactError(f"{name}: expected rows of attribution, got {rows.dtype}; delete the object")
    return rows


def _salt(objects: ObjectStore, day: date) -> bytes:
    """Salt of a day, made where there is none."""
    return salt(objects, _salt_name(day), remedy=f"delete {_folder(day)}, whose rows are lost")


def _names(objects: ObjectStore, day: date) -> list[str]:
    return [name for name in objects.names(_folder(day)) if name.endswith(".npz")]


def _days(objects: ObjectStore) -> list[date]:
    """Days of which there are rows, in order."""
    found = {name[len(FOLDER) :].partition("/")[0] for name in objects.names(FOLDER) if name != _ERASED}
    return sorted(date.fromisoformat(text) for text in found)


def _day(entry: Interaction) -> date:
    """UTC day on which an interaction was recorded: clients choose the time of an act, and closed days never change."""
    return recorded_time(entry).astimezone(UTC).date()


def _oldest(now: datetime) -> date:
    return (now - KEPT).astimezone(UTC).date()


def _folder(day: date) -> str:
    return f"{FOLDER}{day.isoformat()}/"


def _salt_name(day: date) -> str:
    return f"{_folder(day)}salt"


def _mark(data: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(data)["until"])
    except (ValueError, TypeError, KeyError):
        # Then all erasures of the kept days are done again, which is safe.
        return None
