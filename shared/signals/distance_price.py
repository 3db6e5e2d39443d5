"""Whether an event is within reach: of the user's home and of their purse."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.signals.signal import SignalParams, UserSignal
from shared.signals.terms import PerValue, Term
from shared.signals.users import UserBatch

_EARTH_KM: Final = 6_371.0


class Nearness(UserSignal):
    """−log(1 + km between the event and the user's home), 0 where either is unknown.

    Home is the declared location, else the decayed mean place of the events that the user liked.
    """

    name = "nearness"
    source = "place"

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """How near the places are where there are candidates."""
        lat, lng = _homes(batch)
        is_known = ~np.isnan(lat)
        if not is_known.any():
            return
        catalog, rows = batch.candidates.catalog, batch.candidates.groups_by("place").rows
        # Over a city the Earth is flat: a degree of longitude shrinks with the cosine of the latitude.
        north = np.radians(lat[:, None] - catalog.lat[rows])
        degrees = (lng[:, None] - catalog.lng[rows] + 180) % 360 - 180
        east = np.radians(degrees) * np.cos(np.radians(catalog.lat[rows]))
        nearness = -np.log1p(_EARTH_KM * np.sqrt(north**2 + east**2))
        yield PerValue("place", np.where(is_known[:, None], nearness, 0))


class Budget(UserSignal):
    """−1 where the price is above the user's declared maximum."""

    name = "budget"
    source = "price"

    def terms(self, _state: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """The prices that are too high."""
        limits = [np.inf if user.max_price is None else user.max_price for user in batch.histories.users]
        if min(limits, default=np.inf) < np.inf:
            prices = batch.candidates.catalog.price[batch.candidates.groups_by("price").rows]
            yield PerValue("price", -(prices > np.array(limits, np.float32)[:, None]).astype(np.float32))


def _homes(batch: UserBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    places = [user.location for user in batch.histories.users]
    declared = (
        np.array([place.lat if place else np.nan for place in places], np.float32),
        np.array([place.lng if place else np.nan for place in places], np.float32),
    )
    if not np.isnan(declared[0]).any():
        return declared
    catalog, rows = batch.candidates.catalog, batch.events[0]
    lived = _means(batch, catalog.lat[rows]), _means(batch, catalog.lng[rows])
    lat, lng = (np.where(np.isnan(said), seen, said) for said, seen in zip(declared, lived, strict=True))
    return lat, lng


def _means(batch: UserBatch, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each user's mean of what the `events` that they liked have, float32 of shape (b,), NaN where unknown."""
    found = values[batch.events[1]]
    liked, found = batch.liked[~np.isnan(found)], found[~np.isnan(found)]
    owners, weights = batch.user_of_entry[liked], batch.likes[liked]
    sums = np.bincount(owners, weights=weights * found, minlength=len(batch))
    totals = np.bincount(owners, weights=weights, minlength=len(batch))
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1), np.nan).astype(np.float32)
