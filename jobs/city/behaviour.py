"""Simulated interactions: an exact number of them, each with a distinct id."""

from dataclasses import replace
from typing import Final

import numpy as np

from jobs.city.funnel import TYPES, Rows, act
from jobs.city.journeys import journeys
from jobs.city.offers import Offers
from jobs.city.people import People
from shared.entities import InteractionType
from shared.errors import InvalidField

_DAY_S: Final = 86_400
_MAX_DAYS: Final = 100_000
_VIEW: Final = TYPES.index(InteractionType.VIEW)


def behave(rng: np.random.Generator, people: People, offers: Offers, *, count: int, now_s: int) -> Rows:
    """Simulated interactions: `count` rows in order of time, each with a distinct deterministic id.

    Raises `InvalidField` if `count` exceeds the number of possible interactions: a repeatable type occurs at most once
    a day per user and target.
    """
    seats = offers.seats.copy()
    rows = _nothing()
    for pairs in journeys(rng, people, offers) if count else ():
        rows = _distinct(Rows.joined([rows, act(rng, people, offers, pairs, seats=seats, now_s=now_s)]), offers)
        if len(rows) >= count:
            break
    else:
        rows = _with_returns(rng, rows, offers, count=count, now_s=now_s)
    if len(rows) < count:
        users, events = len(people.ages), len(offers.hosts)
        raise InvalidField("--interactions", count, f"at most {len(rows)} for --users {users} and --events {events}")
    rows = rows.take(slice(count))
    return rows.take(np.argsort(rows.at, kind="stable"))


def _nothing() -> Rows:
    return Rows(*(np.empty(0, np.int64) for _ in range(8)))


def _distinct(rows: Rows, offers: Offers) -> Rows:
    """Deduplication of types whose id does not contain the event; interactions with an event are distinct already."""
    is_kept = np.ones(len(rows), np.bool_)
    days = rows.at // _DAY_S
    for kind, target in (
        (InteractionType.FOLLOW, rows.hosts),
        (InteractionType.SEARCH, (rows.topics * 2 + rows.queries) * _MAX_DAYS + days),
        (InteractionType.CATEGORY_CLICK, offers.themes[rows.events] * _MAX_DAYS + days),
    ):
        of_kind = np.flatnonzero(rows.kinds == TYPES.index(kind))
        keys = rows.users[of_kind] * (target.max(initial=0) + 1) + target[of_kind]
        _, firsts = np.unique(keys, return_index=True)
        is_kept[of_kind] = False
        is_kept[of_kind[firsts]] = True
    return rows.take(np.flatnonzero(is_kept))


def _with_returns(rng: np.random.Generator, rows: Rows, offers: Offers, *, count: int, now_s: int) -> Rows:
    """Padding with repeated views: `rows` plus views of the same events on further days, up to `count` rows."""
    visits = rows.take(np.flatnonzero(rows.kinds == _VIEW))
    opens = offers.announced[visits.events]
    closes = np.minimum(now_s, offers.ends[visits.events])
    first_days = opens // _DAY_S
    days = closes // _DAY_S - first_days + 1
    parts, missing = [rows], count - len(rows)
    for later in range(1, int(days.max(initial=0))):
        if missing <= 0:
            break
        again = np.flatnonzero(later < days)[:missing]
        # Cycle through the days on which the event is visible, so that every pair uses each day once.
        day = first_days[again] + (visits.at[again] // _DAY_S - first_days[again] + later) % days[again]
        low = np.maximum(opens[again], day * _DAY_S)
        high = np.minimum(closes[again], (day + 1) * _DAY_S - 1)
        parts.append(replace(visits.take(again), at=rng.integers(low, high, endpoint=True)))
        missing -= len(again)
    return Rows.joined(parts)
