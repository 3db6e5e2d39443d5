"""HTTPS function `api`: routes a request to its operation, validates it against the OpenAPI document, and answers."""

import logging
from typing import Final

from flask import Request, Response

from functions import access, bodies, parameters, responses
from functions.contract import Operation, contract
from functions.redaction import trace
from functions.routes import handler
from functions.routes.call import Call, Observed
from functions.wiring import Services, services
from shared.errors import MarqueeError, NotFound, shown
from shared.ports import time_budget

_log = logging.getLogger(__name__)
_TOKENS: Final = ("Authorization", "X-Firebase-AppCheck")


def api(request: Request) -> Response:
    """Entry point of the API: routes a request; every failure becomes a problem document without internals."""
    given: list[object] = []
    observed = Observed()
    try:
        wired = services()
        began = wired.timer()
        response = _problems(request, wired, given, observed)
        access.allow_origin(request, response, wired.settings)
        wired.telemetry.note(observed.operation, response.status_code, wired.timer() - began, observed.provenance)
    except Exception as error:  # noqa: BLE001  # the edge: without services there is still a clean answer
        _log.error("failed %s %s: %s", request.method, _route(request), trace(error, given))
        return responses.unexpected()
    finally:
        bodies.leave(request)
    return response


def _problems(request: Request, wired: Services, given: list[object], observed: Observed) -> Response:
    try:
        return _answer(request, wired, given, observed)
    except MarqueeError as error:
        _log.info("refused %s %s: %s", request.method, _route(request), error.for_log())
        return responses.problem(error)
    except Exception as error:  # noqa: BLE001  # the edge: the client gets a clean 500, and the log the cause
        _log.error("failed %s %s: %s", request.method, _route(request), trace(error, given))
        return responses.unexpected()


def _answer(request: Request, wired: Services, given: list[object], observed: Observed) -> Response:
    """Response of the operation that a request names; adds what the request says to `given`, and notes `observed`."""
    given.extend(request.args.to_dict(flat=False).values())
    given.extend(text.rpartition(" ")[2] for name in _TOKENS if (text := request.headers.get(name)))
    known = contract()
    found = known.find(request.path.removesuffix("/"))
    if found is None:
        raise NotFound(f"expected one of {', '.join(known.paths)}, got {shown(request.path)}")
    operations, path = found
    given.append(path)
    if request.method == "OPTIONS":
        return responses.options(operations)
    # The server leaves out the body of a response to HEAD.
    operation = operations.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        return responses.method_not_allowed(", ".join(operations))
    observed.operation = operation.name
    with time_budget(operation.deadline_s or wired.serving.patience_s()):
        try:
            response = _perform(request, operation, path, wired, given, observed)
        finally:
            # Within the request, since an instance has no processor between two, and after its work.
            wired.telemetry.flush()
    if "ETag" in response.headers:
        # 304 Not Modified for a client that has the current version.
        response.make_conditional(request)
    return response


def _perform(
    request: Request,
    operation: Operation,
    path: dict[str, str],
    wired: Services,
    given: list[object],
    observed: Observed,
) -> Response:
    caller = access.caller(request, operation, wired.identity, wired.settings)
    given.append(caller.user_id)
    values = parameters.read(request, operation, path)
    body = parameters.body(request, operation)
    given.append(body)
    access.check_app_of_body(request, operation, body, wired.identity, wired.settings)
    is_shareable = access.is_shareable(request, wired.settings)
    call = Call(caller, values, body, access.address(request), is_shareable, observed)
    handle = handler(operation.name)
    if operation.deadline_s is None:
        return handle(call, wired)
    with wired.capacity.place():
        return handle(call, wired)


def _route(request: Request) -> str:
    """Path of a request with the names of its parameters in place of their values."""
    found = contract().find(request.path.removesuffix("/"))
    return next(iter(found[0].values())).path_template if found else "an unknown path"
