"""Answers of lists: items with the fields that a caller wants, and how long caches may keep a list that is nobody's."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from flask import Response

from functions import responses
from functions.responses import plain
from functions.routes.call import Call
from shared.ranking.cards import CARD_FIELDS, Card
from shared.ranking.query import Recommendation
from shared.services.serving.lists import Answer, Ranking

SHARED_S: Final = 60
"""Seconds for which caches, together, may keep a list; so long, too, may it still hold an event that was cancelled."""
_CACHES: Final = 2
"""Caches that may keep a list one after the other: the content delivery network and the browser."""
_KEPT: Final = 5_000
"""Events whose fields are kept as answers write them, some 4 MB."""
_ON_THE_WAY_S: Final = 2
"""Seconds for which an answer may be on its way to a cache, whose time begins when it arrives."""


def shown(call: Call, answer: Answer, now: datetime) -> Response:
    """Response with a list: private, or for a while anybody's if it depends on nothing but the address and the time."""
    body = _body(call, answer, next_cursor=answer.next_cursor)
    return responses.listed(body, lifetime_s(answer, now) if call.is_anybodys() else 0)


def ranked(call: Call, ranking: Ranking) -> Response:
    """Response with the caller's own events in ranked order."""
    return responses.ok(_body(call, ranking, left_out=ranking.left_out))


def lifetime_s(answer: Answer, now: datetime) -> int:
    """Seconds for which each of the caches on the way may keep a list, 0 for none: no event of it ends before.

    What answers for a failed store is not kept, since the next answer may be better.
    """
    if answer.degraded:
        return 0
    left_s = (answer.first_end - now).total_seconds() - _ON_THE_WAY_S if answer.first_end else SHARED_S
    return int(max(min(left_s, SHARED_S), 0)) // _CACHES


def items(listed: Sequence[Recommendation], wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Items as JSON objects: the wanted ones of `CARD_FIELDS` in their order, None where unknown, score and reasons."""
    names = tuple(name for name in CARD_FIELDS if name in wanted)
    return [
        {
            "event_id": item.event_id,
            **_fields(names, item.title, item.starts_at, item.card),
            "score": item.score,
            "source": item.source,
            "reasons": [reason.text for reason in item.reasons],
            "reason_codes": [{"code": reason.code, "parameters": reason.parameters} for reason in item.reasons],
        }
        for item in listed
    ]


def _body(call: Call, answer: Answer | Ranking, **own: Any) -> dict[str, Any]:
    """Body of an answer, with the field of its `own` that the other kind of list has not."""
    call.observed.provenance = answer.provenance
    return {
        "recommendation_id": answer.recommendation_id,
        "model_version": answer.model_version,
        "items": items(answer.items, call.fields()),
        **own,
        "degraded": answer.degraded,
    }


@lru_cache(_KEPT)
def _fields(names: tuple[str, ...], title: str, starts_at: datetime | None, card: Card) -> dict[str, Any]:
    """Wanted fields of an event, times as answers write them; kept, since an event is in many lists."""
    values = dict(zip(CARD_FIELDS, (title, starts_at, *card), strict=True))
    return {name: plain(value) if isinstance(value := values[name], datetime) else value for name in names}
