"""Plans of an adoption and of its removal: which files change, without changing any."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from jobs.adoption.edits import CONFIG, Adopted, Read, edit_of, edits, text_of
from jobs.adoption.errors import AdoptionError
from jobs.adoption.files import Change
from jobs.adoption.hostconfig import FOLDER
from jobs.adoption.record import PATH, Edited, Record, digest

LEFTOVERS: Final = ("venv", ".marquee", "__pycache__")
"""Folders that running the functions makes, at any depth."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a change.

    Attributes
    ----------
    changes : files to change.
    notes : what the host's owner has to know or do, a sentence each.
    """

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def adopt(read: Read, existing: Collection[str], adopted: Adopted, *, site: str | None = None) -> Plan:
    """Plan of an adoption, or of its update; raises `AdoptionError` for what it must not overwrite.

    Parameters
    ----------
    existing : paths below the folder of all files that it has.
    site : Hosting site or target that gets the rewrite; None for that of the adoption before, or the first.
    """
    plan, record = Plan(), _record(read, existing)
    if site is None and CONFIG in record.edited:
        site = record.edited[CONFIG].ours["site"]
    edited: dict[str, Edited] = {}
    for path, kind, edit in edits(read, adopted, site, plan.notes):
        data = read(path)
        known = record.edited.get(path)
        text = "" if data is None else text_of(path, data)
        if edit.holds(text):
            plan.notes.extend(edit.notes(text))
            if known:
                edited[path] = known
            elif kind != "indexes" and data is not None:
                # The folder with the record was removed by hand; indexes are the host's then.
                edited[path] = Edited(kind, edit.strip(text, edit.ours, None), digest(data), edit.ours)
            continue
        before = None if data is None else text
        if known and data is not None:
            before = known.before if digest(data) == known.after else edit.strip(text, known.ours, known.before)
        inserted = edit.insert(before or "")
        plan.notes.extend(edit.notes(inserted))
        after = inserted.encode()
        edited[path] = Edited(kind, before, digest(after), edit.ours)
        plan.changes.append(Change(path, data, after))
    # Such as the rules of another database, once marquee.toml names a new one.
    for path in sorted(record.edited.keys() - edited.keys()):
        _release(read, path, record.edited[path], plan)
    copied = {path: digest(data) for path, data in adopted.code.items()}
    for path in sorted({*copied, *record.copied}):
        plan.changes.extend(_copy(read, path, adopted.code.get(path), record))
    for path, content in adopted.settings.items():
        if read(f"{FOLDER}/{path}") is None:
            plan.changes.append(Change(f"{FOLDER}/{path}", None, content))
    new = Record(edited, copied).encode()
    if new != read(PATH):
        # First, so that whatever interrupts the writing can be undone.
        plan.changes.insert(0, Change(PATH, read(PATH), new))
    return plan


def leave(read: Read, existing: Collection[str]) -> Plan:
    """Plan of the removal of an adoption; raises `AdoptionError` where there is none, or its parts were changed."""
    plan = Plan()
    if PATH.removeprefix(f"{FOLDER}/") not in existing:
        raise AdoptionError(
            f"{PATH}: expected the record of an adoption, found none; this project has not adopted Marquee"
        )
    record = _record(read, existing)
    for path, file in record.edited.items():
        _release(read, path, file, plan)
    for path in sorted(existing):
        data = read(f"{FOLDER}/{path}")
        # The Firebase CLI reads settings of the functions from `.env` and, for a project or an alias, `.env.NAME`.
        is_settings = path == ".env" or path.startswith(".env.")
        is_ours = is_settings or path in ("marquee.toml", PATH.removeprefix(f"{FOLDER}/"))
        if data is not None and (is_ours or record.copied.get(path) == digest(data)):
            plan.changes.append(Change(f"{FOLDER}/{path}", data, None))
        elif data is not None:
            what = "changed since it was copied" if path in record.copied else "not Marquee's"
            plan.notes.append(f"{FOLDER}/{path} stays: it is {what}.")
    # Last, so that an interrupted removal can be run again.
    plan.changes.sort(key=lambda change: change.path == PATH)
    return plan


def _record(read: Read, existing: Collection[str]) -> Record:
    data = read(PATH)
    if data is not None:
        return Record.parse(data)
    if existing:
        raise AdoptionError(
            f"{FOLDER}/: expected no such folder, or that of an adoption with {PATH}, got one with {len(existing)} "
            "other files; move it away"
        )
    return Record()


def _release(read: Read, path: str, file: Edited, plan: Plan) -> None:
    """Add to the plan what makes a host's file what it was; of a file that was changed since, only our parts go."""
    data = read(path)
    if data is None:
        plan.notes.append(f"{path} is not there any more.")
        return
    if digest(data) == file.after:
        after = file.before
    else:
        after = edit_of(path, file).strip(text_of(path, data), file.ours, file.before)
        if file.before is None and not after.strip():
            after = None
    content = None if after is None else after.encode()
    if content != data:
        plan.changes.append(Change(path, data, content))


def _copy(read: Read, path: str, content: bytes | None, record: Record) -> Iterator[Change]:
    data = read(f"{FOLDER}/{path}")
    if data == content:
        return
    if data is not None and record.copied.get(path) != digest(data):
        raise AdoptionError(
            f"{FOLDER}/{path}: expected the file as it was copied, got another; keep what you changed elsewhere, "
            "remove the file, then run this again"
        )
    yield Change(f"{FOLDER}/{path}", data, content)
