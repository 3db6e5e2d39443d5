"""Who calls, and what they may ask: the only place that decides it.

The document says for each operation whether a token is needed and which claim; `acting_user` says whose data a call
may be about.
"""

from typing import Final

from flask import Request

from functions.contract import Operation
from shared.errors import Forbidden, Unauthenticated
from shared.ports import Caller, Identity
from shared.settings import Settings

NOBODY: Final = Caller()
_LOCAL: Final = Caller(is_admin=True)
"""Who calls where authentication is off, which Google Cloud refuses: anybody may ask about anybody."""


def caller(request: Request, operation: Operation, identity: Identity, settings: Settings) -> Caller:
    """Who sends a request; raises `Unauthenticated` or `Forbidden` when the operation is not for them."""
    if operation.is_public:
        return NOBODY
    if settings.require_app_check:
        if not (token := request.headers.get("X-Firebase-AppCheck", "")):
            raise Unauthenticated("expected an App Check token in the X-Firebase-AppCheck header, got none")
        identity.attest(token)
    if not settings.require_auth:
        return _LOCAL
    found = _verified(request.headers.get("Authorization", ""), identity)
    if not found.user_id and not operation.is_open:
        raise Unauthenticated("expected the user's ID token in the Authorization header, got none")
    is_organizer = bool(found.organizer_ids) and "organizer" in operation.roles
    if operation.roles and not found.is_admin and not is_organizer:
        raise Forbidden(f"expected a token with the claim {' or '.join(operation.roles)}")
    return found


def cors(request: Request, settings: Settings) -> dict[str, str]:
    """The headers that let a page of another origin read an answer; none unless that origin is allowed."""
    if not settings.origins:
        return {}
    origin = request.headers.get("Origin", "")
    if origin not in settings.origins:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Firebase-AppCheck",
        "Access-Control-Max-Age": "3600",
    }


def acting_user(caller: Caller, named: str) -> str:
    """The user that a call is about, "" for a stranger: the caller, or for an admin whoever is named."""
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
