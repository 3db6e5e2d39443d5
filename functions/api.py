"""The HTTPS function: recommendations, interactions and health under /api/v1."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from flask import Request, Response

from functions import parameters, responses
from functions.wiring import Services, services
from shared.errors import MarqueeError, NotFound, Unauthenticated
from shared.services.recommend import recommend
from shared.services.record import receive

_log = logging.getLogger(__name__)


def api(request: Request) -> Response:
    """Route a request; every failure becomes a problem document without internals."""
    try:
        route = _ROUTES.get(request.path.removesuffix("/"))
        if route is None:
            raise NotFound(f"expected one of {', '.join(_ROUTES)}, got {request.path[:200]!r}")
        method, handler = route
        if request.method != method:
            return responses.method_not_allowed(method)
        return handler(request, services())
    except MarqueeError as error:
        _log.info("refused %s %s: %s", request.method, request.path, error)
        return responses.problem(error)
    except Exception:  # noqa: BLE001  # the edge: whatever failed, the client gets a clean 500 and the log the cause
        _log.exception("failed %s %s", request.method, request.path)
        return responses.unexpected()


def _recommendations(request: Request, wired: Services) -> Response:
    given = parameters.query(request, "user_id", "limit")
    limit = parameters.limit(given)
    user_id = parameters.acting_user(
        request, wired.identity, given.get("user_id"), require_auth=wired.settings.require_auth
    )
    answer = recommend(
        wired.serving,
        wired.documents.users,
        user_id=user_id,
        limit=limit,
        now=wired.now(),
        recommendation_id=wired.new_id(),
        deadline_s=wired.settings.deadline_s,
    )
    return responses.recommendations(answer)


def _interactions(request: Request, wired: Services) -> Response:
    body, entries = parameters.batch(request)
    user_id = parameters.acting_user(
        request, wired.identity, body.get("user_id"), require_auth=wired.settings.require_auth
    )
    if not user_id:
        raise Unauthenticated("expected the user's ID token in the Authorization header, got none")
    return responses.ok(asdict(receive(wired.documents.interactions, entries, user_id=user_id, now=wired.now())))


def _health(request: Request, wired: Services) -> Response:
    parameters.query(request)
    now = wired.now()
    snapshot = wired.serving.current(now)
    manifest = snapshot.manifest
    return responses.ok(
        {
            "status": "degraded" if snapshot.degraded else "ok",
            "degraded": snapshot.degraded,
            "model_version": snapshot.model_version,
            "model_age_s": round((now - manifest.trained_at).total_seconds()) if manifest else None,
            "live_events": int(snapshot.recommender.catalog.live(now).sum()),
        }
    )


_ROUTES: Final[dict[str, tuple[str, Callable[[Request, Services], Response]]]] = {
    "/api/v1/recommendations": ("GET", _recommendations),
    "/api/v1/interactions": ("POST", _interactions),
    "/api/v1/health": ("GET", _health),
}
