"""Record of an adoption, kept in the adopted folder: what was added to which files, and how they were before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from jobs.adoption.errors import AdoptionError
from jobs.adoption.hostconfig import FOLDER

PATH: Final = f"{FOLDER}/.adopted.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Edited:
    """Edited file of a host.

    Attributes
    ----------
    kind : kind of its edit, see `plan.edit`.
    before : text before the adoption; None for no file.
    after : SHA-256 of its bytes after the edit; the same as found later means that nobody else changed it.
    ours : what was added, in the terms of the edit.
    """

    kind: str
    before: str | None
    after: str
    ours: Any


@dataclass(frozen=True, slots=True)
class Record:
    """Record of an adoption.

    Attributes
    ----------
    edited : edited files by path.
    copied : SHA-256 of copied files by their path in the folder.
    """

    edited: Mapping[str, Edited] = field(default_factory=dict)
    copied: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Record of its bytes; raises `AdoptionError` for one that this program cannot read."""
        try:
            document = json.loads(data)
            if document["format"] != _FORMAT:
                raise AdoptionError(
                    f"{PATH}: expected format {_FORMAT}, got {document['format']!r}; use a newer Marquee"
                )
            edited = {path: Edited(**fields) for path, fields in document["edited"].items()}
            return cls(edited, dict(document["copied"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AdoptionError(
                f"{PATH}: expected the record of an adoption; restore it from your version control"
            ) from error

    def encode(self) -> bytes:
        """Bytes that `parse` reads."""
        edited = {
            path: {"kind": file.kind, "before": file.before, "after": file.after, "ours": file.ours}
            for path, file in sorted(self.edited.items())
        }
        document = {"format": _FORMAT, "edited": edited, "copied": dict(sorted(self.copied.items()))}
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def digest(data: bytes) -> str:
    """SHA-256 of a file in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
