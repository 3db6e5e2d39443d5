"""Options of the command lines that read a CSV folder: names of columns, local times, and how many rows may fail."""

import argparse
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import wraps
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

import click

from jobs.commandline import CALLED
from jobs.naming import read_pairs
from shared.catalog.calendar import Calendar
from shared.entities.fields import zone_names
from shared.errors import InvalidField
from shared.schema import FILE

_WIDTH: Final = 80
_EXAMPLE: Final = """\
A folder that a spreadsheet exported, with columns of other names and local times:

  {command} {arguments} \\
      --map name=title,startsAt=starts_at --timezone Europe/Berlin

or, instead of --map, with a file {schema} in the folder:

  [events]
  title = "name"
  starts_at = "startsAt"

docs/data.md lists the fields, and says how cells are read.
"""
_MAP: Final = (
    "columns with other names than their field, such as name=title,startsAt=starts_at; may be repeated. "
    f"A file {FILE} in the folder can name them instead"
)
_TIMEZONE: Final = (
    "time zone of times without an offset, such as Europe/Berlin, for rows without a `timezone` of their own "
    "(default: {zone})"
)
_MAX_REJECTED: Final = (
    "end with an error if more rows of a file are rejected: a number such as 20, or a share such as 5% "
    "(default: if all rows of a file are rejected)"
)
_REFUSED: Final = "such times are rejected"
_PAIRS: Final = "COLUMN=FIELD,..."


def reading_help(description: str, *, example: str, status: str = "") -> str:
    """Help of a command that reads a folder, with an example; paragraphs after a backspace keep their lines.

    Parameters
    ----------
    example : words of the example, after the path of the command.
    status : meaning of the exit status.
    """
    lines = _EXAMPLE.format(command=CALLED, arguments=example, schema=FILE).rstrip()
    kept = "\n\n".join(f"\b\n{paragraph}" for paragraph in lines.split("\n\n"))
    return "\n\n".join(filter(None, (description, kept, status)))


def reading_parser(module: str, description: str, *, example: str) -> argparse.ArgumentParser:
    """Parser of a command line that is no subcommand of `marquee` and reads a folder, with an example in its help.

    Parameters
    ----------
    module : name of the module.
    example : arguments of the example.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=textwrap.fill(description, _WIDTH),
        epilog=_EXAMPLE.format(command=f"python -m {module}", arguments=example, schema=FILE).strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


@dataclass(frozen=True, slots=True)
class MaxRejected:
    """Limit of the rejected rows of a file: a number, or a share of its rows in 0..1; without either, all but one.

    >>> MaxRejected.parse("5%").check({"events.csv": 100, "users.csv": 9}, {"events.csv": 6, "users.csv": 0})
    Traceback (most recent call last):
    shared.errors.InvalidField: events.csv: expected at most 5% rejected (--max-rejected), got '6 of 100 rows rejected'
    """

    number: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Limit from `--max-rejected`: `20` rows, `5%` or `0.05`; raises `InvalidField` for any other text."""
        if re.fullmatch(r"[0-9]{1,12}", text):
            return cls(number=int(text))
        match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,9})?)%|(0?\.[0-9]{1,9}|1\.0{1,9})", text)
        share = float(match[1]) / 100 if match and match[1] else float(match[2]) if match else -1.0
        if not 0 <= share <= 1:
            raise InvalidField("--max-rejected", text, "a number of rows such as 20, or a share such as 5% or 0.05")
        return cls(share=share)

    def check(self, rows: Mapping[str, int], rejected: Mapping[str, int]) -> None:
        """Check of numbers of rows by file; raises `InvalidField` naming the files of which too many are rejected."""
        failed = [file for file, count in rows.items() if not self._is_met(count, rejected[file])]
        if failed:
            got = ", ".join(f"{rejected[file]:,} of {rows[file]:,}" for file in failed)
            raise InvalidField(", ".join(failed), f"{got} rows rejected", self._expected())

    def _is_met(self, rows: int, rejected: int) -> bool:
        if self.number is not None:
            return rejected <= self.number
        return rejected <= self.share * rows if self.share is not None else not rejected or rejected < rows

    def _expected(self) -> str:
        if self.number is None and self.share is None:
            return "a row that can be accepted"
        limit = f"{self.number:,}" if self.share is None else f"{100 * self.share:.9g}%"
        return f"at most {limit} rejected (--max-rejected)"


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Options of reading a folder.

    Attributes
    ----------
    pairs : columns with other names than their field, as pairs of a column and a field.
    zone : time zone of times without an offset; None refuses them.
    max_rejected : limit of the rejected rows of each file.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    zone: ZoneInfo | None = None
    max_rejected: MaxRejected = field(default_factory=MaxRejected)

    @classmethod
    def of(cls, pairs: Sequence[str], timezone: str | None, max_rejected: str | None) -> Self:
        """Options as they are typed, None for those that are not given; raises `InvalidField` naming the option."""
        return cls(
            pairs=read_pairs(pairs),
            zone=None if timezone is None else _zone(timezone),
            max_rejected=MaxRejected() if max_rejected is None else MaxRejected.parse(max_rejected),
        )

    @classmethod
    def parse(cls, given: argparse.Namespace) -> Self:
        """Options of a command line with the arguments of `add_arguments`; raises `InvalidField` naming the option."""
        return cls.of(given.map, given.timezone, given.max_rejected)

    def calendar(self) -> Calendar:
        """Local time of events that name no zone: that of local times, or solar time."""
        return Calendar(self.zone.key if self.zone else "")

    def in_zone_of(self, name: str) -> Self:
        """Options with the time zone of a deployment, an IANA name, where none is given; unchanged for no name."""
        return self if self.zone or not name else replace(self, zone=ZoneInfo(name))


def reading_options(zone: str = _REFUSED) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Options of a command that reads a folder, which the command gets as `options`, a `ReadingOptions`.

    `zone` says what holds without a time zone.
    """

    def decorate(callback: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(callback)
        def with_options(*, pairs: Sequence[str], timezone: str | None, max_rejected: str | None, **given: Any) -> Any:
            return callback(options=ReadingOptions.of(pairs, timezone, max_rejected), **given)

        for option in (
            click.option("--max-rejected", metavar="LIMIT", help=_MAX_REJECTED),
            click.option("--timezone", metavar="ZONE", help=_TIMEZONE.format(zone=zone)),
            click.option("--map", "pairs", metavar=_PAIRS, multiple=True, help=_MAP),
        ):
            with_options = option(with_options)
        return with_options

    return decorate


def add_arguments(parser: argparse.ArgumentParser, *, zone: str = _REFUSED) -> None:
    """Arguments of `ReadingOptions.parse`, as a group of the parser's help; `zone` says what holds without a zone."""
    group = parser.add_argument_group("reading of the CSV files")
    group.add_argument("--map", metavar=_PAIRS, action="append", default=[], help=_MAP)
    group.add_argument("--timezone", metavar="ZONE", help=_TIMEZONE.format(zone=zone))
    group.add_argument("--max-rejected", metavar="LIMIT", help=_MAX_REJECTED.replace("%", "%%"))


def same_arguments(given: argparse.Namespace) -> list[str]:
    """Arguments of `add_arguments` that a command line was given, for another command that takes them."""
    options = {"--timezone": given.timezone, "--max-rejected": given.max_rejected}
    named = [f"{option}={value}" for option, value in options.items() if value is not None]
    return [*(f"--map={pairs}" for pairs in given.map), *named]


def _zone(name: str) -> ZoneInfo:
    if name not in zone_names():
        lower = {known.lower(): known for known in zone_names()}
        near = get_close_matches(name.lower().replace(" ", "_"), lower, n=1)
        hint = f"; did you mean {lower[near[0]]}?" if near else ""
        raise InvalidField("--timezone", name, f"an IANA time zone, such as Europe/Berlin{hint}")
    return ZoneInfo(name)
