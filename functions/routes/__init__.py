"""One module a resource; each handler takes a checked call, asks one service and renders its answer."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Final

from flask import Response

from functions.routes.call import Call
from functions.wiring import Services

Handler = Callable[[Call, Services], Response]

HANDLERS: Final[Mapping[str, str]] = {
    "getRecommendations": "recommendations.get",
    "getSimilarEvents": "events.get_similar",
    "getPopularEvents": "events.get_popular",
    "getTrendingEvents": "events.get_trending",
    "getEventAudience": "events.get_audience",
    "postRank": "rank.post",
    "getRules": "rules.get",
    "putRules": "rules.put",
    "postInteractions": "interactions.post",
    "deleteUser": "users.delete",
    "getUserData": "users.get_data",
    "getModels": "models.get",
    "activateModel": "models.activate_version",
    "getHealth": "health.get",
    "getDocument": "documentation.document",
    "getDocs": "documentation.page",
}
"""Module and function by the `operationId` of the document."""


@cache
def handler(operation: str) -> Handler:
    """What answers an operation, imported on its first call: no other has to wait for what it needs."""
    module, _, function = HANDLERS[operation].partition(".")
    found: Handler = getattr(import_module(f"functions.routes.{module}"), function)
    return found
