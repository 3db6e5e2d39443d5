"""Geography of the synthetic city: neighbourhoods and venues, in kilometres east and north of the centre."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import Location

CITY: Final = "Halvora"
# In the open sea, so that no real place gets synthetic events.
_CENTRE: Final = Location(48.6, -9.4)
_KM_PER_DEGREE: Final = 111.2


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Neighbourhood; `homes` is its share of the users, not normalized."""

    name: str
    east_km: float
    north_km: float
    homes: float


NEIGHBOURHOODS: Final = (
    Neighbourhood("Old Harbour", 0.4, -0.8, 1.2),
    Neighbourhood("Lantern Hill", -1.2, 0.6, 1.0),
    Neighbourhood("Mill Quarter", 1.9, 1.1, 1.3),
    Neighbourhood("Northgate", 0.2, 3.4, 1.4),
    Neighbourhood("University Row", -2.6, -1.0, 1.1),
    Neighbourhood("Saltmarsh", 4.2, -2.4, 0.8),
    Neighbourhood("Orchard End", -4.6, 2.7, 0.9),
    Neighbourhood("Westering", -6.0, -2.9, 0.7),
)
_SPREAD_KM: Final = 0.5
_ADJECTIVES: Final = (
    *("Copper", "Blue Door", "Old Custom", "Swan", "Amber", "Anchor", "Juniper", "Velvet", "Chapel", "Granary"),
    *("Magpie", "Sailmakers'", "Glass", "Harvest", "Tramway", "Ropewalk", "Silver Birch", "Foundry", "Quay", "Linden"),
)
_KINDS: Final = {
    "hall": ("Hall", "Rooms"),
    "club": ("Club", "Cellar"),
    "theatre": ("Theatre", "Playhouse"),
    "park": ("Park", "Gardens"),
    "library": ("Library", "Reading Room"),
    "studio": ("Studio", "Loft"),
    "kitchen": ("Kitchen", "Refectory"),
    "gallery": ("Gallery", "Print House"),
    "gym": ("Sports Hall", "Gym"),
    "market": ("Market Hall", "Yard"),
}
_SEATS: Final = {
    "hall": (120, 600),
    "club": (60, 300),
    "theatre": (80, 450),
    "park": (40, 400),
    "library": (30, 120),
    "studio": (15, 60),
    "kitchen": (12, 48),
    "gallery": (25, 150),
    "gym": (20, 120),
    "market": (100, 500),
}


@dataclass(frozen=True, slots=True)
class Venue:
    """Venue of `capacity` people, in kilometres east and north of the centre."""

    venue_id: str
    name: str
    kind: str
    area: str
    east_km: float
    north_km: float
    capacity: int


def build_venues(rng: np.random.Generator, count: int) -> list[Venue]:
    """Venues: `count` of them, cycling through the kinds, at random in the neighbourhoods."""
    kinds = list(_KINDS)
    places = scatter(rng, area_rows := rng.integers(len(NEIGHBOURHOODS), size=count))
    venues = []
    for row, (area_row, (east, north)) in enumerate(zip(area_rows.tolist(), places.tolist(), strict=True)):
        kind, area = kinds[row % len(kinds)], NEIGHBOURHOODS[area_row].name
        noun = _KINDS[kind][rng.integers(2)]
        name = f"{area} {noun}" if kind == "park" else f"the {_ADJECTIVES[rng.integers(len(_ADJECTIVES))]} {noun}"
        capacity = 5 * round(rng.uniform(*_SEATS[kind]) / 5)
        venues.append(Venue(f"venue_{row + 1}", name, kind, area, east, north, capacity))
    return venues


def scatter(rng: np.random.Generator, area_rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Random points around the centres of neighbourhoods, float64 of shape (n, 2), kilometres."""
    middles = np.array([(area.east_km, area.north_km) for area in NEIGHBOURHOODS])
    return middles[area_rows] + rng.normal(0.0, _SPREAD_KM, (len(area_rows), 2))


def to_location(east_km: float, north_km: float) -> Location:
    """Latitude and longitude in degrees, rounded to about ten metres."""
    lng = _CENTRE.lng + east_km / (_KM_PER_DEGREE * np.cos(np.radians(_CENTRE.lat)))
    return Location(round(_CENTRE.lat + north_km / _KM_PER_DEGREE, 4), round(float(lng), 4))
