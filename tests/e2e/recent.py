"""Time shift of a CSV folder to the present, since events that are over are never recommended."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

_TIMES = ("starts_at", "ends_at", "occurred_at", "created_at")
_WEEK = timedelta(weeks=1)


def write_recent(source: Path, to: Path, *, now: datetime, weeks: int) -> None:
    """Time-shifted copy of a CSV folder: the last interaction falls into the week before `now`.

    All times move by a whole number of weeks. Only the interactions of the last `weeks` weeks are copied.
    """
    last = max(_time(row["occurred_at"]) for row in read(source / "interactions.csv"))
    first = last - weeks * _WEEK
    shift = (now - last) // _WEEK * _WEEK
    to.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.csv")):
        rows = [row for row in read(path) if "occurred_at" not in row or _time(row["occurred_at"]) >= first]
        for row in rows:
            row.update({name: _shifted(row[name], shift) for name in _TIMES if row.get(name)})
        with (to / path.name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file, as dictionaries by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _shifted(text: str, shift: timedelta) -> str:
    return (_time(text) + shift).isoformat()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
