"""Re-ranking of the caller's own list of events for a user."""

from flask import Response

from functions.routes import listing
from functions.routes.call import Call
from functions.wiring import Services
from shared.ranking.query import ListQuery
from shared.services.serving.lists import rank


def post(call: Call, wired: Services) -> Response:
    """Rank up to 500 given events for a user."""
    request = call.list_request(wired.seed(), ListQuery(explain=call.body.get("explain", True)))
    return listing.ranked(call, rank(wired.context(), request, event_ids=call.body["event_ids"]))
