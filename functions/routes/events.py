"""Lists of events that are nobody's own: alike, popular, trending."""

from typing import Any

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.audience import audience
from shared.services.serving.popular import popular, trending
from shared.services.serving.similar import similar


def get_similar(call: Call, wired: Services) -> Response:
    """The events most like one."""
    answer = similar(wired.context(), event_id=call.parameters["event_id"], **_common(call, wired))
    return responses.ok(answer)


def get_popular(call: Call, wired: Services) -> Response:
    """The events that people do most with."""
    answer = popular(wired.context(), window=call.parameters.get("window", ""), **_common(call, wired))
    return responses.ok(answer)


def get_trending(call: Call, wired: Services) -> Response:
    """The events that get more than expected."""
    return responses.ok(trending(wired.context(), window=call.parameters["window"], **_common(call, wired)))


def get_audience(call: Call, wired: Services) -> Response:
    """The users most likely to come."""
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
