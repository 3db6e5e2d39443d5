"""Themes and topics of the synthetic city with their word lists, read from `themes.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_FILE: Final = Path(__file__).with_name("themes.toml")


@dataclass(frozen=True, slots=True)
class Topic:
    """Topic: an event subcategory and its word lists."""

    name: str
    tags: tuple[str, ...]
    queries: tuple[str, ...]
    titles: tuple[str, ...]
    subjects: tuple[str, ...]
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Theme:
    """Theme: an event category with its times, venue kinds, prices, audience and word lists.

    `price` is the lowest and highest in euros, `free` the share of organizers whose events are free, `age` the age of
    the most interested users, `length_h` the shortest and longest duration in hours; weekdays count from Monday = 0.
    """

    category: str
    weight: float
    age: float
    kinds: tuple[str, ...]
    price: tuple[float, float]
    free: float
    hours: tuple[int, ...]
    weekdays: tuple[int, ...]
    length_h: tuple[int, int]
    organizers: tuple[str, ...]
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    topics: tuple[Topic, ...]

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """Theme of a TOML table."""
        topics = tuple(Topic(**_frozen(topic)) for topic in data["topic"])
        return cls(topics=topics, **_frozen({name: value for name, value in data.items() if name != "topic"}))


def read_themes() -> tuple[Theme, ...]:
    """Themes in file order."""
    with _FILE.open("rb") as stream:
        return tuple(Theme.of(data) for data in tomllib.load(stream)["theme"])


def _frozen(data: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
