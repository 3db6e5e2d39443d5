"""Re-ranking of the caller's own list of events for a user."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.rank import rank


def post(call: Call, wired: Services) -> Response:
    """Rank up to 500 given events for a user."""
    user_id = call.acting_user()
    ranking = rank(
        wired.context(),
        event_ids=call.body["event_ids"],
        user_id=user_id,
        organizer_ids=call.organizer_ids(user_id),
        recent=call.body.get("recent", ()),
        recommendation_id=wired.new_id(),
        explain=call.body.get("explain", True),
    )
    return responses.ok(ranking)
