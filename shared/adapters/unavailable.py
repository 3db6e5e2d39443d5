"""The edge where failures of Google's libraries become the domain's."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import StoreUnavailable


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn whatever a Google client raises into `StoreUnavailable` that says what failed."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    # Connections that break below the library are OSErrors.
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise StoreUnavailable(f"{what}: {error}") from error
