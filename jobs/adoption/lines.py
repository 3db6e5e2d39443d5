"""Lines in a host's ignore file, between two marker lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from jobs.adoption import jsontext
from jobs.adoption.errors import AdoptionError

BEGIN: Final = "# marquee: begin"
END: Final = "# marquee: end"


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that an ignore file contains.

    Attributes
    ----------
    name : path of the file, for messages.
    added : the lines.
    """

    name: str
    added: tuple[str, ...]

    @property
    def ours(self) -> list[str]:
        """Lines, as a later change finds what was added."""
        return list(self.added)

    def holds(self, text: str) -> bool:
        """Whether the file contains exactly these lines between the markers."""
        return self._between(text) == list(self.added)

    def insert(self, text: str) -> str:
        """File with the lines at its end."""
        if self._between(text) is not None:
            raise AdoptionError(f"{self.name}: {BEGIN!r} is there, but not Marquee's record of it; remove these lines")
        end = jsontext.newline(text)
        block = end.join((BEGIN, *self.added, END)) + end
        return text + (end if text and not text.endswith("\n") else "") + block

    def notes(self, text: str) -> Iterator[str]:
        """None."""
        yield from ()

    def strip(self, text: str, ours: Any, before: str | None) -> str:  # the markers tell enough
        """File without the lines; raises `AdoptionError` if what is between the markers is not `ours`."""
        between = self._between(text)
        if between is None:
            return text
        if between != ours:
            raise AdoptionError(
                f"{self.name}: expected {ours} between {BEGIN!r} and {END!r}, got {between}; move your own lines out"
            )
        lines = text.splitlines(keepends=True)
        plain = [line.strip() for line in lines]
        return "".join(lines[: plain.index(BEGIN)] + lines[plain.index(END) + 1 :])

    def _between(self, text: str) -> list[str] | None:
        plain = [line.strip() for line in text.splitlines()]
        if BEGIN not in plain and END not in plain:
            return None
        if plain.count(BEGIN) != 1 or plain.count(END) != 1 or plain.index(END) < plain.index(BEGIN):
            raise AdoptionError(f"{self.name}: expected {BEGIN!r} and {END!r} once each, in this order; restore them")
        return plain[plain.index(BEGIN) + 1 : plain.index(END)]
