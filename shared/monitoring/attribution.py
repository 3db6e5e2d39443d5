"""Attribution of impressions, clicks, bookings and stars to the lists that they followed from, as rows of a day.

A booking is credited to the list that it names, else to that of the user's last look at the event, a click or a view;
an impression alone earns nothing. What follows from no list is organic. Rows are a set: the same acts, read again,
make the same rows, so that a run that is repeated changes no figure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import Erasures, Interaction, InteractionType, Keys, Touchpoint
from shared.entities.erasures import pseudonym
from shared.entities.provenance import Provenance, list_id, verified
from shared.feedback.accounts import is_loaded
from shared.feedback.counts import recorded_time
from shared.feedback.weights import CODES

ROW: Final = np.dtype(
    [
        ("at", "i8"),
        ("key", "u8"),
        ("user", "u8"),
        ("subject", "u8"),
        ("event", "u8"),
        ("list", "u8"),
        ("model", "u4"),
        ("variant", "u4"),
        ("stars", "f4"),
        ("position", "i2"),
        ("type", "u1"),
        ("kind", "u1"),
        ("flags", "u1"),
        ("source", "u1"),
    ]
)
"""Row of an act and an event, 66 bytes.

`at` is the store's time in microseconds since 1970; `key` and `user` are hashes with the day's salt, `event` is a hash;
`subject` is a hash of the user with the salt of the variant that the list was made by, 0 for a list of no experiment;
`stars` is NaN but for ratings and reviews, `position` −1 where unknown, `type` as in `weights.CODES`. The rest tells
the list that the act is credited to, as its token does; `kind` is 0 and so are all of them for what is organic.
"""

Rows = NDArray[Any]
"""Rows of acts, of dtype `ROW` and shape (n,)."""

SALT_BYTES: Final = 32
"""Length of the salt of a day."""

_CACHED: Final = 4_096
"""Tokens and users whose hashes are kept: those of a page are the same for each of its events and clicks."""

_Listed = tuple[Provenance, str, int | None]
"""List that an act is credited to: its provenance, its id, and the position of the event in it."""


@dataclass(frozen=True, slots=True)
class Salted:
    """Hashes of a day, which tell nothing once its salt is deleted.

    Attributes
    ----------
    salt : `SALT_BYTES` random bytes.
    keys : keys of the deployment, under which erased users are noted as well.
    of_variants : salts of the variants of experiments, by their hash in lists, which last as long as an experiment.
    """

    salt: bytes
    keys: Keys
    of_variants: Mapping[int, bytes] = field(default_factory=dict)

    def user(self, user_id: str) -> int:
        """Hash of a user, 0..2^64 − 1; the one that `note` gives for the note of the user's erasure."""
        return self.note(pseudonym(self.keys, user_id))

    def subject(self, user_id: str, variant: int) -> int:
        """Hash of a user as a subject of a variant, 0 for one that is not of an experiment."""
        salt = self.of_variants.get(variant)
        return 0 if salt is None else Salted(salt, self.keys).user(user_id)

    def note(self, name: str) -> int:
        """Hash of the user whose erasure is noted under `name`, see `erasures.pseudonym`."""
        return _hashed(name, self.salt)

    def key(self, interaction: Interaction, event_id: str) -> int:
        """Key of a row: an act on an event, whenever and however often it is read."""
        return _hashed(f"{interaction.interaction_id}\n{interaction.type}\n{event_id}", self.salt)


def event_hash(event_id: str) -> int:
    """Hash of an event, 0..2^64 − 1, the same on all days."""
    return _hashed(event_id, b"")


def concerned(interactions: Iterable[Interaction], forgotten: Erasures) -> list[Interaction]:
    """Interactions that make rows: impressions, clicks, bookings, cancellations, ratings and starred reviews of users.

    What visitors do counts from their sign-in, what a bulk load wrote is no feedback of today, and erased users are
    left out.
    """
    return [
        entry
        for entry in interactions
        if (entry.type in _TYPES or _has_stars(entry))
        and entry.events()
        and not entry.is_of_visitor()
        and not is_loaded(entry)
        and not forgotten.cover(entry.user_id, entry.recorded_at)
    ]


def looked_up(interactions: Iterable[Interaction], keys: Keys) -> dict[str, set[str]]:
    """Events by user whose touchpoints decide about credit: of stars, and of bookings that name no list."""
    wanted = defaultdict[str, set[str]](set)
    for entry in interactions:
        is_open = entry.type.meaning.converts and not _own_list(entry, keys)
        if is_open or _has_stars(entry):
            wanted[entry.user_id].add(entry.event_id)
    return dict(wanted)


def rows_of(
    interactions: Sequence[Interaction], touchpoints: Mapping[str, Sequence[Touchpoint]], salted: Salted
) -> Rows:
    """Rows of a day's acts, one for each event of an act, in any order.

    Impressions and clicks of no list make none, nor do stars but those after a booking that a list earned.

    Parameters
    ----------
    interactions : acts recorded on the day, see `concerned`.
    touchpoints : by user what `looked_up` asks for, newest first.
    """
    return np.array(list(_rows(interactions, touchpoints, salted)), ROW)


def union(parts: Iterable[Rows]) -> Rows:
    """Union of rows by key, in the order of time and key; of rows with the same key the latest holds.

    >>> union([np.zeros(3, ROW), np.zeros(2, ROW)]).shape
    (1,)
    """
    rows = np.concatenate([np.zeros(0, ROW), *parts])
    # By all fields, so that two readings of an act at different times of its history give one of them in any order.
    rows = rows[np.lexsort([rows[name] for name in reversed(("key", "at", "kind", "list", "position", "source"))])]
    is_last = np.ones(len(rows), np.bool_)
    is_last[:-1] = rows["key"][1:] != rows["key"][:-1]
    rows = rows[is_last]
    return rows[np.lexsort((rows["key"], rows["at"]))]


def _rows(
    interactions: Sequence[Interaction], touchpoints: Mapping[str, Sequence[Touchpoint]], salted: Salted
) -> Iterator[tuple[Any, ...]]:
    user_hash = lru_cache(_CACHED)(salted.user)
    subject_hash = lru_cache(_CACHED)(salted.subject)
    hashed = lru_cache(_CACHED)(event_hash)
    verify = _verifier(salted.keys)
    for entry in interactions:
        points = touchpoints.get(entry.user_id, ())
        listed = _credit(entry, points, verify)
        if listed is None and not (entry.type.meaning.converts or entry.type is InteractionType.CANCEL):
            continue
        user, at = user_hash(entry.user_id), _micros(recorded_time(entry))
        subject = subject_hash(entry.user_id, listed[0].variant) if listed else 0
        stars = entry.value if _has_stars(entry) else None
        for offset, event_id in enumerate(entry.events()):
            key, event = salted.key(entry, event_id), hashed(event_id)
            yield (at, key, user, subject, event, *_of_list(listed, stars, offset, CODES[entry.type]))


def _of_list(listed: _Listed | None, stars: float | None, offset: int, code: int) -> tuple[Any, ...]:
    """Fields of a row from `list` on."""
    known = np.nan if stars is None else stars
    if listed is None:
        return (0, 0, 0, known, -1, code, 0, 0, 0)
    provenance, token, position = listed
    place = None if position is None else position + offset
    source = provenance.source(place)
    kind, flags = provenance.kind, provenance.flags
    number = -1 if place is None else min(place, _MAX_POSITION)
    return (list_id(token), provenance.model, provenance.variant, known, number, code, kind, flags, source)


def _credit(entry: Interaction, points: Sequence[Touchpoint], verify: "_Verify") -> _Listed | None:
    """List that an act is credited to; None for an organic one, and for a cancellation, which earns nothing."""
    if entry.type is InteractionType.CANCEL:
        return None
    if _has_stars(entry):
        return _booked_from(entry, points, verify)
    if found := verify(entry.recommendation_id, entry.user_id, entry.occurred_at):
        # A page without a position begins at the first event.
        return found, entry.recommendation_id, 0 if entry.event_ids and entry.position is None else entry.position
    if entry.type.meaning.converts:
        return _led_from(entry.user_id, entry.event_id, entry.occurred_at, points, verify)
    return None


def _booked_from(judged: Interaction, points: Sequence[Touchpoint], verify: "_Verify") -> _Listed | None:
    """List that the booking before a rating or review is credited to."""
    for point in points:
        is_booking = point.type.meaning.converts and point.event_id == judged.event_id
        if is_booking and point.occurred_at <= judged.occurred_at:
            if found := verify(point.recommendation_id, judged.user_id, point.occurred_at):
                return found, point.recommendation_id, point.position
            return _led_from(judged.user_id, judged.event_id, point.occurred_at, points, verify)
    return None


def _led_from(
    user_id: str, event_id: str, booked_at: datetime, points: Sequence[Touchpoint], verify: "_Verify"
) -> _Listed | None:
    """List of the last look at an event up to its booking; None where that look followed from no list."""
    for point in points:
        if point.type.meaning.leads and point.event_id == event_id and point.occurred_at <= booked_at:
            found = verify(point.recommendation_id, user_id, booked_at)
            return (found, point.recommendation_id, point.position) if found else None
    return None


_Verify = Callable[[str, str, datetime], Provenance | None]


def _verifier(keys: Keys) -> _Verify:
    @lru_cache(_CACHED)
    def verify(token: str, user_id: str, at: datetime) -> Provenance | None:
        return verified(token, keys, user_id=user_id, at=at) if token else None

    return verify


def _has_stars(entry: Interaction) -> bool:
    """Whether an act says how the user liked the event, in stars: a rating, or a review that has some."""
    return entry.type.meaning.has_stars and entry.value is not None


def _own_list(entry: Interaction, keys: Keys) -> bool:
    token = entry.recommendation_id
    return bool(token) and verified(token, keys, user_id=entry.user_id, at=entry.occurred_at) is not None


_TYPES: Final = frozenset(
    {
        InteractionType.IMPRESSION,
        InteractionType.CLICK,
        InteractionType.BOOKING,
        InteractionType.CANCEL,
    }
)
_MAX_POSITION: Final = 32_767


def _hashed(text: str, salt: bytes) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8, key=salt, person=b"marquee.row").digest())


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
