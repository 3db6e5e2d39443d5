"""Assignment of users to the arms of experiments: a pure hash, which reads and writes nothing.

Weighted rendezvous hashing (Thaler, Ravishankar: "Using name-based mappings to increase hit rates", 1998;
Schindelhauer, Schomaker: "Weighted distributed hash tables", SPAA 2005): each variant draws a number from the hash of
the experiment, the variant and the user, and the greatest one, after weighting, has the user. If the share of one
variant grows, users move to it alone, and no more of them than must.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from math import log
from typing import Final

from shared.entities import Experiment, Variant
from shared.entities.experiment import AUDIENCE, HOLDOUT, POPULARITY
from shared.entities.provenance import Segment

_BITS: Final = 53
"""Bits of a hash that a float64 holds."""
_REST: Final = ""
"""Name of the users of an audience who are not in the experiment; no variant has it."""


def assigned(
    experiments: Iterable[Experiment], user_id: str, segment: Segment, now: datetime
) -> tuple[str, Variant] | None:
    """Label and variant that a user sees at `now`; None for one who is in no experiment.

    A user is in the first experiment that takes them, by start, ties by id. Users of a hold-out are in none.
    """
    running = [
        each
        for each in sorted(experiments, key=lambda each: (each.starts_at, each.experiment_id))
        if each.is_on(now) and segment in (AUDIENCE[name] for name in each.audience)
    ]
    held_out = max((each.holdout for each in running), default=0.0)
    if held_out and unit(HOLDOUT, user_id) < held_out:
        return HOLDOUT, Variant(name=HOLDOUT, share=held_out, model=POPULARITY)
    for each in running:
        name = chosen({variant.name: variant.share for variant in each.variants}, each.experiment_id, user_id)
        for variant in each.variants:
            if variant.name == name:
                return each.label(name), variant
    return None


def chosen(shares: Mapping[str, float], experiment_id: str, user_id: str) -> str:
    """Name that a user gets of some with shares above 0; "" for the rest, where they add up to less than 1.

    >>> chosen({"a": 0.5, "b": 0.5}, "colours", "alice")
    'b'
    """
    rest = 1.0 - sum(shares.values())
    weighted = {**shares, _REST: rest} if rest > 0 else shares
    # The greatest −share / ln u: each is the arrival of a Poisson process with the share as its rate, the first wins.
    return min(weighted, key=lambda name: -log(unit(f"{experiment_id}/{name}", user_id)) / weighted[name])


def unit(purpose: str, user_id: str) -> float:
    """Hash of a user for a purpose as a number in (0, 1), of which different purposes are independent.

    >>> round(unit("holdout", "alice"), 6)
    0.798465
    """
    digest = blake2b(f"{purpose}\n{user_id}".encode(), digest_size=8, person=b"marquee.exp").digest()
    return ((int.from_bytes(digest) >> (64 - _BITS)) + 0.5) / 2.0**_BITS
