"""Lists around events: similar, popular and trending events, and the audience of an event."""

from flask import Response

from functions import responses
from functions.routes import listing
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.serving.audience import audience
from shared.services.serving.lists import popular, similar, trending


def get_similar(call: Call, wired: Services) -> Response:
    """Similar events: those most similar to a given event."""
    request = call.list_request(wired.seed())
    answer = similar(wired.context(), request, event_id=call.parameters["event_id"], caller=call.caller)
    return listing.shown(call, answer, wired.now())


def get_popular(call: Call, wired: Services) -> Response:
    """Popular events: those with the most interactions."""
    request = call.list_request(wired.seed())
    answer = popular(wired.context(), request, window=call.parameters.get("window", ""))
    return listing.shown(call, answer, wired.now())


def get_trending(call: Call, wired: Services) -> Response:
    """Trending events: those with more interactions than expected from their past."""
    request = call.list_request(wired.seed())
    answer = trending(wired.context(), request, window=call.parameters["window"])
    return listing.shown(call, answer, wired.now())


def get_audience(call: Call, wired: Services) -> Response:
    """Audience of an event: the users most likely to attend."""
    given = call.parameters
    answer = audience(wired.context(), caller=call.caller, event_id=given["event_id"], limit=given["limit"])
    return responses.ok(answer)
