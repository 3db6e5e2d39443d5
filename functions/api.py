"""HTTPS function `api`: routes a request to its operation, validates it against the OpenAPI document, and answers."""

import logging

from flask import Request, Response

from functions import access, bodies, parameters, responses
from functions.contract import Operation, contract
from functions.routes import handler
from functions.routes.call import Call
from functions.wiring import Services, services
from shared.errors import MarqueeError, NotFound
from shared.ports import time_budget

_log = logging.getLogger(__name__)


def api(request: Request) -> Response:
    """Entry point of the API: routes a request; every failure becomes a problem document without internals."""
    try:
        wired = services()
        response = _problems(request, wired)
        response.headers.update(access.cors(request, wired.settings))
    except Exception:  # noqa: BLE001  # the edge: without services there is still a clean answer
        _log.exception("failed %s %s", request.method, request.path)
        return responses.unexpected()
    finally:
        bodies.leave(request)
    return response


def _problems(request: Request, wired: Services) -> Response:
    try:
        return _answer(request, wired)
    except MarqueeError as error:
        _log.info("refused %s %s: %s", request.method, request.path, error)
        return responses.problem(error)
    except Exception:  # noqa: BLE001  # the edge: whatever failed, the client gets a clean 500 and the log the cause
        _log.exception("failed %s %s", request.method, request.path)
        return responses.unexpected()


def _answer(request: Request, wired: Services) -> Response:
    known = contract()
    found = known.find(request.path.removesuffix("/"))
    if found is None:
        raise NotFound(f"expected one of {', '.join(known.paths)}, got {request.path[:200]!r}")
    operations, path = found
    if request.method == "OPTIONS":
        return responses.options(operations)
    # The server leaves out the body of a response to HEAD.
    operation = operations.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        return responses.method_not_allowed(", ".join(operations))
    with time_budget(operation.deadline_s or wired.serving.patience_s()):
        response = _perform(request, operation, path, wired)
    if "ETag" in response.headers:
        # 304 Not Modified for a client that has the current version.
        response.make_conditional(request)
    return response


def _perform(request: Request, operation: Operation, path: dict[str, str], wired: Services) -> Response:
    caller = access.caller(request, operation, wired.identity, wired.settings)
    given = parameters.read(request, operation, path)
    body = parameters.body(request, operation)
    access.check_app_of_body(request, operation, body, wired.identity, wired.settings)
    call = Call(caller, given, body, access.address(request))
    handle = handler(operation.name)
    if operation.deadline_s is None:
        return handle(call, wired)
    with wired.capacity.place():
        return handle(call, wired)
