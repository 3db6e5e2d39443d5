"""JSON texts with comments, edited in place: everything but the edited part keeps its bytes.

Comments are those that the Firebase CLI reads, `//` and `/* */`. Edits are inverse to each other: `without` an added
part, a text is what it was.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from jobs.adoption.errors import AdoptionError
from shared.errors import shown

Path = tuple[str | int, ...]
"""Keys and indices from the root to a value."""

_SPACE: Final = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_INDENTED: Final = re.compile(r"^([ \t]+)\S", re.MULTILINE)
_DECODER: Final = json.JSONDecoder()
_MAX_DEPTH: Final = 50
"""Deepest nesting that is read, far more than any file of Firebase has."""


@dataclass(frozen=True, slots=True)
class Node:
    """Value of a JSON text, at `text[start:end]`.

    Attributes
    ----------
    value : the value in Python.
    parts : items of an array or values of an object, by index or key.
    starts : where each part begins: an item itself, a member with its key.
    """

    start: int
    end: int
    value: Any
    parts: dict[str | int, "Node"] = field(default_factory=dict)
    starts: dict[str | int, int] = field(default_factory=dict)


def parse(text: str, name: str) -> Node:
    """Root of a JSON text with comments; raises `AdoptionError` naming the file `name` and the line."""
    node = _Parser(text, name).value(_skip(text, 0), 0)
    if _skip(text, node.end) != len(text):
        raise _error(text, name, _skip(text, node.end), "the end of the file")
    return node


def at(root: Node, path: Path) -> Node | None:
    """Node at a path, None where there is none."""
    for key in path:
        if key not in root.parts:
            return None
        root = root.parts[key]
    return root


def newline(text: str) -> str:
    """Line end of a text, that of its first line."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def unit(text: str) -> str:
    """Indentation of a level: that of the first indented line, or two spaces."""
    found = _INDENTED.search(text)
    return found[1] if found else "  "


def indentation(text: str, position: int) -> str:
    """White space at the beginning of the line of a position."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip())]


def with_item(text: str, name: str, path: Path, value: Any, *, first: bool = False) -> str:
    """Text with an item added to the array at a path, as its last or its first."""
    return _with_part(text, _container(text, name, path, list), "", value, first=first)


def with_member(text: str, name: str, path: Path, key: str, value: Any) -> str:
    """Text with a member added to the object at a path, as its last."""
    return _with_part(text, _container(text, name, path, dict), f"{json.dumps(key)}: ", value, first=False)


def as_array(text: str, name: str, path: Path) -> str:
    """Text with the value at a path as the only item of an array."""
    node = _container(text, name, path)
    return f"{text[: node.start]}[{text[node.start : node.end]}]{text[node.end :]}"


def as_only_item(text: str, name: str, path: Path) -> str:
    """Text with the only item of the array at a path in the place of the array."""
    node = _container(text, name, path)
    [item] = node.parts.values()
    return text[: node.start] + text[item.start : item.end] + text[node.end :]


def without(text: str, name: str, path: Path) -> str:
    """Text without the item or the member at a path, and without the comma that it needed."""
    node = _container(text, name, path[:-1])
    keys = list(node.parts)
    index = keys.index(path[-1])
    start, end = node.starts[path[-1]], node.parts[path[-1]].end
    if index + 1 < len(keys):
        rest = text[text.index(",", _skip(text, end)) + 1 :]
        return text[:start] + rest.lstrip()
    if index:
        comma = text.index(",", _skip(text, node.parts[keys[index - 1]].end))
        comments, rest = text[comma + 1 : start].rstrip(), text[end:]
        # A comment that goes to the end of its line must not take in what follows.
        is_cut = "//" in comments and not rest.lstrip(" \t\r").startswith("\n")
        return text[:comma] + comments + (newline(text) if is_cut else "") + rest
    inside = text[node.start + 1 : start] + text[end : node.end - 1]
    return text[: node.start + 1] + (inside if inside.strip() else "") + text[node.end - 1 :]


def _with_part(text: str, node: Node, key: str, value: Any, *, first: bool) -> str:
    line_end, outer = newline(text), indentation(text, node.start)
    if not node.parts:
        inside = text[node.start + 1 : node.end - 1].rstrip()
        if "\n" not in text:
            part = key + json.dumps(value, ensure_ascii=False)
            return text[: node.start + 1] + inside + part + text[node.end - 1 :]
        inner = outer + unit(text)
        part = line_end + inner + key + _rendered(value, text, inner) + line_end + outer
        return text[: node.start + 1] + inside + part + text[node.end - 1 :]
    starts = list(node.starts.values())
    anchor = starts[0] if first else starts[-1]
    before = text[:anchor]
    space = before[len(before.rstrip()) :]
    is_inline = "\n" not in space
    inner = outer if is_inline else indentation(text, anchor)
    # A part on the line of the bracket may still go over several lines.
    is_flat = is_inline and "\n" not in text[anchor : node.end]
    part = key + (json.dumps(value, ensure_ascii=False) if is_flat else _rendered(value, text, inner))
    separator = " " if is_inline else line_end + inner
    if first:
        return f"{before}{part},{separator}{text[anchor:]}"
    last = list(node.parts.values())[-1].end
    comments = text[last : node.end - 1].rstrip()
    if is_inline and "//" in comments:
        separator = line_end + inner
    return text[:last] + "," + comments + separator + part + text[last + len(comments) :]


def _rendered(value: Any, text: str, inner: str) -> str:
    lines = json.dumps(value, indent=unit(text), ensure_ascii=False).split("\n")
    return (newline(text) + inner).join(lines)


def _container(text: str, name: str, path: Path, kind: type[Any] = object) -> Node:
    node = at(parse(text, name), path)
    place = ".".join(map(str, path)) or "the top"
    if node is None:
        raise AdoptionError(f"{name}: expected a value at {place}, got none")
    if not isinstance(node.value, kind):
        expected = "an array" if kind is list else "an object"
        raise AdoptionError(f"{name}: expected {expected} at {place}, got {shown(node.value)}; mend the file")
    return node


def _skip(text: str, position: int) -> int:
    """Position after white space and comments."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _error(text: str, name: str, position: int, expected: str) -> AdoptionError:
    line = text.count("\n", 0, position) + 1
    return AdoptionError(
        f"{name}: expected {expected} in line {line}, got {text[position : position + 20]!r}; the Firebase CLI reads "
        "JSON with comments, and no comma after the last part"
    )


@dataclass(frozen=True, slots=True)
class _Parser:
    text: str
    name: str

    def value(self, start: int, depth: int) -> Node:
        opening = self.text[start : start + 1]
        if depth > _MAX_DEPTH:
            raise _error(self.text, self.name, start, f"at most {_MAX_DEPTH} levels")
        if opening in ("{", "["):
            return self._compound(start, depth, "}" if opening == "{" else "]")
        try:
            value, end = _DECODER.raw_decode(self.text, start)
        except (ValueError, RecursionError) as error:
            raise _error(self.text, self.name, start, "a value") from error
        return Node(start, end, value)

    def _compound(self, start: int, depth: int, closing: str) -> Node:
        parts: dict[str | int, Node] = {}
        starts: dict[str | int, int] = {}
        position = _skip(self.text, start + 1)
        mark = self.text[position : position + 1]
        while mark != closing:
            begin: int = position
            key: str | int = len(parts)
            if closing == "}":
                key, position = self._key(position)
                if key in parts:
                    raise _error(self.text, self.name, begin, "a key that the object does not have yet")
            parts[key], starts[key] = self.value(position, depth + 1), begin
            position = _skip(self.text, parts[key].end)
            mark = self.text[position : position + 1]
            if mark == ",":
                position = _skip(self.text, position + 1)
            elif mark != closing:
                raise _error(self.text, self.name, position, f"a comma or {closing!r}")
        values = [node.value for node in parts.values()]
        value = dict(zip(parts, values, strict=True)) if closing == "}" else values
        return Node(start, position + 1, value, parts, starts)

    def _key(self, start: int) -> tuple[str, int]:
        """Key at a position, and where its value begins."""
        key = self.value(start, _MAX_DEPTH)
        colon = _skip(self.text, key.end)
        if not isinstance(key.value, str) or self.text[colon : colon + 1] != ":":
            raise _error(self.text, self.name, start, "a key and a colon")
        return key.value, _skip(self.text, colon + 1)
