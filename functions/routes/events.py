"""Lists around events: similar, popular and trending events, and the audience of an event."""

from typing import Any

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.audience import audience
from shared.services.serving.popular import popular, trending
from shared.services.serving.similar import similar


def get_similar(call: Call, wired: Services) -> Response:
    """Similar events: those most similar to a given event."""
    answer = similar(wired.context(), event_id=call.parameters["event_id"], **_common(call, wired))
    return responses.ok(answer)


def get_popular(call: Call, wired: Services) -> Response:
    """Popular events: those with the most interactions."""
    answer = popular(wired.context(), window=call.parameters.get("window", ""), **_common(call, wired))
    return responses.ok(answer)


def get_trending(call: Call, wired: Services) -> Response:
    """Trending events: those with more interactions than expected from their past."""
    return responses.ok(trending(wired.context(), window=call.parameters["window"], **_common(call, wired)))


def get_audience(call: Call, wired: Services) -> Response:
    """Audience of an event: the users most likely to attend."""
    given = call.parameters
    answer = audience(wired.context(), caller=call.caller, event_id=given["event_id"], limit=given["limit"])
    return responses.ok(answer)


def _common(call: Call, wired: Services) -> dict[str, Any]:
    user_id = call.acting_user()
    return {
        "user_id": user_id,
        "organizer_ids": call.organizer_ids(user_id),
        "query": call.query(),
        "recommendation_id": wired.new_id(),
    }
