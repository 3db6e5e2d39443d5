"""Edits of a host's files that an adoption makes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from jobs.adoption.errors import AdoptionError
from jobs.adoption.firebasejson import FirebaseJson
from jobs.adoption.hostconfig import FOLDER
from jobs.adoption.indexes import Indexes
from jobs.adoption.lines import Lines
from jobs.adoption.record import PATH, Edited
from jobs.adoption.rules import Rules
from shared.schema import FILE

CONFIG: Final = "firebase.json"
IGNORES: Final = ".gitignore"
UNTRACKED: Final = (f"/{FOLDER}/venv/", f"/{FOLDER}/.marquee/", f"/{FOLDER}/**/__pycache__/")
"""Lines of the ignore file: what running the functions leaves in the folder."""
Read = Callable[[str], bytes | None]
"""Function that gives the content of a file by its path below the host's folder, None for no file."""


class Edit(Protocol):
    """Edit of a host's file: parts that it contains, beside the host's own."""

    @property
    def ours(self) -> Any:
        """Parts, as JSON."""

    def holds(self, text: str) -> bool:
        """Whether the text contains the parts as they must be."""

    def insert(self, text: str) -> str:
        """Text with the parts, of one without them; raises `AdoptionError`."""

    def notes(self, text: str) -> Iterator[str]:
        """Sentences for the host's owner about a text that contains the parts."""

    def strip(self, text: str, ours: Any, before: str | None) -> str:
        """Text without the parts that an earlier edit, with the file as it was `before`, has added as `ours`."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """Parts of Marquee that a host gets.

    Attributes
    ----------
    code : files of the folder by path; they are replaced when Marquee is.
    settings : files of the folder that are the host's once they are written.
    prefix, region : those of the deployed functions.
    database : id of the Firestore database.
    rules : fragment of security rules.
    indexes : lists of `firestore.indexes.json`.
    """

    code: Mapping[str, bytes]
    settings: Mapping[str, bytes]
    prefix: str
    region: str
    database: str
    rules: str
    indexes: Mapping[str, list[dict[str, Any]]]


def edit_of(path: str, file: Edited) -> Edit:
    """Edit that made a recorded change; raises `AdoptionError` for a kind that this program does not know."""
    ours = file.ours
    match file.kind:
        case "config":
            return FirebaseJson(path, ours["functions"]["prefix"], ours["function"]["region"])
        case "rules":
            return Rules(path, ours)
        case "indexes":
            return Indexes(path, ours)
        case "lines":
            return Lines(path, tuple(ours))
    raise AdoptionError(f"{PATH}: expected a known kind of edit, got {file.kind!r}; use a newer Marquee")


def edits(read: Read, adopted: Adopted, site: str | None, notes: list[str]) -> Iterator[tuple[str, str, Edit]]:
    """Path, kind and edit of each of the host's files."""
    data = read(CONFIG)
    if data is None:
        raise AdoptionError(f"{CONFIG}: expected that of a Firebase project, found none; name the folder that has it")
    config = FirebaseJson(CONFIG, adopted.prefix, adopted.region, site)
    yield CONFIG, "config", config
    database = config.database(text_of(CONFIG, data), adopted.database)
    yield from _firestore_edits(read, adopted, database, notes)
    yield IGNORES, "lines", Lines(IGNORES, UNTRACKED)


def _firestore_edits(
    read: Read, adopted: Adopted, database: Mapping[str, Any], notes: list[str]
) -> Iterator[tuple[str, str, Edit]]:
    path = database.get("rules")
    if path is None:
        notes.append(
            f"{CONFIG} names no rules of the database {adopted.database}, so those of the console stay as they are. "
            "If clients write interactions to Firestore themselves, add what "
            f"`MARQUEE_CONFIG=HOST/{FOLDER}/{FILE} venv/bin/marquee render --rules-fragment` prints."
        )
    else:
        _expected(read, path)
        yield path, "rules", Rules(path, adopted.rules)
    path = database.get("indexes")
    if path is None:
        notes.append(
            f"{CONFIG} names no indexes of the database {adopted.database}: without those of "
            f"{FOLDER}/firestore.indexes.json, which also let documents expire, Firestore stores more than it needs to."
        )
    else:
        _expected(read, path)
        yield path, "indexes", Indexes(path, adopted.indexes)


def _expected(read: Read, path: str) -> None:
    if read(path) is None:
        raise AdoptionError(f"{path}: expected the file that {CONFIG} names, found none; create it, or remove its name")


def text_of(path: str, data: bytes) -> str:
    """Text of a file, with its line ends; raises `AdoptionError` for another encoding than UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise AdoptionError(f"{path}: expected UTF-8, got other bytes; save the file as UTF-8") from error
