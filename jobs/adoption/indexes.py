"""Firestore indexes and policies of fields of a host, with Marquee's among them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jobs.adoption import jsontext
from jobs.adoption.errors import AdoptionError

_LISTS: Final = ("indexes", "fieldOverrides")
_Entries = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Indexes:
    """Indexes that a host's `firestore.indexes.json` contains.

    Attributes
    ----------
    name : path of the file, for messages.
    needed : the lists `indexes` and `fieldOverrides` of Marquee's file.
    """

    name: str
    needed: _Entries

    @property
    def ours(self) -> _Entries:
        """Entries, as a later change finds what was added."""
        return {key: list(self.needed.get(key, ())) for key in _LISTS}

    def holds(self, text: str) -> bool:
        """Whether the file contains every entry."""
        return not list(self._missing(text))

    def insert(self, text: str) -> str:
        """File with the entries that it lacks; raises `AdoptionError` for another policy of the same field."""
        if not isinstance(jsontext.parse(text, self.name).value, dict):
            raise AdoptionError(f"{self.name}: expected an object with {' and '.join(_LISTS)}; mend the file")
        for key, entry in list(self._missing(text)):
            found = jsontext.at(jsontext.parse(text, self.name), (key,))
            if found is None:
                text = jsontext.with_member(text, self.name, (), key, [])
            else:
                self._check(key, entry, found.value)
            text = jsontext.with_item(text, self.name, (key,), entry)
        return text

    def notes(self, text: str) -> Iterator[str]:
        """None."""
        yield from ()

    def strip(self, text: str, ours: Any, before: str | None) -> str:
        """File without the entries of `ours` that were not there `before`."""
        own = jsontext.parse(before, self.name).value if before is not None else {}
        for key in _LISTS:
            for entry in ours.get(key, ()):
                found = jsontext.at(jsontext.parse(text, self.name), (key,))
                is_there = found is not None and isinstance(found.value, list) and entry in found.value
                if found and is_there and entry not in own.get(key, ()):
                    text = jsontext.without(text, self.name, (key, found.value.index(entry)))
            found = jsontext.at(jsontext.parse(text, self.name), (key,))
            if found and found.value == [] and key not in own:
                text = jsontext.without(text, self.name, (key,))
        return text

    def _missing(self, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
        root = jsontext.parse(text, self.name)
        for key in _LISTS:
            found = jsontext.at(root, (key,))
            for entry in self.needed.get(key, ()):
                if found is None or not isinstance(found.value, list) or entry not in found.value:
                    yield key, entry

    def _check(self, key: str, entry: Mapping[str, Any], found: Any) -> None:
        if not isinstance(found, list):
            raise AdoptionError(f"{self.name}: expected a list of {key}, got {type(found).__name__}; mend the file")
        same = ("collectionGroup", "fieldPath")
        for other in found if key == "fieldOverrides" else ():
            if isinstance(other, dict) and all(other.get(part) == entry[part] for part in same):
                raise AdoptionError(
                    f"{self.name}: expected {dict(entry)} for this field, got {other}; change it to that, or name "
                    "another collection or prefix in marquee.toml"
                )
