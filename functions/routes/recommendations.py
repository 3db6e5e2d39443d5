"""Recommended events for a user."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.lists import recommend


def get(call: Call, wired: Services) -> Response:
    """Recommendations: the best events for a user, warm or cold-start."""
    return responses.ok(recommend(wired.context(), call.list_request(wired.new_id())))
