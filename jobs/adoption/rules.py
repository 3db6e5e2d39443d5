"""Security rules of a host with a fragment between two marker lines, inside the block of the documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from jobs.adoption import jsontext
from jobs.adoption.errors import AdoptionError

_SKIPPED: Final = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)
_COMMENTS: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION: Final = re.compile(r"\brules_version\s*=\s*['\"]2['\"]")
_DOCUMENTS: Final = re.compile(r"\bmatch\s+/databases/\{\s*\w+\s*\}/documents\s*\{")
_SERVICE: Final = re.compile(r"\bservice\s+cloud\.firestore\s*\{")
_BLOCK: Final = "match /databases/{database}/documents {"
_ADVICE: Final = "keep your own rules outside of them, restore the part from your version control, then run this again"
_OPEN: Final = re.compile(r"\bmatch\s+(?:/databases/\{\s*\w+\s*\}/documents)?/\{\s*\w+\s*(?:=\s*\*\*\s*)?\}")
"""Beginning of a match whose first part may be the name of any collection."""
_FUNCTION: Final = re.compile(r"\bfunction\s+(marquee\w+)")


@dataclass(frozen=True, slots=True)
class Rules:
    """Fragment of rules that a host's rules contain.

    Attributes
    ----------
    name : path of the rules, for messages.
    fragment : lines without indentation of their own; the first and the last are comments, the markers.
    """

    name: str
    fragment: str

    @property
    def ours(self) -> str:
        """Fragment, as a later change finds what was added."""
        return self.fragment

    def holds(self, text: str) -> bool:
        """Whether the rules contain exactly this fragment."""
        found = self._find(text)
        return found is not None and _is_same(text[slice(*found)], self.fragment)

    def insert(self, text: str) -> str:
        """Rules with the fragment at the end of the block of all documents; of the service, where that has none."""
        if self._find(text) is not None:
            raise AdoptionError(f"{self.name}: the markers of Marquee are there, but no record of them: {_ADVICE}")
        if not _VERSION.search(_COMMENTS.sub("", text)):
            raise AdoptionError(
                f"{self.name}: expected rules of version 2, found no `rules_version = '2';`; add it as the first line, "
                "once you have read what it changes for matches with `=**`"
            )
        blank = _SKIPPED.sub(lambda match: " " * len(match[0]), text)
        opening = _DOCUMENTS.search(blank) or _SERVICE.search(blank)
        if opening is None:
            raise AdoptionError(
                f"{self.name}: expected `service cloud.firestore {{` and in it `{_BLOCK}`, found neither"
            )
        closing = _closing(blank, opening.end())
        if closing is None:
            raise AdoptionError(f"{self.name}: expected a closing brace for {opening[0]!r}, found none; mend the rules")
        if taken := sorted({*_FUNCTION.findall(blank)} & {*_FUNCTION.findall(self.fragment)}):
            raise AdoptionError(
                f"{self.name}: expected no function that is called as one of Marquee's, got {', '.join(taken)}; rename "
                "it, or remove a part of Marquee's that stands without its markers"
            )
        line_end, unit = jsontext.newline(text), jsontext.unit(text)
        outer = jsontext.indentation(text, opening.start())
        inner = outer + unit
        lines = self.fragment.splitlines()
        if opening.re is _SERVICE:
            # The markers enclose all that is added.
            first, *rest, last = lines
            lines = [first, _BLOCK, *(f"{unit}{line}" if line else "" for line in rest), "}", last]
        end = len(text[:closing].rstrip())
        block = "".join(f"{line_end}{inner if line else ''}{line}" for line in ["", *lines])
        tail = text[end:] if "\n" in text[end:closing] else line_end + outer + text[closing:]
        return text[:end] + block + tail

    def notes(self, text: str) -> Iterator[str]:
        """Word about a match of any collection, whose permissions hold for Marquee's collections as well."""
        if _OPEN.search(_SKIPPED.sub("", text)):
            yield f"{self.name} has a match of any collection: what it allows, it allows for Marquee's collections too."

    def strip(self, text: str, ours: Any, before: str | None) -> str:  # the markers tell enough
        """Rules without the fragment `ours`; raises `AdoptionError` if what is between the markers was changed."""
        found = self._find(text)
        if found is None:
            return text
        start, end = found
        if not _is_same(text[start:end], ours):
            raise AdoptionError(f"{self.name}: what is between the markers of Marquee was changed: {_ADVICE}")
        return text[:start].rstrip() + text[end:]

    def _find(self, text: str) -> tuple[int, int] | None:
        """Place of the markers and what is between them."""
        first, *_, last = self.fragment.splitlines()
        start, end = text.find(first), text.rfind(last)
        if start < 0 and end < 0:
            return None
        if start < 0 or end < start or text.count(first) > 1 or text.count(last) > 1:
            raise AdoptionError(f"{self.name}: expected {first!r} and {last!r} once each, in this order: {_ADVICE}")
        return start, end + len(last)


def _closing(blank: str, position: int) -> int | None:
    """Position of the brace that closes the block which begins at a position, in rules without comments and texts."""
    depth = 1
    for match in re.compile(r"[{}]").finditer(blank, position):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.start()
    return None


def _is_same(found: str, fragment: str) -> bool:
    """Whether rules are a fragment, whatever their indentation and line ends, or that within a block of its own."""
    lines, expected = ([line.strip() for line in part.splitlines() if line.strip()] for part in (found, fragment))
    if lines[1:2] == [_BLOCK]:
        lines = [lines[0], *lines[2:-2], lines[-1]]
    return lines == expected
