"""Ids of lists for tests, as serving issues them."""

from datetime import datetime
from itertools import count

from shared.entities.provenance import ListKind, Provenance, Segment, issue, named
from tests.examples import NOW
from tests.stores import keys

_seeds = count(1)


def a_list(
    user_id: str = "u",
    *,
    at: datetime = NOW,
    kind: ListKind = ListKind.RECOMMENDATIONS,
    segment: Segment = Segment.WARM,
    model: str = "20260501T120000Z-x",
    variant: str = "",
    sources: tuple[str, ...] = (),
) -> str:
    """Id of a list for a user that no other list has."""
    provenance = Provenance(
        kind=kind,
        issued_at=int(at.timestamp()),
        seed=next(_seeds),
        segment=segment,
        model=named(model),
        variant=named(variant),
        sources=sources,
    )
    return issue(provenance, keys(), user_id=user_id)
