"""Caller identity by Firebase Authentication and App Check."""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Any, Final

from shared.adapters.breaker import Breaker
from shared.adapters.webtoken import LEEWAY_S, check_token
from shared.errors import StoreUnavailable, Unauthenticated
from shared.ports import Caller, remaining_s

if TYPE_CHECKING:  # what only requests with a token need, which many first requests of an instance have not
    from jwt import PyJWKSet

    from shared.adapters.publickeys import PublicKeys

KEYS_S: Final = 1.0
"""Seconds that the server of the public keys may take; instances ask it every few hours."""
_APP_ISSUER: Final = "https://firebaseappcheck.googleapis.com/"
_APP_KEYS_LIFE_S: Final = 21_600
"""Seconds for which App Check's keys may be kept, by its documentation."""
_NEW_KEYS_S: Final = 30.0
"""Seconds after a fetch of the keys before which an unknown one is not looked for: its token may be forged."""
_ID_TOKEN: Final = "Firebase ID token"  # noqa: S105  # its name
_APP_TOKEN: Final = "App Check token"  # noqa: S105  # its name
_ACCOUNT_TOKEN: Final = "ID token of a service account"  # noqa: S105  # its name
ACCOUNT_ISSUER: Final = "https://accounts.google.com"
"""Issuer of the ID tokens of Google's accounts, service accounts among them."""
ACCOUNT_KEYS_URL: Final = "https://www.googleapis.com/oauth2/v3/certs"
"""Place of the keys that verify them, see its OpenID Connect discovery document."""


class FirebaseIdentity:
    """Token verification (`Identity`) with Google's public keys, which are cached; it needs no credentials.

    The custom claims of users that it reads are `admin` and `organizer`. A backend has the ID token of its service
    account, which Google signs for the audience that the backend names: the project.

    Parameters
    ----------
    project : the Google Cloud project whose tokens are accepted.
    admins : e-mail addresses of the service accounts that are admins, in lower case.
    clock : returns the present in POSIX seconds.
    """

    def __init__(self, project: str, *, admins: Collection[str] = (), clock: Callable[[], float] = time.time) -> None:
        self._project = project
        self._admins = frozenset(admins)
        self._clock = clock
        self._lock = threading.Lock()
        self._keys = Breaker()
        self._app: Any = None
        self._app_keys = _KeySet(_app_keys_url, _APP_KEYS_LIFE_S)
        self._account_keys = _KeySet(lambda: ACCOUNT_KEYS_URL, None)

    def caller(self, id_token: str) -> Caller:
        """Caller of a verified ID token; raises `Unauthenticated` for any other, `StoreUnavailable` without keys."""
        is_emulated = bool(os.environ.get("FIREBASE_AUTH_EMULATOR_HOST"))
        claims = check_token(id_token, _ID_TOKEN, now_s=self._clock(), is_signed=not is_emulated)
        if claims["iss"] == ACCOUNT_ISSUER:
            return self._service_account(id_token)
        # Imported here because most first requests of an instance have no token, and the SDK is slow to import.
        from firebase_admin import auth

        with self._keys.call(KEYS_S), _verification(_ID_TOKEN):
            app = self._set_up()
            claims = auth.verify_id_token(id_token, app=app, clock_skew_seconds=LEEWAY_S)
        return Caller(
            user_id=claims["uid"],
            is_admin=claims.get("admin") is True,
            is_anonymous=_provider(claims.get("firebase")) == "anonymous",
            organizer_ids=_organizers(claims.get("organizer")),
        )

    def attest(self, app_token: str) -> None:
        """Verify an App Check token of the deployment's own app; raises `Unauthenticated` or `StoreUnavailable`."""
        check_token(app_token, _APP_TOKEN, now_s=self._clock())
        import jwt

        audience = f"projects/{self._project}"
        with self._keys.call(KEYS_S), _verification(_APP_TOKEN):
            key = self._app_keys.key(jwt.get_unverified_header(app_token)["kid"], _APP_TOKEN)
            # Not by the SDK, which gives no leeway to clocks.
            claims = jwt.decode(app_token, key, algorithms=["RS256"], audience=audience, leeway=LEEWAY_S)
        if not isinstance(claims["aud"], list) or not claims["iss"].startswith(_APP_ISSUER):
            raise Unauthenticated(f"expected an {_APP_TOKEN} from {_APP_ISSUER} for {audience}")

    def _service_account(self, token: str) -> Caller:
        """Admin with the ID token of a service account, which emulators do not issue: its signature always counts."""
        check_token(token, _ACCOUNT_TOKEN, now_s=self._clock())
        if not self._admins or not self._project:
            raise Unauthenticated(f"expected a {_ID_TOKEN}, got that of a Google account, and none of them is an admin")
        import jwt

        with self._keys.call(KEYS_S), _verification(_ACCOUNT_TOKEN):
            key = self._account_keys.key(jwt.get_unverified_header(token)["kid"], _ACCOUNT_TOKEN)
            claims = jwt.decode(
                token, key, algorithms=["RS256"], audience=self._project, issuer=ACCOUNT_ISSUER, leeway=LEEWAY_S
            )
        email = claims.get("email")
        # A token for several audiences may be used by each of them.
        is_for_us = claims["aud"] == self._project and claims.get("email_verified") is True
        if not is_for_us or not isinstance(email, str) or email not in self._admins:
            raise Unauthenticated(
                f"expected an {_ACCOUNT_TOKEN} that is an admin, with its e-mail address, for {self._project!r}"
            )
        return Caller(is_admin=True)

    def _set_up(self) -> Any:
        import firebase_admin
        from firebase_admin import auth
        from google.auth.credentials import AnonymousCredentials

        class Nobody(firebase_admin.credentials.Base):  # type: ignore[misc]  # the SDK ships no types
            """Credentials of nobody, since public keys need none."""

            def get_credential(self) -> AnonymousCredentials:
                """Credentials that are sent with no request."""
                return AnonymousCredentials()  # type: ignore[no-untyped-call]  # the library types it in part

        with self._lock:
            if self._app is None:
                options = {"projectId": self._project}
                # A name of its own, as the program around may have set up another app of the SDK.
                self._app = firebase_admin.initialize_app(Nobody(), options, name=f"marquee-{uuid.uuid4().hex}")
                verifier = auth._get_client(self._app)._token_verifier  # noqa: SLF001  # the SDK has no option for it
                verifier.request = _Certificates()
            return self._app


class _KeySet:
    """Key set (JWKS) of a server, by key id; thread-safe.

    Parameters
    ----------
    url : returns the place of the key set, which is read on first use.
    lifetime_s : seconds for which the keys may be kept; None for what the server says.
    """

    def __init__(self, url: Callable[[], str], lifetime_s: float | None) -> None:
        self._url = url
        self._lifetime_s = lifetime_s
        self._lock = threading.Lock()
        self._keys: PublicKeys | None = None

    def key(self, key_id: str, what: str) -> Any:
        """Key with an id; one that is unknown may have been published since the keys were fetched.

        Raises `Unauthenticated`, which names the token as `what`, where there is none.
        """
        from shared.adapters.publickeys import PublicKeys

        with self._lock:
            if self._keys is None:
                self._keys = PublicKeys(self._url(), _key_set, lifetime_s=self._lifetime_s)
            keys = self._keys
        for max_age_s in (inf, _NEW_KEYS_S):
            for key in _key_set(keys.body(remaining_s(KEYS_S), max_age_s=max_age_s)).keys:
                if key.key_id == key_id:
                    return key.key
        raise Unauthenticated(f"expected a valid {what}: no key has the id {key_id!r}")


def _app_keys_url() -> str:
    from firebase_admin.app_check import _AppCheckService

    url: str = _AppCheckService._JWKS_URL  # noqa: SLF001  # the SDK has no public name for it
    return url


class _Certificates:
    """Transport of the SDK (`google.auth.transport.Request`): all that it fetches are the certificates of ID tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_url: dict[str, PublicKeys] = {}

    def __call__(self, url: str, **_: object) -> "_Answer":
        """Answer of a server that was right, since `PublicKeys` raises an error for all others."""
        from shared.adapters.publickeys import PublicKeys

        with self._lock:
            certificates = self._by_url.setdefault(url, PublicKeys(url, json.loads))
        return _Answer(certificates.body(remaining_s(KEYS_S)))


@dataclass(frozen=True, slots=True)
class _Answer:
    """HTTP response as the SDK expects it."""

    data: bytes
    status: int = HTTPStatus.OK


@lru_cache(maxsize=2)  # one of each server
def _key_set(body: bytes) -> "PyJWKSet":
    from jwt import PyJWKSet

    return PyJWKSet.from_dict(json.loads(body))


@contextmanager
def _verification(what: str) -> Iterator[None]:
    """Error translation of a block in which libraries verify a token named `what`, whose form has been checked."""
    from firebase_admin.auth import CertificateFetchError
    from firebase_admin.exceptions import FirebaseError
    from google.auth.exceptions import GoogleAuthError
    from jwt import PyJWTError

    try:
        yield
    except Exception as error:
        is_refusal = isinstance(error, ValueError | FirebaseError | PyJWTError)
        # Google's library raises errors about a token as ValueError as well.
        is_outage = isinstance(error, CertificateFetchError | OSError) or (
            isinstance(error, GoogleAuthError) and not is_refusal
        )
        if is_outage or _is_about_keys(error):
            raise StoreUnavailable(f"cannot fetch the keys that verify {what}s: {error}") from error
        if is_refusal:
            raise Unauthenticated(f"expected a valid {what}: {error}") from error
        raise


def _is_about_keys(error: Exception) -> bool:
    """Whether an error is about what the server of the keys sent: the token's own form has been checked before."""
    from google.auth.exceptions import GoogleAuthError
    from jwt import PyJWKError, PyJWKSetError

    cause = getattr(error, "cause", error)
    if isinstance(cause, json.JSONDecodeError | UnicodeDecodeError | PyJWKError | PyJWKSetError):
        return True
    # Certificates are parsed by another library, which raises errors of no type of its own.
    return isinstance(cause, TypeError | AttributeError) or (
        cause is not error and isinstance(cause, ValueError) and not isinstance(cause, GoogleAuthError)
    )


def _provider(claim: object) -> object:
    """Sign-in provider of the claim `firebase`, None where there is none."""
    return claim.get("sign_in_provider") if isinstance(claim, dict) else None


def _organizers(claim: object) -> tuple[str, ...]:
    """Organizer ids of the claim `organizer`, an id or a list of ids; anything else means none."""
    ids = claim if isinstance(claim, list) else [claim]
    return tuple(organizer_id for organizer_id in ids if isinstance(organizer_id, str) and organizer_id)
