"""One module a resource; each handler takes a checked call, asks one service and renders its answer."""

from collections.abc import Callable, Mapping
from typing import Final

from flask import Response

from functions.routes import documentation, events, health, interactions, models, rank, recommendations, rules, users
from functions.routes.call import Call
from functions.wiring import Services

Handler = Callable[[Call, Services], Response]

HANDLERS: Final[Mapping[str, Handler]] = {
    "getRecommendations": recommendations.get,
    "getSimilarEvents": events.get_similar,
    "getPopularEvents": events.get_popular,
    "getTrendingEvents": events.get_trending,
    "getEventAudience": events.get_audience,
    "postRank": rank.post,
    "getRules": rules.get,
    "putRules": rules.put,
    "postInteractions": interactions.post,
    "deleteUser": users.delete,
    "getUserData": users.get_data,
    "getModels": models.get,
    "activateModel": models.activate_version,
    "getHealth": health.get,
    "getDocument": documentation.document,
    "getDocs": documentation.page,
}
"""By the `operationId` of the document."""
