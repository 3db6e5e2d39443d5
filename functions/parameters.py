"""Reads requests: the query string, the body and the caller, all untrusted."""

import json
import re
from typing import Any, Final

from flask import Request

from shared.entities import fields
from shared.errors import Forbidden, InvalidField, Unauthenticated
from shared.ports import Caller, Identity

MAX_BODY_BYTES: Final = 1_000_000
MAX_BATCH: Final = 500
_LIMIT: Final = re.compile("[1-9][0-9]{0,5}")


def query(request: Request, *allowed: str) -> dict[str, str]:
    """The query string's parameters; an unknown or repeated one is refused by name."""
    for name in request.args:
        if name not in allowed:
            raise InvalidField(name, request.args[name], f"only the parameters {', '.join(allowed) or '(none)'}")
        if len(request.args.getlist(name)) > 1:
            raise InvalidField(name, request.args.getlist(name), "one value")
    return request.args.to_dict()


def limit(parameters: dict[str, str], *, default: int = 10, high: int = 100) -> int:
    """The parameter `limit`, 1..`high`."""
    given = parameters.get("limit", str(default))
    if not _LIMIT.fullmatch(given) or int(given) > high:
        raise InvalidField("limit", given, f"a whole number in 1..{high}")
    return int(given)


def batch(request: Request) -> tuple[dict[str, Any], list[Any]]:
    """The JSON body and its list `interactions`, of 1..500 entries; `sendBeacon` bodies are text/plain, so any type."""
    size = request.content_length or 0
    # A chunked body tells no size beforehand.
    data = request.get_data(cache=False) if size <= MAX_BODY_BYTES else b""
    size = max(size, len(data))
    if size > MAX_BODY_BYTES:
        raise InvalidField("body", f"{size} bytes", f"at most {MAX_BODY_BYTES:,} bytes")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidField("body", f"{size} bytes", f"JSON ({error})") from error
    entries = body.get("interactions") if isinstance(body, dict) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_BATCH:
        got = f"{len(entries)} entries" if isinstance(entries, list) else entries
        raise InvalidField("interactions", got, f"a list of 1 to {MAX_BATCH} entries")
    return body, entries


def acting_user(request: Request, identity: Identity, user_id: str | None, *, require_auth: bool) -> str:
    """The user that a request is about, "" for a stranger.

    With authentication on, that is the token's user; naming somebody else takes the `admin` claim.
    """
    named = fields.identifier({"user_id": user_id}, "user_id", required=False)
    if not require_auth:
        return named
    caller = _caller(request, identity)
    if named and not caller.user_id:
        raise Unauthenticated("user_id: expected the user's ID token in the Authorization header, got none")
    if named and named != caller.user_id and not caller.is_admin:
        raise Forbidden("user_id: expected the token's own user; only admins may name another")
    return named or caller.user_id


def _caller(request: Request, identity: Identity) -> Caller:
    header = request.headers.get("Authorization", "")
    if not header:
        return Caller()
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Authorization: expected 'Bearer ' and an ID token")
    return identity.caller(token)
