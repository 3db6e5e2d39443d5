"""Business rules, for admins."""

from typing import Final

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.routes.listing import items
from functions.wiring import Services
from shared.entities import Rules
from shared.ranking.cards import CARD_FIELDS
from shared.ranking.query import ListQuery
from shared.services.rules import replace
from shared.services.serving import lists

_SHOWN: Final = 10
"""Events of a preview, by default as many as of a list."""


def get(_call: Call, wired: Services) -> Response:
    """Business rules in force."""
    return responses.ok(wired.documents.rules.read().to_document())


def put(call: Call, wired: Services) -> Response:
    """Replace the business rules; instances load them at their next refresh."""
    rules = Rules.from_document(call.body)
    replace(wired.documents.rules, rules, now=wired.now())
    return responses.ok(rules.to_document())


def preview(call: Call, wired: Services) -> Response:
    """Recommendations for a user as they are and as they would be by other rules; nothing is stored."""
    query = ListQuery(k=call.body.get("limit", _SHOWN))
    before, after = lists.preview(
        wired.context(), call.list_request(wired.seed(), query), rules=Rules.from_document(call.body["rules"])
    )
    return responses.ok(
        {
            "model_version": before.model_version,
            "before": items(before.items, CARD_FIELDS),
            "after": items(after.items, CARD_FIELDS),
            "degraded": before.degraded,
        }
    )
