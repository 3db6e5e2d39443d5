"""Schemathesis hooks: generators of formats and the form of lists; loaded by schemathesis, not by pytest."""

from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from hypothesis import strategies as st

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

times = st.integers(0, 2_000_000_000).map(lambda s: (_EPOCH + timedelta(seconds=s)).isoformat().replace("+00:00", "Z"))
schemathesis.openapi.format("date-time", times)


@schemathesis.hook
def map_query(_context: schemathesis.HookContext, query: dict[str, object] | None) -> dict[str, object] | None:
    """Query in which the commas of a list of one value are escaped, as OpenAPI has no words for it."""
    return {
        name: [value[0].replace(",", r"\,")]
        if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
        else value
        for name, value in (query or {}).items()
    } or query


@schemathesis.hook
def filter_case(_context: schemathesis.HookContext, case: "schemathesis.Case[Any]") -> bool:
    """Cases that a valid document tells apart: no path that the server around a function refuses, no lack of a partner.

    That server knows no path with a line break, and says so itself. Of the keywords in use, none says that a batch may
    be empty only beside an `anonymous_id`.
    """
    body = case.body if isinstance(case.body, dict) else {}
    is_alone = body.get("interactions") == [] and "anonymous_id" not in body
    has_break = any("\n" in str(value) or "%0A" in str(value) for value in (case.path_parameters or {}).values())
    return not is_alone and not has_break
