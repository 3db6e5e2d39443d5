"""HTTP responses: JSON for successes, problem documents (RFC 9457) for failures."""

import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from flask import Response

from shared.errors import (
    Conflict,
    Forbidden,
    InvalidField,
    MarqueeError,
    NotFound,
    StoreUnavailable,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthenticated,
    UnknownField,
)

_STATUS: Final[dict[type[MarqueeError], HTTPStatus]] = {
    InvalidField: HTTPStatus.BAD_REQUEST,
    UnknownField: HTTPStatus.BAD_REQUEST,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    TooSlow: HTTPStatus.REQUEST_TIMEOUT,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
UNAVAILABLE: Final = "a store or a server that this needs does not answer, or not in time; try again later"
"""Detail of every `StoreUnavailable`."""
_NOTHING: Final = "default-src 'none'"


def ok(body: object) -> Response:
    """200 response with a dataclass or a dict as JSON; personal and current, so not to be cached."""
    return _json(body, HTTPStatus.OK, "application/json")


def listed(body: object, lifetime_s: int) -> Response:
    """200 response with a list that each cache may keep for `lifetime_s`, none if that is 0.

    A caller with a token gets no answer that was made for one without.
    """
    response = _json(body, HTTPStatus.OK, "application/json")
    response.headers["Vary"] = "Authorization"
    if lifetime_s:
        response.headers["Cache-Control"] = f"public, max-age={lifetime_s}, s-maxage={lifetime_s}"
    return response


def public(text: str, content_type: str, policy: str = _NOTHING) -> Response:
    """200 response with a public text that changes only with a deployment: cacheable for 300 s, with an ETag.

    Parameters
    ----------
    policy : content security policy of a page; by default it may load nothing.
    """
    headers = {"Cache-Control": "public, max-age=300", "Content-Security-Policy": policy}
    response = Response(text, HTTPStatus.OK, headers, content_type=content_type)
    response.set_etag(sha256(text.encode()).hexdigest()[:32])
    return response


def options(methods: Iterable[str]) -> Response:
    """204 response that names the methods of a route."""
    return Response(status=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(methods)})


def problem(error: MarqueeError) -> Response:
    """Problem document of an error, with the name of the field at fault where there is one."""
    status = next((_STATUS[kind] for kind in type(error).mro() if kind in _STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return unexpected()
    # What a store says names files, servers and documents, which only the log may have.
    detail = UNAVAILABLE if isinstance(error, StoreUnavailable) else str(error)
    body: dict[str, Any] = {"title": status.phrase, "status": status.value, "detail": detail}
    if isinstance(error, InvalidField):
        body["field"] = error.field
    response = _json(body, status, "application/problem+json")
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooSlow):
        response.headers["Connection"] = "close"
    if isinstance(error, TooMany | StoreUnavailable):
        response.headers["Retry-After"] = f"{error.retry_after_s}"
    return response


def unexpected() -> Response:
    """500 response without internals, which only the log has."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    body = {"title": status.phrase, "status": status.value, "detail": "the server failed; its log says why"}
    return _json(body, status, "application/problem+json")


def method_not_allowed(allowed: str) -> Response:
    """405 response that names the methods of a route."""
    status = HTTPStatus.METHOD_NOT_ALLOWED
    body = {"title": status.phrase, "status": status.value, "detail": f"expected {allowed}"}
    response = _json(body, status, "application/problem+json")
    response.headers["Allow"] = allowed
    return response


def _json(body: object, status: HTTPStatus, media_type: str) -> Response:
    # No answer holds itself.
    data = json.dumps(body, default=plain, ensure_ascii=False, check_circular=False)
    return Response(data, status, {"Cache-Control": "private, no-store"}, content_type=media_type)


def plain(value: object) -> object:
    """Value that JSON knows in place of a time or a dataclass."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if is_dataclass(value):
        # `asdict` would copy every value.
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"expected a value that JSON knows, got {value!r}")
