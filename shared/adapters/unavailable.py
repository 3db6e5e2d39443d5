"""Error translation: failures of Google's libraries become the domain's `StoreUnavailable`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.errors import StoreUnavailable

_DOCUMENT: Final = re.compile(r"(/documents/[A-Za-z_]+/)[^\"'\]\n]*")


@contextmanager
def unavailable(what: str = "") -> Iterator[None]:
    """Error translation of a block: what a Google client raises becomes `StoreUnavailable`, prefixed with `what`."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

    try:
        yield
    except DefaultCredentialsError as error:
        said = without_credentials(error)
        raise StoreUnavailable(f"{what}: {said}" if what else said) from error
    # Connections that break below the library raise OSError.
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        said = without_ids(error)
        raise StoreUnavailable(f"{what}: {said}" if what else said) from shown(error)


@contextmanager
def prefixed(what: str) -> Iterator[None]:
    """Error translation of a block: a `StoreUnavailable` of it says `what` was done."""
    try:
        yield
    except StoreUnavailable as error:
        raise StoreUnavailable(f"{what}: {error}", retry_after_s=error.retry_after_s) from error


def without_credentials(error: BaseException) -> str:
    """Message of a Google client that finds no credentials, with the command that makes some."""
    said = str(error).partition(" To set up")[0].rstrip(".")
    return f"expected credentials of Google Cloud: {said}; run `gcloud auth application-default login`"


def without_ids(error: BaseException) -> str:
    """Message of a Google client without the ids of documents, which hold those of users."""
    return _DOCUMENT.sub(r"\1…", str(error))


def shown(error: BaseException) -> BaseException | None:
    """Cause to raise another error from: None for one whose message names documents, as tracebacks show it."""
    return None if _DOCUMENT.search(str(error)) else error
