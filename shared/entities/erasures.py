"""Erasures: notes about users who were forgotten, under pseudonyms that only the deployment's key can tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Final

from shared.entities.keys import Keys, KeySource

_PURPOSE: Final = "forgotten user"
_FORMER_DIGITS: Final = 32


def pseudonym(keys: Keys, user_id: str) -> str:
    """Pseudonym of a forgotten user under the newest key, 40 hexadecimal digits."""
    return keyed(keys, former_pseudonym(user_id))


def pseudonyms(keys: Keys, user_id: str) -> tuple[str, ...]:
    """Pseudonyms under which there may be a note about a user: one for each key, the newest first."""
    return keys.digests(_PURPOSE, former_pseudonym(user_id))


def former_pseudonym(user_id: str) -> str:
    """Pseudonym that earlier versions gave, which everybody can compute: a hash of the id, 32 hexadecimal digits.

    >>> former_pseudonym("user_1")
    '6931bb0f7ece056dbd9e717199887667'
    """
    return blake2b(user_id.encode(), digest_size=16, person=b"marquee.user").hexdigest()


def keyed(keys: Keys, former: str) -> str:
    """Pseudonym of the user whom earlier versions called `former`, so that their notes can be renamed."""
    return keys.digest(_PURPOSE, former)


def is_former(name: str) -> bool:
    """Origin of a note's name: True for a pseudonym of earlier versions."""
    return len(name) == _FORMER_DIGITS


def _no_keys() -> Keys:
    raise ValueError("expected the source of the keys under which erasures are noted, got none")


@dataclass(frozen=True, slots=True)
class Erasures:
    """Erasures that are still noted; none by default.

    Attributes
    ----------
    times : times up to which everything is forgotten, by pseudonym.
    keys : source of the keys of the pseudonyms; notes of earlier versions are under `former_pseudonym`.
    """

    times: Mapping[str, datetime] = field(default_factory=dict)
    keys: KeySource = _no_keys

    def __bool__(self) -> bool:
        return bool(self.times)

    def at(self, user_id: str) -> datetime | None:
        """Time up to which everything of a user is forgotten; None for a user about whom there is no note."""
        if not self.times:
            return None
        names = (*pseudonyms(self.keys(), user_id), former_pseudonym(user_id))
        return max((self.times[name] for name in names if name in self.times), default=None)

    def cover(self, user_id: str, stamp: datetime | None) -> bool:
        """Erasure of something of a user that the store stamped at `stamp`: True if it is forgotten."""
        at = self.at(user_id)
        return at is not None and stamp is not None and stamp <= at

    def latest(self) -> datetime | None:
        """Time of the last erasure, None where there is none."""
        return max(self.times.values(), default=None)
