"""Recommended events for a user."""

from flask import Response

from functions.routes import listing
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.lists import recommend


def get(call: Call, wired: Services) -> Response:
    """Recommendations: the best events for a user, warm or cold-start."""
    answer = recommend(wired.context(), call.list_request(wired.seed()))
    return listing.shown(call, answer, wired.now())
