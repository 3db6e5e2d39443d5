"""Journal of a run that makes lists: what is done so far, so that a run that was killed can go on."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from shared.errors import ArtifactError, Conflict

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """Event of a list, as far as places of lists hold it."""

    event_id: str
    title: str
    starts_at: datetime | None
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserList:
    """List of recommended events of a user.

    Attributes
    ----------
    model_version : version of the model that ranked it.
    items : the events, best first.
    """

    user_id: str
    model_version: str
    items: tuple[ListedEvent, ...]

    def to_json(self) -> str:
        """List as a line of JSON."""
        return json.dumps(asdict(self), default=datetime.isoformat, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Self:
        """List from the line that `to_json` made."""
        document = json.loads(line)
        return cls(document["user_id"], document["model_version"], tuple(map(_item, document["items"])))


def _item(document: dict[str, Any]) -> ListedEvent:
    starts_at = document["starts_at"]
    parsed = {"starts_at": starts_at and datetime.fromisoformat(starts_at), "reasons": tuple(document["reasons"])}
    return ListedEvent(**{**document, **parsed})


class Journal:
    """Journal: a file with a head and a line per list, in the order of the users' ids; one run at a time holds it.

    Lists of an interrupted run count if its head says the same as that of this run, and if they are fresh.

    Parameters
    ----------
    path : the file; its folder must exist.
    purpose : what the lists depend on, as JSON values.
    now : the present.
    fresh : greatest age of an earlier run's head.

    Attributes
    ----------
    began : start of the run that made the first list.
    done : number of lists.
    resumed : number of lists of earlier, interrupted runs.
    last : id of the user of the last list, "" for none.
    """

    def __init__(self, path: Path, purpose: Mapping[str, Any], *, now: datetime, fresh: timedelta) -> None:
        self._path = path
        self._file = path.open("a+", encoding="utf-8", newline="\n")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Conflict(f"{path}: another run writes these lists; wait for it, or end it") from error
        self.began, self.done, self.last = now, 0, ""
        try:
            self._begin(purpose, now=now, fresh=fresh)
        except BaseException:
            self._file.close()
            raise
        self.resumed = self.done

    def _begin(self, purpose: Mapping[str, Any], *, now: datetime, fresh: timedelta) -> None:
        self._file.seek(0)
        head = self._head()
        if head and head["purpose"] == purpose and now - datetime.fromisoformat(head["began"]) <= fresh:
            self.began = datetime.fromisoformat(head["began"])
            self._read_on()
        else:
            self._file.truncate(0)
            self._append([json.dumps({"marquee": _FORMAT, "began": now.isoformat(), "purpose": purpose})])

    def add(self, lists: Sequence[UserList]) -> None:
        """Lists of the next users, on the disk when it returns."""
        self._append([one.to_json() for one in lists])
        self.done += len(lists)
        self.last = lists[-1].user_id if lists else self.last

    def lists(self) -> Iterator[UserList]:
        """All lists, in order."""
        with self._path.open(encoding="utf-8", newline="\n") as file:
            next(file)
            for line in file:
                yield UserList.from_json(line)

    def close(self) -> None:
        """Release of the file, for another run."""
        self._file.close()

    def remove(self) -> None:
        """Deletion of the file, when the lists are where they belong."""
        self._path.unlink()

    def _head(self) -> dict[str, Any] | None:
        """Head of an earlier run; None for an empty file, and for a head that a killed run did not complete."""
        line = self._file.readline()
        if not line or (line.startswith('{"marquee": ') and not line.endswith("\n")):
            return None
        try:
            head = json.loads(line)
            return {"began": head["began"], "purpose": head["purpose"]} if head["marquee"] == _FORMAT else None
        except (ValueError, TypeError, KeyError) as error:
            raise ArtifactError(
                f"{self._path}: expected the lists of an interrupted run, got another file; move it away"
            ) from error

    def _read_on(self) -> None:
        """Count of the complete lists; what a killed run wrote of another one is cut off."""
        end = self._file.tell()
        while (line := self._file.readline()).endswith("\n"):
            self.last = UserList.from_json(line).user_id
            self.done += 1
            end = self._file.tell()
        self._file.seek(end)
        self._file.truncate()

    def _append(self, lines: Sequence[str]) -> None:
        self._file.writelines(f"{line}\n" for line in lines)
        self._file.flush()
        os.fsync(self._file.fileno())
