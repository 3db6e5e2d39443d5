"""Geography: distances between points, grid cells, and local solar time, from degrees of latitude and longitude."""

from math import floor
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_EARTH_KM: Final = 6_371.0
"""Mean radius of the Earth."""
_SECONDS_A_DEGREE: Final = 240.0
"""Shift of solar time by one degree of longitude, seconds: a day divided by 360."""
_Degrees = TypeVar("_Degrees", float, NDArray[np.float64])


def unit_vectors(lat: NDArray[np.float64], lng: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors of points on a sphere, float64 of shape (n, 3), from degrees; NaN where unknown."""
    lat, lng = np.radians(lat), np.radians(lng)
    return np.stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)], axis=1)


def great_circle_km(points: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Great-circle distance, km, of n points from another, float64 of shape (n,); NaN where unknown.

    Exact at any distance, as the limits of filters demand. From the chord, which is precise for near points, too.

    Parameters
    ----------
    points, origin : float64 of shape (n, 3) and (1, 3) – see `unit_vectors`.
    """
    chords: NDArray[np.float64] = np.linalg.norm(points - origin, axis=1)
    return 2 * _EARTH_KM * np.arcsin(np.minimum(chords / 2, 1))


def equirectangular_km(
    lat: NDArray[np.float32], lng: NDArray[np.float32], place_lat: NDArray[np.float32], place_lng: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Equirectangular distance, km, of b users and p places, float32 of shape (b, p); NaN where one is unknown.

    Exact enough within a region, and cheaper than `great_circle_km` for many pairs: no trigonometric function of a pair
    is needed, and differences of degrees keep their precision in float32.

    Parameters
    ----------
    lat, lng : float32 of shape (b,) – degrees.
    place_lat, place_lng : float32 of shape (p,) – degrees.
    """
    # In place, since a request may have hundreds of thousands of pairs.
    squares = lat[:, None] - place_lat
    squares *= squares
    east = np.abs(lng[:, None] - place_lng)
    np.minimum(east, 360 - east, out=east)
    # A degree of longitude shrinks with the cosine of the latitude.
    east *= np.cos(np.radians(place_lat))
    east *= east
    squares += east
    distances: NDArray[np.float32] = np.sqrt(squares, out=squares)
    distances *= np.float32(np.radians(_EARTH_KM))
    return distances


def grid_cell(lat: float, lng: float, cells_a_degree: int) -> tuple[int, int]:
    """Grid cell of a point: row and column, counted from latitude and longitude 0, at `cells_a_degree` per degree.

    >>> grid_cell(41.88, -87.63, 20)
    (837, -1753)
    """
    return floor(lat * cells_a_degree), floor(lng * cells_a_degree)


def solar_shift_s(lng: _Degrees) -> _Degrees:
    """Seconds by which local mean solar time is ahead of UTC at a longitude in degrees.

    Replaces a table of time zones, at an error of about an hour.
    """
    return lng * _SECONDS_A_DEGREE
