"""Time shift of a CSV folder to the present, since events that are over are never recommended."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_TIMES: Final = ("starts_at", "ends_at", "occurred_at", "created_at")
_WEEK: Final = timedelta(weeks=1)


def write_recent(source: Path, to: Path, *, now: datetime, weeks: int) -> None:
    """Time-shifted copy of a CSV folder: the last interaction falls into the week before `now`.

    All times move by a whole number of weeks. Only the interactions of the last `weeks` weeks are copied, their users,
    their events, and the events that start since then.
    """
    tables = {path.name: read(path) for path in sorted(source.glob("*.csv"))}
    last = max(_time(row["occurred_at"]) for row in tables["interactions.csv"])
    first = last - weeks * _WEEK
    shift = (now - last) // _WEEK * _WEEK
    done = [row for row in tables["interactions.csv"] if _time(row["occurred_at"]) >= first]
    users, events = {row["user_id"] for row in done}, {row["event_id"] for row in done}
    kept = {
        "interactions.csv": done,
        "users.csv": [row for row in tables["users.csv"] if row["user_id"] in users],
        "events.csv": [
            row for row in tables["events.csv"] if row["event_id"] in events or _time(row["starts_at"]) >= first
        ],
    }
    to.mkdir(parents=True, exist_ok=True)
    for name, rows in {**tables, **kept}.items():
        for row in rows:
            row.update({field: _shifted(row[field], shift) for field in _TIMES if row.get(field)})
        with (to / name).open("w", newline="", encoding="utf-8") as file:
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
