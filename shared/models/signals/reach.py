"""Whether an event is within reach: of the user's home and of their purse."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.models.request import Request
from shared.models.signals.signal import State, UserSignal

_EARTH_KM: Final = 6_371.0


class Nearness(UserSignal):
    """−log(1 + km between the event and the user's home), 0 where either is unknown.

    Home is the declared location, else the decayed mean place of the events that the user liked.
    """

    name = "nearness"
    source = "place"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c), at most 0."""
        home_lat, home_lng = (one[:, None] for one in _homes(request))
        catalog, rows = request.candidates.catalog, request.candidates.rows
        # Over a city the Earth is flat: a degree of longitude shrinks with the cosine of the latitude.
        degrees = (home_lng - catalog.lng[rows] + 180) % 360 - 180
        east = np.radians(degrees) * np.cos(np.radians(catalog.lat[rows]))
        distances = _EARTH_KM * np.hypot(np.radians(home_lat - catalog.lat[rows]), east)
        nearness: NDArray[np.float32] = np.nan_to_num(-np.log1p(distances)).astype(np.float32)
        return nearness


class Budget(UserSignal):
    """−1 where the price is above the user's declared maximum."""

    name = "budget"
    source = "price"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c), -1 or 0."""
        limits = np.array(
            [np.inf if user.max_price is None else user.max_price for user in request.histories.users], np.float32
        )
        prices = request.candidates.catalog.price[request.candidates.rows]
        too_dear: NDArray[np.float32] = (prices > limits[:, None]).astype(np.float32)
        return -too_dear


class UsualPrice(UserSignal):
    """−|log(1 + price) − the user's decayed mean of it|, 0 where either is unknown."""

    name = "usual_price"
    source = "price"

    def score(self, _state: State, request: Request) -> NDArray[np.float32]:
        """Float32 of shape (b, c), at most 0."""
        catalog = request.candidates.catalog
        usual = _means(request, np.log1p(catalog.price))
        prices = np.log1p(catalog.price[request.candidates.rows])
        fit: NDArray[np.float32] = np.nan_to_num(-np.abs(prices - usual[:, None])).astype(np.float32)
        return fit


def _homes(request: Request) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    places = [user.location for user in request.histories.users]
    declared = (
        np.array([place.lat if place else np.nan for place in places], np.float32),
        np.array([place.lng if place else np.nan for place in places], np.float32),
    )
    catalog = request.candidates.catalog
    lived = _means(request, catalog.lat), _means(request, catalog.lng)
    lat, lng = (np.where(np.isnan(said), seen, said) for said, seen in zip(declared, lived, strict=True))
    return lat, lng


def _means(request: Request, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each user's mean of a number over the events they liked, float32 of shape (b,), NaN where unknown."""
    liked = np.flatnonzero(request.likes > 0)
    found = values[request.histories.event_rows[liked]]
    liked, found = liked[~np.isnan(found)], found[~np.isnan(found)]
    owners, weights = request.owners[liked], request.likes[liked]
    sums = np.bincount(owners, weights=weights * found, minlength=len(request))
    totals = np.bincount(owners, weights=weights, minlength=len(request))
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1), np.nan).astype(np.float32)
