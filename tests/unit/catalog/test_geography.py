"""Geography against known distances, cells and solar times."""

import numpy as np
import pytest

from shared.catalog.geography import equirectangular_km, great_circle_km, grid_cell, solar_shift_s, unit_vectors

CHICAGO, MILWAUKEE, PARIS = (41.8781, -87.6298), (43.0389, -87.9065), (48.8566, 2.3522)


def _great_circle(first: tuple[float, float], second: tuple[float, float]) -> float:
    one, other = (unit_vectors(np.array([lat]), np.array([lng])) for lat, lng in (first, second))
    return float(great_circle_km(one, other)[0])


def _equirectangular(first: tuple[float, float], second: tuple[float, float]) -> float:
    degrees = [np.array([number], np.float32) for number in (*first, *second)]
    return float(equirectangular_km(*degrees)[0, 0])


def test_great_circle_distances_of_cities_are_those_of_an_atlas() -> None:
    assert _great_circle(CHICAGO, MILWAUKEE) == pytest.approx(131, abs=1)
    assert _great_circle(CHICAGO, PARIS) == pytest.approx(6_650, abs=10)
    assert _great_circle((0, 0), (0, 180)) == pytest.approx(np.pi * 6_371)
    assert np.isnan(_great_circle(CHICAGO, (np.nan, 0)))


def test_both_distances_agree_within_a_region_and_across_the_date_line() -> None:
    assert _equirectangular(CHICAGO, MILWAUKEE) == pytest.approx(_great_circle(CHICAGO, MILWAUKEE), rel=1e-2)
    rng = np.random.default_rng(0)
    for _ in range(50):
        lat, lng = float(rng.uniform(-65, 65)), float(rng.uniform(-180, 180))
        near = lat + float(rng.normal()) / 20, (lng + float(rng.normal()) / 20 + 180) % 360 - 180
        assert _equirectangular((lat, lng), near) == pytest.approx(_great_circle((lat, lng), near), rel=1e-2, abs=0.01)
    assert _equirectangular((0, 179.9), (0, -179.9)) == pytest.approx(_great_circle((0, 179.9), (0, -179.9)), rel=1e-4)


def test_grid_cells_are_half_open_squares_on_both_sides_of_zero() -> None:
    assert [grid_cell(0.0, lng, 4) for lng in (-0.3, -0.25, -0.0, 0.0, 0.24, 0.25)] == [
        (0, -2),
        (0, -1),
        (0, 0),
        (0, 0),
        (0, 0),
        (0, 1),
    ]


def test_solar_time_is_an_hour_ahead_for_fifteen_degrees_east() -> None:
    assert solar_shift_s(15.0) == 3_600
    assert solar_shift_s(np.array([-90.0, 0.0])).tolist() == [-6 * 3_600, 0]
