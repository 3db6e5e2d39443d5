"""Matching of an app's fields with Marquee's, by their names and by the kinds of their values."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from jobs.naming import Naming
from jobs.survey.facts import MAX_VALUES, Facts, Kind
from shared.entities import Status
from shared.schema import StatusSchema

_TIMES: Final = frozenset({Kind.TIMESTAMP, Kind.SECONDS, Kind.MILLISECONDS, Kind.TIME_TEXT, Kind.LOCAL_TEXT})
_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.NUMBER_TEXT})
_TEXTS: Final = frozenset({Kind.TEXT, Kind.NUMBER_TEXT})
_NAMES: Final = frozenset({*_TEXTS, Kind.NUMBER, Kind.REFERENCE})
_IDS: Final = frozenset({*_NAMES, Kind.REFERENCES, Kind.TEXTS})
_LISTS: Final = frozenset({Kind.TEXTS, Kind.REFERENCES, Kind.LIST})

KINDS: Final[Mapping[str, Collection[Kind]]] = {
    **dict.fromkeys(("starts_at", "ends_at", "created_at", "updated_at"), _TIMES),
    **dict.fromkeys(("price", "max_price", "capacity", "booked", "birth_year", "latitude", "longitude"), _NUMBERS),
    **dict.fromkeys(("title", "description", "image_url", "timezone", "currency", "gender"), _TEXTS),
    **dict.fromkeys(("category", "subcategory", "city"), _NAMES),
    **dict.fromkeys(("organizer_id", "venue_id"), _IDS),
    **dict.fromkeys(("tags", "preferred_categories", "preferred_tags", "friends"), _LISTS),
    "location": {Kind.POINT},
    "status": {Kind.TEXT},
    "profiling": {Kind.FLAG},
}
"""Kinds of values that each of Marquee's fields may have."""

_GENERAL: Final = frozenset({"name", "id", "title", "label", "value", "ref", "slug", "text", "url", "seconds"})
"""Names that say within a map only what the map's own name means."""

_FLAGS: Final[Mapping[Status, Collection[str]]] = {
    Status.PUBLISHED: ("published", "live", "active", "visible", "enabled", "public"),
    Status.CANCELLED: ("cancelled", "canceled", "calledoff"),
    Status.SOLD_OUT: ("soldout", "full"),
    Status.HIDDEN: ("hidden", "draft", "archived", "deleted", "private"),
}
"""Plain names of fields, or values, that stand for a status."""
_VALUES: Final[Mapping[Status, Collection[str]]] = {
    **_FLAGS,
    Status.PUBLISHED: (*_FLAGS[Status.PUBLISHED], "onsale", "open", "scheduled", "confirmed", "available", "upcoming"),
}
_OF_STATUS: Final = ("status", "state", "phase", "visibility", "stage")


def matched(facts: Iterable[Facts], names: Sequence[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Paths of the fields that may be those of `names`, by these, in their order.

    Parameters
    ----------
    taken : paths that are something else.
    """
    best: dict[str, tuple[tuple[int, int], str]] = {}
    for fact in facts:
        if fact.path in taken:
            continue
        naming = Naming(frozenset(name for name in names if fact.kind in KINDS.get(name, ())))
        steps = fact.path.split(".")
        # In a map, `name` is the name of what the map is about.
        last = steps[-2] if len(steps) > 1 and plain(steps[-1]) in _GENERAL else steps[-1]
        if ours := naming.close(last):
            score = (len(steps), -fact.filled)
            if ours not in best or score < best[ours][0]:
                best[ours] = (score, fact.path)
    # Firestore gives the fields of a document in no order.
    return {ours: best[ours][1] for ours in names if ours in best}


def status_of(facts: Iterable[Facts]) -> StatusSchema | None:
    """Terms of statuses that fields and values seem to be; None where none seems to be any."""
    found = list(facts)
    flags: dict[Status, tuple[tuple[str, bool], ...]] = {}
    for fact in found:
        if fact.kind is Kind.FLAG:
            name = plain(fact.path.rpartition(".")[2]).removeprefix("is")
            for status, names in _FLAGS.items():
                if name in names:
                    flags.setdefault(status, ((fact.path, True),))
    for fact in found:
        is_status = plain(fact.path.rpartition(".")[2]).removeprefix("event") in _OF_STATUS
        if is_status and fact.kind is Kind.TEXT and len(fact.values) <= MAX_VALUES:
            texts = [value for value in fact.values if isinstance(value, str)]
            terms = {
                status: tuple((fact.path, text) for text in texts if plain(text) in words)
                for status, words in _VALUES.items()
            }
            if terms[Status.PUBLISHED]:
                return StatusSchema({status: pairs for status, pairs in terms.items() if pairs}, fact.path)
    return StatusSchema(flags) if flags else None


def plain(name: str) -> str:
    """Letters and digits of a name, in lower case.

    >>> plain("on_sale"), plain("isLive")
    ('onsale', 'islive')
    """
    return "".join(sign for sign in name.casefold() if sign.isalnum())
