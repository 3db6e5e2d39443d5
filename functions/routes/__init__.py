"""Request handlers, a module per resource; each takes a validated call, calls a service and renders its answer."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Final

from flask import Response

from functions.routes.call import Call
from functions.wiring import Services

Handler = Callable[[Call, Services], Response]
"""Request handler of an operation."""

HANDLERS: Final[Mapping[str, str]] = {
    "getRecommendations": "recommendations.get",
    "getSimilarEvents": "events.get_similar",
    "getPopularEvents": "events.get_popular",
    "getTrendingEvents": "events.get_trending",
    "getEventAudience": "events.get_audience",
    "postRank": "rank.post",
    "getRules": "rules.get",
    "putRules": "rules.put",
    "previewRules": "rules.preview",
    "getExperiments": "experiments.get_all",
    "getExperiment": "experiments.get",
    "putExperiment": "experiments.put",
    "postInteractions": "interactions.post",
    "deleteUser": "users.delete",
    "getUserData": "users.get_data",
    "putUserProfiling": "users.put_profiling",
    "getModels": "models.get",
    "activateModel": "models.activate_version",
    "getRuns": "runs.get",
    "getReport": "report.get",
    "getDeadLetters": "dead_letters.get",
    "getHealth": "health.get",
    "getDocument": "documentation.document",
    "getDocs": "documentation.page",
    "getDocsScript": "documentation.script",
}
"""Handler names, `module.function`, by the `operationId` of the OpenAPI document."""


@cache
def handler(operation: str) -> Handler:
    """Request handler of an operation, imported on its first call, so that no other operation waits for its imports."""
    module, _, function = HANDLERS[operation].partition(".")
    found: Handler = getattr(import_module(f"functions.routes.{module}"), function)
    return found
