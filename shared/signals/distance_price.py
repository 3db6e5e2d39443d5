"""Distance and price signals: nearness of the places of a user, and the user's price limit."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.arrays.sparse import scatter
from shared.catalog.geography import equirectangular_km
from shared.signals.signal import SignalParams, UserSignal
from shared.signals.static_candidates import place_keys
from shared.signals.terms import PerValue, Term
from shared.signals.users import UserBatch

_HOME_KM: Final = 1.0
"""Distance from home at which an event is half as near as at home."""
_PAST_KM: Final = 30.0
"""Distance from the place of a past event at which an event is half as near: they are to each other as towns, not as
doors; 1 and 5 km gain less."""
_MAX_PLACES: Final = 16
"""Past places of a user that take part, those with the largest shares: bounds the cost of a request."""
_CHUNK: Final = 4_096
"""Places of candidates whose distances are computed at once."""


class Nearness(UserSignal):
    """Nearness: log Σ share / (1 + km / scale) over the places of a user, 0 where the event or all are unknown.

    The declared home is a user's only place, with a scale of 1 km, so that nearness is −log(1 + km from home). A user
    without a home has the places of the events that they liked, with a scale of 30 km, each with its share of the
    decayed likes. A far journey takes no more than its share from what is near all other places, where it would move a
    mean place by many kilometres.
    """

    name = "nearness"
    source = "place"

    def terms(self, _params: SignalParams, batch: UserBatch) -> Iterator[Term]:
        """Score term: the nearness of each place with candidates; none where no user has a place."""
        lat, lng, scales, shares = _places(batch)
        if not len(lat):
            return
        catalog, rows = batch.candidates.catalog, batch.candidates.static.places.rows
        near = shares @ _nearness(lat, lng, scales, catalog.lat[rows], catalog.lng[rows])
        has_place = shares.any(axis=1, keepdims=True)
        yield PerValue("place", np.where(has_place, np.log(np.where(has_place, near, 1)), 0))


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


def _nearness(
    lat: NDArray[np.float32],
    lng: NDArray[np.float32],
    scales: NDArray[np.float32],
    place_lat: NDArray[np.float32],
    place_lng: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Nearness 1 / (1 + km / scale) of p places of users and m places of candidates, float32 of shape (p, m)."""
    near = np.empty((len(lat), len(place_lat)), np.float32)
    # A part at a time, which stays in the cache of the processor.
    for begin in range(0, len(place_lat), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        km = equirectangular_km(lat, lng, place_lat[part], place_lng[part])
        km /= scales[:, None]
        km += 1
        np.reciprocal(km, out=near[:, part])
    return near


def _places(batch: UserBatch) -> tuple[NDArray[np.float32], ...]:
    """Places of b users, see `Nearness`: latitudes and longitudes in degrees, scales in km, and shares.

    Each is float32 of shape (p,), and shares of shape (b, p); those of a user sum to 1, or to 0 without a place.
    """
    homes = [(user, home) for user, profile in enumerate(batch.histories.users) if (home := profile.location)]
    has_home = np.zeros(len(batch), np.bool_)
    has_home[[user for user, _ in homes]] = True
    lat, lng, shares = _liked_places(batch, ~has_home)
    of_homes = np.zeros((len(batch), len(homes)), np.float32)
    of_homes[has_home] = np.eye(len(homes), dtype=np.float32)
    return (
        np.concatenate([np.array([home.lat for _, home in homes], np.float32), lat]),
        np.concatenate([np.array([home.lng for _, home in homes], np.float32), lng]),
        np.repeat(np.array([_HOME_KM, _PAST_KM], np.float32), (len(homes), len(lat))),
        np.hstack([of_homes, shares]),
    )


def _liked_places(
    batch: UserBatch, is_asked: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Places of the events that the users `is_asked`, bool of shape (b,), liked, with their shares, as in `_places`."""
    catalog, (rows, event_of_like) = batch.candidates.catalog, batch.events
    keys = place_keys(catalog, rows)
    is_used = is_asked[batch.user_of_entry[batch.liked]] & (keys[event_of_like] > 0)
    entries, events = batch.liked[is_used], event_of_like[is_used]
    _, first, local = np.unique(keys[events], return_index=True, return_inverse=True)
    places = rows[events[first]]
    likes = scatter(batch.user_of_entry[entries], local, batch.likes[entries], (len(batch), len(places)))
    if len(places) > _MAX_PLACES:
        largest = np.argsort(-likes, axis=1, kind="stable")
        np.put_along_axis(likes, largest[:, _MAX_PLACES:], 0, axis=1)
        is_kept = likes.any(axis=0)
        places, likes = places[is_kept], likes[:, is_kept]
    totals = likes.sum(axis=1, keepdims=True)
    shares = (likes / np.where(totals > 0, totals, 1)).astype(np.float32)
    return catalog.lat[places], catalog.lng[places], shares
