"""Hosting rules of a host: whether they take a path."""

import re
from collections.abc import Mapping
from typing import Any, Final

API: Final = "/api/**"
MOUNTED: Final = "/marquee/**"
"""Path of the API where the host has one at `/api` itself."""

_PROBE: Final = "api/v1/recommendations"
_OTHER: Final = "qfjx/v1/recommendations"
_GLOB: Final = re.compile(r"\*\*/?|\*|\?|:\w+\*?|[^*?:]+|:")


def takes_api(rule: Mapping[str, Any]) -> bool:
    """Whether a rewrite or redirect is for paths under `/api` in particular, not for all paths.

    >>> takes_api({"source": "/api/orders/**"}), takes_api({"source": "**"}), takes_api({"regex": "/(api|rpc)/.*"})
    (True, False, True)
    """
    if isinstance(regex := rule.get("regex"), str):
        try:
            pattern = re.compile(regex)
        except re.error:
            return "api" in regex
        if pattern.match(f"/{_OTHER}"):
            return False
        return "api" in regex or pattern.match(f"/{_PROBE}") is not None
    source = rule.get("source", rule.get("glob"))
    if not isinstance(source, str):
        return False
    first = source.lstrip("/").split("/")[0]
    if any(character in source for character in "!()[]{}"):
        return "api" in source
    if first == "api":
        return True
    pattern = re.compile("".join(_translated(part) for part in _GLOB.findall(source.lstrip("/"))))
    return pattern.fullmatch(_PROBE) is not None and pattern.fullmatch(_OTHER) is None


def _translated(part: str) -> str:
    if part.startswith("**"):
        return "(?:.*/)?" if part.endswith("/") else ".*"
    if part == "*":
        return "[^/]*"
    if part == "?":
        return "[^/]"
    if part.startswith(":") and len(part) > 1:
        return ".*" if part.endswith("*") else "[^/]+"
    return re.escape(part)
