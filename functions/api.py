"""The HTTPS function: finds the operation that a request names, checks the request against the document, answers."""

import logging

from flask import Request, Response

from functions import access, parameters, responses
from functions.contract import contract
from functions.routes import HANDLERS
from functions.routes.call import Call
from functions.wiring import services
from shared.errors import MarqueeError, NotFound

_log = logging.getLogger(__name__)


def api(request: Request) -> Response:
    """Route a request; every failure becomes a problem document without internals."""
    try:
        return _answer(request)
    except MarqueeError as error:
        _log.info("refused %s %s: %s", request.method, request.path, error)
        return responses.problem(error)
    except Exception:  # noqa: BLE001  # the edge: whatever failed, the client gets a clean 500 and the log the cause
        _log.exception("failed %s %s", request.method, request.path)
        return responses.unexpected()


def _answer(request: Request) -> Response:
    known = contract()
    found = known.find(request.path.removesuffix("/"))
    if found is None:
        raise NotFound(f"expected one of {', '.join(known.paths)}, got {request.path[:200]!r}")
    operations, path = found
    # The server leaves out the body of an answer to HEAD.
    operation = operations.get("GET" if request.method == "HEAD" else request.method)
    if operation is None:
        return responses.method_not_allowed(", ".join(operations))
    wired = services()
    caller = access.caller(request, operation, wired.identity, require_auth=wired.settings.require_auth)
    call = Call(caller, parameters.read(request, operation, path), parameters.body(request, operation))
    return HANDLERS[operation.name](call, wired)
