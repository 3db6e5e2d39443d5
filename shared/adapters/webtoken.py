"""JSON Web Tokens (RFC 7519) before their signature is checked: form, header and the types of the claims.

The SDK that checks signatures takes claims of any type and fails in many ways on those that it did not expect.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from shared.entities import fields
from shared.errors import InvalidField, Unauthenticated

MAX_BYTES: Final = 16_384
"""Size of the largest token that is read; Google's have some 1,000 bytes."""
LEEWAY_S: Final = 10
"""Seconds by which a token may be issued in the future, since clocks differ; none are given for its end."""
_MAX_DEPTH: Final = 16
_MAX_KEY_ID: Final = 128
_MAX_SECONDS: Final = 1e12
_SEGMENTS: Final = 3
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*")


def check_token(token: str, what: str, *, now_s: float, is_signed: bool = True) -> Mapping[str, Any]:
    """Claims of a token in due form, valid at `now_s` (POSIX seconds), whose signature is still to be checked.

    Raises `Unauthenticated`, which names the token as `what`, for any other. Without `is_signed` the header is not
    looked at, as emulators do not sign.
    """
    try:
        header, claims = _segments(token)
        if is_signed:
            _check_header(header)
        _check_claims(claims, now_s)
    except InvalidField as error:
        raise Unauthenticated(f"expected a valid {what}: {error}") from error
    return claims


def _segments(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(token) > MAX_BYTES:
        raise InvalidField("token", f"{len(token)} bytes", f"at most {MAX_BYTES:,} bytes")
    segments = token.split(".")
    if len(segments) != _SEGMENTS:
        raise InvalidField("token", f"{len(segments)} parts", f"{_SEGMENTS} parts separated by dots")
    _decoded(segments[2], "signature", "base64url")
    return _object(segments[0], "header"), _object(segments[1], "claims")


def _decoded(segment: str, name: str, expected: str) -> bytes:
    try:
        # The alphabet is checked, since decoders skip what they do not know; tokens have no padding.
        if _BASE64URL.fullmatch(segment):
            return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error as error:
        raise InvalidField(name, f"{len(segment)} characters", expected) from error
    raise InvalidField(name, f"{len(segment)} characters", expected)


def _object(segment: str, name: str) -> dict[str, Any]:
    """JSON object in a segment, nested at most `_MAX_DEPTH` deep, with distinct names."""
    expected = f"a JSON object with distinct names, at most {_MAX_DEPTH} deep, in base64url"
    data = _decoded(segment, name, expected)
    try:
        found = json.loads(data.decode(), object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise InvalidField(name, f"{len(segment)} characters", expected) from error
    if not isinstance(found, dict) or not _is_shallow(found, _MAX_DEPTH):
        raise InvalidField(name, f"{len(segment)} characters", expected)
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("expected distinct names")
    return found


def _is_shallow(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    items = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in items)


def _check_header(header: Mapping[str, Any]) -> None:
    if header.get("alg") != "RS256":
        raise InvalidField("alg", header.get("alg"), "RS256")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= _MAX_KEY_ID:
        raise InvalidField("kid", key_id, f"text of 1 to {_MAX_KEY_ID} characters")
    # An extension that a reader must understand, or else refuse the token (RFC 7515, 4.1.11).
    if "crit" in header:
        raise InvalidField("crit", header["crit"], "no critical extensions")


def _check_claims(claims: Mapping[str, Any], now_s: float) -> None:
    # `sub` becomes the id of documents.
    fields.identifier(claims, "sub")
    if not isinstance(claims.get("iss"), str):
        raise InvalidField("iss", claims.get("iss"), "the issuer as text")
    if _seconds(claims, "exp") <= now_s:
        raise InvalidField("exp", claims["exp"], "a time to come")
    for name in ("iat", *(name for name in ("auth_time", "nbf") if name in claims)):
        if _seconds(claims, name) > now_s + LEEWAY_S:
            raise InvalidField(name, claims[name], f"a time at most {LEEWAY_S} s ahead")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """Time claim as POSIX seconds."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(name, value, "a time in seconds since 1970")
    # NaN is in no range, and what no float can hold is beyond this one.
    if not 0 <= value < _MAX_SECONDS:
        raise InvalidField(name, value, "a time in seconds since 1970")
    return float(value)
