"""Schemathesis hooks: generators of the formats in the OpenAPI document; loaded by schemathesis, not by pytest."""

from datetime import UTC, datetime, timedelta

import schemathesis
from hypothesis import strategies as st

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

times = st.integers(0, 2_000_000_000).map(lambda s: (_EPOCH + timedelta(seconds=s)).isoformat().replace("+00:00", "Z"))
schemathesis.openapi.format("date-time", times)
