"""Access control of the API: authentication, roles, CORS and the user on whose data a call may act.

The OpenAPI document says for each operation whether a token is needed and with which claim; `acting_user` decides whose
data a call may use. No other module decides about access.
"""

from typing import Any, Final

from flask import Request, Response

from functions.contract import Operation
from shared.errors import Forbidden, Unauthenticated
from shared.ports import Caller, Identity
from shared.settings import Settings

_APP_CHECK: Final = "X-Firebase-AppCheck"
NOBODY: Final = Caller()
"""Caller without a token."""
_LOCAL: Final = Caller(is_admin=True)
"""Caller where authentication is off, which Google Cloud refuses: an admin, who may name any user."""


def caller(request: Request, operation: Operation, identity: Identity, settings: Settings) -> Caller:
    """Authenticated caller of a request; raises `Unauthenticated` or `Forbidden` if the operation is not allowed.

    Where the app's token may be in the body, `check_app_of_body` is still to be asked.
    """
    if operation.is_public:
        return NOBODY
    if settings.require_app_check and not (operation.takes_app_token and not request.headers.get(_APP_CHECK)):
        _attest(request.headers.get(_APP_CHECK, ""), f"the {_APP_CHECK} header", identity)
    if not settings.require_auth:
        return _LOCAL
    found = _verified(request.headers.get("Authorization", ""), identity)
    if not found.user_id and not found.is_admin and not operation.is_open:
        raise Unauthenticated("expected the user's ID token in the Authorization header, got none")
    is_organizer = bool(found.organizer_ids) and "organizer" in operation.roles
    if operation.roles and not found.is_admin and not is_organizer:
        raise Forbidden(f"expected a token with the claim {' or '.join(operation.roles)}")
    return found


def check_app_of_body(
    request: Request, operation: Operation, body: Any, identity: Identity, settings: Settings
) -> None:
    """App Check of a request whose body may have the token, as `sendBeacon` sends no headers; a header outranks it."""
    if settings.require_app_check and operation.takes_app_token and not request.headers.get(_APP_CHECK):
        _attest(body.get("app_check_token", ""), f"the {_APP_CHECK} header or the body's app_check_token", identity)


def _attest(token: str, place: str, identity: Identity) -> None:
    if not token:
        raise Unauthenticated(f"expected an App Check token in {place}, got none")
    identity.attest(token)


def address(request: Request) -> str:
    """Network address that a request's budget is counted for, "" for all requests that come through Firebase Hosting.

    Google's front end appends the address that called it to X-Forwarded-For, so only the last one cannot be forged.
    Behind Hosting that is one of its own servers. Whoever forges Hosting's header shares the budget of Hosting.
    """
    if "Fastly-Client-IP" in request.headers:
        return ""
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded or request.remote_addr or "unknown"


def allow_origin(request: Request, response: Response, settings: Settings) -> None:
    """CORS headers that let a page of an allowed origin read the response; none without allowed origins."""
    if not settings.origins:
        return
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin in settings.origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT, DELETE"
        response.headers["Access-Control-Allow-Headers"] = f"Authorization, Content-Type, {_APP_CHECK}"
        response.headers["Access-Control-Expose-Headers"] = "Date, Retry-After"
        response.headers["Access-Control-Max-Age"] = "3600"


def is_shareable(request: Request, settings: Settings) -> bool:
    """Whether caches may give the response to others: it is asked for without a token, and nobody needs one."""
    return "Authorization" not in request.headers and not settings.require_app_check


def acting_user(caller: Caller, named: str) -> str:
    """User id that a call acts for, "" for a cold-start user: the caller's own, or for an admin the `named` one."""
    if named and named != caller.user_id and not caller.is_admin:
        if not caller.user_id:
            raise Unauthenticated("user_id: expected the user's ID token in the Authorization header, got none")
        raise Forbidden("user_id: expected the token's own user; only admins may name another")
    return named or caller.user_id


def _verified(header: str, identity: Identity) -> Caller:
    if not header:
        return NOBODY
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Authorization: expected 'Bearer ' and an ID token")
    return identity.caller(token)
