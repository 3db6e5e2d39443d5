"""Error translation: failures of Google's libraries become the domain's `StoreUnavailable`."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import StoreUnavailable


@contextmanager
def unavailable(what: str = "") -> Iterator[None]:
    """Error translation of a block: what a Google client raises becomes `StoreUnavailable`, prefixed with `what`."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    # Connections that break below the library raise OSError.
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise StoreUnavailable(f"{what}: {error}" if what else str(error)) from error


@contextmanager
def prefixed(what: str) -> Iterator[None]:
    """Error translation of a block: a `StoreUnavailable` of it says `what` was done."""
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{what}: {error}", retry_after_s=error.retry_after_s) from error
