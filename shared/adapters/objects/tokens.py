"""OAuth access tokens of the account that this program runs as."""

import json
import threading
import time
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final

from shared.adapters.objects.timelimit import ended_at
from shared.adapters.unavailable import without_credentials
from shared.errors import StoreUnavailable
from shared.ports import remaining_s
from shared.settings import is_on_google_cloud

if TYPE_CHECKING:  # the import takes 0.1 s, and deployed functions do not need it
    from google.auth.credentials import Credentials

_METADATA_HOST: Final = "metadata.google.internal"
_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
_FLAVOR: Final = "Metadata-Flavor"
_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_only"
_MAX_BYTES: Final = 65_536
# The metadata server makes a new token when the previous token has less than five minutes to live.
_SPARE_S: Final = 240.0


class Tokens:
    """Access token cache for reading Cloud Storage: each token is kept until shortly before it expires; thread-safe.

    On Google Cloud tokens come from the metadata server, by a request that needs no library; elsewhere from the
    default credentials.

    Parameters
    ----------
    environ : the process's variables.
    timeout_s : seconds to wait for a new token.
    """

    def __init__(self, environ: Mapping[str, str], *, timeout_s: float) -> None:
        has_key = bool(environ.get("GOOGLE_APPLICATION_CREDENTIALS"))
        self._is_on_cloud = is_on_google_cloud(environ) and not has_key
        self._host = environ.get("GCE_METADATA_HOST") or _METADATA_HOST
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._token = ""
        self._usable_until = 0.0
        self._credentials: Credentials | None = None

    def current(self) -> str:
        """Valid access token; raises `StoreUnavailable` when none can be obtained."""
        if not self._lock.acquire(timeout=remaining_s(self._timeout_s)):
            raise StoreUnavailable(f"expected an access token within {self._timeout_s:g} s")
        try:
            if time.monotonic() >= self._usable_until:
                self._token, lifetime_s = self._from_metadata() if self._is_on_cloud else self._from_credentials()
                self._usable_until = time.monotonic() + lifetime_s - _SPARE_S
            return self._token
        finally:
            self._lock.release()

    def drop(self, token: str) -> None:
        """Invalidate a token that was refused, so that the next use gets another."""
        with self._lock:
            if token == self._token:
                self._usable_until = 0.0

    def _from_metadata(self) -> tuple[str, float]:
        seconds = remaining_s(self._timeout_s)
        connection = HTTPConnection(self._host, timeout=seconds)
        try:
            with ended_at(connection, time.monotonic() + seconds):
                connection.request("GET", _PATH, headers={_FLAVOR: "Google"})
                answer = connection.getresponse()
                data = answer.read(_MAX_BYTES)
            if answer.status != 200 or answer.headers[_FLAVOR] != "Google":
                raise StoreUnavailable(f"{self._host}: expected a token, got {answer.status} {data[:80]!r}")
            document = json.loads(data)
            return str(document["access_token"]), float(document["expires_in"])
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(f"{self._host}: expected a token, got {error!r}") from error
        finally:
            connection.close()

    def _from_credentials(self) -> tuple[str, float]:
        from google.auth import default
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
        from google.auth.transport.requests import Request

        try:
            if self._credentials is None:
                self._credentials, _ = default(scopes=[_SCOPE])
            request = partial(Request(), timeout=remaining_s(self._timeout_s))
            self._credentials.refresh(request)  # type: ignore[no-untyped-call]  # the library types it in part
        except DefaultCredentialsError as error:
            raise StoreUnavailable(without_credentials(error)) from error
        except GoogleAuthError as error:
            raise StoreUnavailable(f"expected credentials of Google Cloud: {error}") from error
        # Google's tokens live an hour; asking again after ten minutes of use costs little.
        return str(self._credentials.token), _SPARE_S + 600
