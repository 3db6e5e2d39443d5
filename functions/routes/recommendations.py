"""Recommended events for a user."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.recommend import recommend


def get(call: Call, wired: Services) -> Response:
    """Recommendations: the best events for a user, warm or cold-start."""
    user_id = call.acting_user()
    answer = recommend(
        wired.context(),
        user_id=user_id,
        organizer_ids=call.organizer_ids(user_id),
        recent=call.parameters.get("recent", ()),
        query=call.query(),
        recommendation_id=wired.new_id(),
    )
    return responses.ok(answer)
