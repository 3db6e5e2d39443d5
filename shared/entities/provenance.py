"""Provenance of lists: the `recommendation_id` of a list, a signed token that says where the list came from.

A token costs no write, and what carries it can be credited to its list later: it says which list, model and variant it
is, for whom and when, and what ranked its events. Ids are hashes, and the signature is the deployment's alone.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from math import exp, log
from struct import Struct
from typing import Final, Self

from shared.entities.keys import Keys
from shared.entities.user import is_anonymous

LIFE: Final = timedelta(days=30)
"""Time for which interactions are credited to a list: tickets are seldom bought later than a month after a look."""

MAX_SOURCES: Final = 60
"""Limit of events whose sources a token tells, the first of its list, so that it stays below 128 bytes."""

MAX_EXPLORED: Final = 15
"""Limit of explored slots of a list, for the same reason."""

SOURCES: Final = (
    "",
    "collaborative",
    "content",
    "friends",
    "place",
    "price",
    "popularity",
    "soonest",
    "trending",
    "pinned",
    "explored",
)
"""Sources of events by their code in tokens, "" for an unknown one. At most 16; append only, since tokens live on."""

_CODES: Final = {source: code for code, source in enumerate(SOURCES)}
_PLAIN, _WITH_EXPLORED = 1, 2
"""Versions of tokens: that of lists with explored slots tells them after the head."""
_HEAD: Final = Struct(">BBBIIII6s")
"""Version, list, flags, hashes of model and variant, issue time, seed, hash of the user.

The number of explored slots and a pair of bytes for each follow in a token that has any, then sources and MAC.
"""
_OWNER: Final = slice(_HEAD.size - 6, _HEAD.size)
_MAC_BYTES: Final = 8
"""Length of the signature: one of 2^64 guesses is right, and each costs a stored document."""
_NOBODY: Final = bytes(6)
_UNSIGNED: Final = bytes(_MAC_BYTES)
_LONGEST: Final = _HEAD.size + 1 + 2 * MAX_EXPLORED + MAX_SOURCES // 2 + _MAC_BYTES
_FARTHEST: Final = 255
"""Last position of which a token tells that it was explored."""
_STEPS: Final = 64
"""Steps of a propensity's logarithm, of which a byte holds those down to e^(−255/64), a chance of 1 in 53."""
_SEGMENT: Final = 0b111
_FALLBACK: Final = 1 << 3
_DEGRADED: Final = 1 << 4


class _Labelled(IntEnum):
    """Code in tokens with its label in reports."""

    _value_: int
    label: str

    def __new__(cls, code: int, label: str = "") -> Self:
        """Enum member whose value is the code alone."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.label = label
        return member


class ListKind(_Labelled):
    """Kind of a list, by its code in tokens; append only."""

    RECOMMENDATIONS = 1, "recommendations"
    SIMILAR = 2, "similar"
    POPULAR = 3, "popular"
    TRENDING = 4, "trending"
    RANK = 5, "rank"


class Segment(_Labelled):
    """Segment of the users for whom a list is made, by its code in tokens; append only.

    `NOBODY`: without a user, so that anybody may use the list; `WARM` and `COLD`: with and without a hit in the
    history; `VISITOR`: an account that nobody has signed up for; `UNPROFILED`: a user who does not wish to be profiled.
    """

    NOBODY = 0, "nobody"
    WARM = 1, "warm"
    COLD = 2, "cold"
    VISITOR = 3, "visitor"
    UNPROFILED = 4, "unprofiled"


_KINDS: Final = frozenset(ListKind)
_SEGMENTS: Final = frozenset(Segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Provenance of a list of events.

    Attributes
    ----------
    kind : which list it is.
    issued_at : time of the answer, whole POSIX seconds; 0..2^32 − 1.
    seed : random number that tells lists of the same second apart; 0..2^32 − 1.
    segment : segment of the user.
    model : hash of the model's version, see `named`; 0 without a model.
    variant : hash of the experiment's variant; 0 for none.
    is_fallback : whether no model ranked the list, since none is in service.
    is_degraded : whether a part of the answer could not be used or brought up to date.
    sources : sources of the events, see `SOURCES`, in the order of the list; at most `MAX_SOURCES` are kept.
    explored : positions of explored events with the propensity of each, the chance with which it was drawn, above .018
        up to 1 and within 1 %; at most `MAX_EXPLORED` are kept.
    """

    kind: ListKind
    issued_at: int
    seed: int
    segment: Segment = Segment.NOBODY
    model: int = 0
    variant: int = 0
    is_fallback: bool = False
    is_degraded: bool = False
    sources: Sequence[str] = ()
    explored: Sequence[tuple[int, float]] = ()

    @property
    def flags(self) -> int:
        """Flags of the token: the segment, and whether the list was a fallback or degraded; 0..31."""
        return self.segment | self.is_fallback * _FALLBACK | self.is_degraded * _DEGRADED

    def source(self, position: int | None) -> int:
        """Code in `SOURCES` of the event at a position of the list; 0 where either is unknown."""
        is_known = position is not None and 0 <= position < len(self.sources)
        return _CODES[self.sources[position]] if is_known and position is not None else 0


def named(name: str) -> int:
    """Hash of the version of a model or the name of a variant, 1..2^32 − 1; 0 for "".

    >>> named("20260501T120000Z-x")
    1244195986
    """
    if not name:
        return 0
    return int.from_bytes(blake2b(name.encode(), digest_size=4, person=b"marquee.list").digest()) or 1


def issue(provenance: Provenance, keys: Keys | None, *, user_id: str) -> str:
    """Token of a list for a user, URL-safe text of 44 to 126 characters: the `recommendation_id`.

    A list of nobody, "", or of a visitor may be used by anybody: who a visitor is changes with the sign-in. Without
    keys the token is not signed, and earns nothing.
    """
    given = provenance
    slots = _slots(given.explored)
    version = _WITH_EXPLORED if slots else _PLAIN
    head = _HEAD.pack(
        version, given.kind, given.flags, given.model, given.variant, given.issued_at, given.seed, _NOBODY
    )
    body = head + slots + _packed(given.sources)
    if keys is None:
        return _text(body + _UNSIGNED)
    secret = _secrets(keys)[0]
    body = head[: _OWNER.start] + _owner(secret, head, user_id) + body[_OWNER.stop :]
    return _text(body + _mac(secret, body))


def verified(token: str, keys: Keys, *, user_id: str, at: datetime) -> Provenance | None:
    """Provenance that a token tells about an act of `user_id` at `at`; None where it earns the act nothing.

    That is a token that the deployment has not signed, one of another user, and one that was issued `LIFE` before.
    """
    data = _data(token)
    if data is None:
        return None
    body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    version, kind, flags, model, variant, issued_at, seed, owner = _HEAD.unpack_from(body)
    for secret in _secrets(keys):
        if hmac.compare_digest(mac, _mac(secret, body)):
            break
    else:
        return None
    is_own = owner in (_NOBODY, _owner(secret, body, user_id))
    # A later version of this program, from which a deployment went back, may know more lists and segments.
    is_known = version in (_PLAIN, _WITH_EXPLORED) and kind in _KINDS and flags & _SEGMENT in _SEGMENTS
    if not is_known or not is_own or at.timestamp() - issued_at > LIFE.total_seconds():
        return None
    explored, sources = _told(body[_HEAD.size :]) if version == _WITH_EXPLORED else ((), body[_HEAD.size :])
    return Provenance(
        kind=ListKind(kind),
        issued_at=issued_at,
        seed=seed,
        segment=Segment(flags & _SEGMENT),
        model=model,
        variant=variant,
        is_fallback=bool(flags & _FALLBACK),
        is_degraded=bool(flags & _DEGRADED),
        sources=_unpacked(sources),
        explored=explored,
    )


def is_token(text: str) -> bool:
    """Form of a text: True for one that may be a token, whoever has made it."""
    return _data(text) is not None


def list_id(token: str) -> int:
    """Number of the list of a verified token, 0..2^64 − 1: its signature, which no other list has."""
    return int.from_bytes((_data(token) or _UNSIGNED)[-_MAC_BYTES:])


def _data(token: str) -> bytes | None:
    """Bytes of a token; None for a text that is none."""
    try:
        data = urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except (Error, ValueError):
        return None
    is_whole = _HEAD.size + _MAC_BYTES <= len(data) <= _LONGEST
    # Decoding skips strange characters and spare bits; only the text that was issued is the token.
    return data if is_whole and _text(data) == token else None


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def has_explored(token: str) -> bool:
    """Form of a text: True for one that may be a token of a list with explored slots."""
    data = _data(token)
    return data is not None and data[0] == _WITH_EXPLORED


def _slots(explored: Sequence[tuple[int, float]]) -> bytes:
    """Number of explored slots, then of each its position and the steps of its propensity's logarithm; b"" for none."""
    known = [(position, chance) for position, chance in explored if position <= _FARTHEST][:MAX_EXPLORED]
    pairs = b"".join(
        bytes((position, min(max(round(-log(chance) * _STEPS), 0), _FARTHEST))) for position, chance in known
    )
    return bytes((len(known),)) + pairs if known else b""


def _told(tail: bytes) -> tuple[tuple[tuple[int, float], ...], bytes]:
    """Explored slots of a token, and its sources."""
    end = 1 + 2 * tail[0]
    pairs = zip(tail[1:end:2], tail[2:end:2], strict=True)
    return tuple((position, exp(-steps / _STEPS)) for position, steps in pairs), tail[end:]


def _packed(sources: Sequence[str]) -> bytes:
    """Codes of sources, two a byte; an odd number ends with an unknown one."""
    codes = [_CODES.get(source, 0) for source in islice(sources, MAX_SOURCES)]
    codes += [0] * (len(codes) % 2)
    return bytes(first << 4 | second for first, second in zip(codes[::2], codes[1::2], strict=True))


def _unpacked(tail: bytes) -> tuple[str, ...]:
    codes = [code for pair in tail for code in (pair >> 4, pair & 15)]
    return tuple(SOURCES[code] if code < len(SOURCES) else "" for code in codes)


def _owner(secret: bytes, head: bytes, user_id: str) -> bytes:
    """Hash of a user in the token with this head, of another value in each token, so that tokens tell no user apart."""
    if not user_id or is_anonymous(user_id):
        return _NOBODY
    return hmac.digest(secret, b"user" + head[: _OWNER.start] + user_id.encode(), "sha256")[:6]


def _mac(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, b"list" + body, "sha256")[:_MAC_BYTES]


@lru_cache(maxsize=8)
def _secrets(keys: Keys) -> tuple[bytes, ...]:
    """Secrets of tokens under each key, the newest first; cached, since every list needs them."""
    return keys.secrets("list")
