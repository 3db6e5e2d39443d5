"""Organizers of the synthetic city: each with a topic, usual venues, a usual time and a price level."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.city.places import Venue
from jobs.city.themes import Theme, Topic


@dataclass(frozen=True, slots=True)
class Organizer:
    """Organizer; `venues` starts with the main venue, `price` in euros is 0 if its events are free."""

    organizer_id: str
    name: str
    theme: Theme
    topic: Topic
    venues: tuple[Venue, ...]
    weekday: int
    hour: int
    price: float


def build_organizers(
    rng: np.random.Generator, themes: Sequence[Theme], venues: Sequence[Venue], count: int
) -> list[Organizer]:
    """Organizers: `count` of them, by theme in proportion to the weights of the themes."""
    shares = np.cumsum([theme.weight for theme in themes])
    # Systematic sampling: a small city still has many themes.
    points = (rng.permutation(count) + rng.random()) / count * shares[-1]
    rows = np.searchsorted(shares, points, side="right").tolist()
    return [_organizer(rng, f"organizer_{number}", themes[row], venues) for number, row in enumerate(rows, 1)]


def _organizer(rng: np.random.Generator, organizer_id: str, theme: Theme, venues: Sequence[Venue]) -> Organizer:
    suitable = [venue for venue in venues if venue.kind in theme.kinds] or list(venues)
    chosen = rng.choice(len(suitable), size=min(len(suitable), 1 + int(rng.integers(3))), replace=False)
    low, high = theme.price
    price = 0.0 if rng.random() < theme.free else low + (high - low) * rng.beta(1.3, 2.2)
    home = suitable[chosen[0]]
    return Organizer(
        organizer_id,
        theme.organizers[rng.integers(len(theme.organizers))].format(area=home.area),
        theme,
        theme.topics[rng.integers(len(theme.topics))],
        tuple(suitable[row] for row in chosen),
        theme.weekdays[rng.integers(len(theme.weekdays))],
        theme.hours[rng.integers(len(theme.hours))],
        price,
    )
