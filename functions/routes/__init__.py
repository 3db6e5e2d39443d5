"""One module a resource; each handler takes a checked call, asks one service and renders its answer."""

from collections.abc import Callable, Mapping
from typing import Final

from flask import Response

from functions.routes import documentation, health, interactions, recommendations
from functions.routes.call import Call
from functions.wiring import Services

Handler = Callable[[Call, Services], Response]

HANDLERS: Final[Mapping[str, Handler]] = {
    "getRecommendations": recommendations.get,
    "postInteractions": interactions.post,
    "getHealth": health.get,
    "getDocument": documentation.document,
    "getDocs": documentation.page,
}
"""By the `operationId` of the document."""
