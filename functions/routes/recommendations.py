"""What a user should see."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.recommend import recommend


def get(call: Call, wired: Services) -> Response:
    """The best events for a user or a stranger."""
    answer = recommend(
        wired.serving,
        wired.documents.users,
        user_id=call.acting_user(),
        limit=call.parameters["limit"],
        now=wired.now(),
        recommendation_id=wired.new_id(),
        deadline_s=wired.settings.deadline_s,
    )
    return responses.recommendations(answer)
