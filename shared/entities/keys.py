"""Keys of a deployment: the secret from which names that must not be guessed, and signatures, are derived."""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from shared.errors import InvalidField

KEY_BYTES: Final = 32
"""Length of a key in bytes, that of the hash."""

MAX_KEYS: Final = 8
"""Limit of keys in a ring: each older one costs a look-up wherever something is checked."""

_FORMAT: Final = 1
_DIGITS: Final = 40
"""Length of a digest in hexadecimal digits: 160 bits, which no two names share."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Ring of a deployment's keys, the newest first: it writes, and the older ones are kept to check with.

    A key is used for no purpose itself: each purpose has a secret of its own, derived from it as HKDF-Expand (RFC 5869)
    does, so that what one purpose shows tells nothing about another.

    Attributes
    ----------
    ring : keys of `KEY_BYTES` random bytes each; 1 to `MAX_KEYS`.
    """

    ring: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        is_whole = 1 <= len(self.ring) <= MAX_KEYS and all(len(key) == KEY_BYTES for key in self.ring)
        if not is_whole or len(set(self.ring)) < len(self.ring):
            raise InvalidField("keys", f"{len(self.ring)} keys", f"1 to {MAX_KEYS} different keys of {KEY_BYTES} bytes")

    def digest(self, purpose: str, text: str) -> str:
        """Digest of a text for a purpose under the newest key, 40 hexadecimal digits.

        >>> keys = Keys((bytes(32),))
        >>> keys.digest("register", "booking:6:user_1:event_45")
        '4cfb967f0bffd1043773420ecec2c68df86326aa'
        """
        return _digest(self.ring[0], purpose, text)

    def digests(self, purpose: str, text: str) -> tuple[str, ...]:
        """Digests of a text for a purpose under each key, the newest first."""
        return tuple(_digest(key, purpose, text) for key in self.ring)

    def lasting_digest(self, purpose: str, text: str) -> str:
        """Digest of a text for a purpose under the oldest key: the name of what has to be found without a search."""
        return _digest(self.ring[-1], purpose, text)

    def secret(self, purpose: str) -> bytes:
        """Secret of a purpose, derived from the newest key, 32 bytes."""
        return _secret(self.ring[0], purpose)

    def secrets(self, purpose: str) -> tuple[bytes, ...]:
        """Secrets of a purpose, derived from each key, the newest first, 32 bytes each."""
        return tuple(_secret(key, purpose) for key in self.ring)

    def with_new(self, key: bytes) -> "Keys":
        """Ring in which a new key writes, and the present ones are kept to check with."""
        return Keys((key, *self.ring))

    def to_json(self) -> bytes:
        """Stored form, UTF-8 JSON."""
        return json.dumps({"format": _FORMAT, "keys": [b64encode(key).decode() for key in self.ring]}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Keys of their stored form; raises `InvalidField`, which shows nothing of what is stored."""
        try:
            document = json.loads(data)
            if document["format"] != _FORMAT:
                raise InvalidField("format", "another", f"{_FORMAT}; update this program")
            return cls(tuple(b64decode(key, validate=True) for key in document["keys"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidField("keys", "something else", "JSON with a format and a list of keys") from error


KeySource = Callable[[], Keys]
"""Function that gives the keys of the deployment, which it reads on the first call; raises `StoreUnavailable`."""


def _secret(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"marquee {purpose}\x01".encode(), "sha256")


def _digest(key: bytes, purpose: str, text: str) -> str:
    return hmac.digest(_secret(key, purpose), text.encode(), "sha256").hex()[:_DIGITS]
