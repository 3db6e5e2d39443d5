"""Distance and price signals: kilometres from the user's home, and the user's price limit."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from shared.catalog.geography import equirectangular_km
from shared.signals.signal import SignalParams, UserSignal
from shared.signals.terms import PerValue, Term
from shared.signals.users import UserBatch


class Nearness(UserSignal):
    """Nearness: −log(1 + km between the event and the user's home), 0 where either is unknown.

    Home is the declared location, else the decayed mean location of the events that the user liked.
    """

    name = "nearness"
    source = "place"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the nearness of each place with candidates; none where no user has a home."""
        lat, lng = _homes(batch)
        is_known = ~np.isnan(lat)
        if not is_known.any():
            return
        catalog, rows = batch.candidates.catalog, batch.candidates.static.places.rows
        nearness = -np.log1p(equirectangular_km(lat, lng, catalog.lat[rows], catalog.lng[rows]))
        yield PerValue("place", np.where(is_known[:, None], nearness, 0))


class Budget(UserSignal):
    """Price limit: −1 where the price is above the user's declared maximum, else 0."""

    name = "budget"
    source = "price"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: −1 for each price above the limit; none where no user declares one."""
        limits = [np.inf if user.max_price is None else user.max_price for user in batch.histories.users]
        if min(limits, default=np.inf) < np.inf:
            prices = batch.candidates.catalog.price[batch.candidates.static.prices.rows]
            yield PerValue("price", -(prices > np.array(limits, np.float32)[:, None]).astype(np.float32))


def _homes(batch: UserBatch) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Latitudes and longitudes of the users' homes in degrees, float32 of shape (b,) each, NaN where unknown."""
    locations = [user.location for user in batch.histories.users]
    declared = (
        np.array([location.lat if location else np.nan for location in locations], np.float32),
        np.array([location.lng if location else np.nan for location in locations], np.float32),
    )
    if not np.isnan(declared[0]).any():
        return declared
    catalog, rows = batch.candidates.catalog, batch.events[0]
    inferred = _means(batch, catalog.lat[rows]), _means(batch, catalog.lng[rows])
    lat, lng = (np.where(np.isnan(own), mean, own) for own, mean in zip(declared, inferred, strict=True))
    return lat, lng


def _means(batch: UserBatch, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means, by user, of `values` over the liked `batch.events`, weighted by likes, float32 of shape (b,).

    NaN where a user liked no event with a known value.
    """
    found = values[batch.events[1]]
    liked, found = batch.liked[~np.isnan(found)], found[~np.isnan(found)]
    users, weights = batch.user_of_entry[liked], batch.likes[liked]
    sums = np.bincount(users, weights=weights * found, minlength=len(batch))
    totals = np.bincount(users, weights=weights, minlength=len(batch))
    return np.where(totals > 0, sums / np.where(totals > 0, totals, 1), np.nan).astype(np.float32)
