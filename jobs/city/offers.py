"""Event columns of the synthetic city, for vectorized arithmetic over users and events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from jobs.city.programme import Programme
from jobs.city.themes import Theme
from shared.entities import Status


@dataclass(frozen=True, slots=True)
class Offers:
    """Event columns of shape (n_events,), int64 unless stated; times are whole seconds since 1970.

    Parameters
    ----------
    topics, themes, hosts : rows of the topic, the theme and the organizer.
    places : float64 of shape (n_events, 2) – kilometres east and north of the centre.
    prices : float64 – euros.
    appeals : float64 – quality that is common to all users, mean 0.
    seats : capacity.
    announced, starts, ends : times of creation, start and end.
    takes_place : bool – not cancelled.
    """

    topics: NDArray[np.int64]
    themes: NDArray[np.int64]
    hosts: NDArray[np.int64]
    places: NDArray[np.float64]
    prices: NDArray[np.float64]
    appeals: NDArray[np.float64]
    seats: NDArray[np.int64]
    announced: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    takes_place: NDArray[np.bool_]

    @classmethod
    def of(cls, rng: np.random.Generator, programme: Programme, themes: Sequence[Theme]) -> Self:
        """Event columns of a programme; the appeal is sampled here, partly common to all events of an organizer."""
        events, hosts = programme.events, np.array(programme.hosts, np.int64)
        names = [(theme.category, topic.name) for theme in themes for topic in theme.topics]
        topic_rows = {name: row for row, name in enumerate(names)}
        theme_rows = {theme.category: row for row, theme in enumerate(themes)}
        of_hosts = rng.normal(0.0, 0.5, len(programme.organizers))
        return cls(
            topics=np.array([topic_rows[event.category, event.subcategory] for event in events], np.int64),
            themes=np.array([theme_rows[event.category] for event in events], np.int64),
            hosts=hosts,
            places=np.array([(venue.east_km, venue.north_km) for venue in programme.venues]),
            prices=np.array([event.price for event in events], np.float64),
            appeals=of_hosts[hosts] + rng.normal(0.0, 0.4, len(events)),
            seats=np.array([event.capacity for event in events], np.int64),
            announced=_seconds([event.created_at for event in events]),
            starts=_seconds([event.starts_at for event in events]),
            ends=_seconds([event.ends_at for event in events]),
            takes_place=np.array([event.status is not Status.CANCELLED for event in events]),
        )


def _seconds(times: Sequence[datetime | None]) -> NDArray[np.int64]:
    return np.array([int(time.timestamp()) for time in times if time], np.int64)
