"""Caller identity by Firebase Authentication and App Check."""

import threading

from shared.errors import StoreUnavailable, Unauthenticated
from shared.ports import Caller


class FirebaseIdentity:
    """Token verification (`Identity`) with Google's public keys, which the SDK caches.

    The custom claims that it reads are `admin` and `organizer`.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()

    def caller(self, id_token: str) -> Caller:
        """Caller of a verified ID token; raises `Unauthenticated` for any other, `StoreUnavailable` without keys."""
        # Imported here because most first requests of an instance have no token, and the SDK is slow to import.
        from firebase_admin import auth, exceptions

        self._set_up()
        try:
            claims = auth.verify_id_token(id_token)
        except auth.CertificateFetchError as error:
            raise StoreUnavailable(f"cannot fetch the keys that verify ID tokens: {error}") from error
        except (ValueError, exceptions.FirebaseError) as error:
            raise Unauthenticated(f"expected a valid Firebase ID token: {error}") from error
        return Caller(
            user_id=str(claims["uid"]),
            is_admin=claims.get("admin") is True,
            is_anonymous=_provider(claims.get("firebase")) == "anonymous",
            organizer_ids=_organizers(claims.get("organizer")),
        )

    def attest(self, app_token: str) -> None:
        """Verify an App Check token of the deployment's own app; raises `Unauthenticated` or `StoreUnavailable`."""
        from firebase_admin import app_check
        from jwt import PyJWKClientConnectionError, PyJWKClientError

        self._set_up()
        try:
            app_check.verify_token(app_token)
        except PyJWKClientConnectionError as error:
            raise StoreUnavailable(f"cannot fetch the keys that verify App Check tokens: {error}") from error
        except (ValueError, PyJWKClientError) as error:
            raise Unauthenticated(f"expected a valid App Check token: {error}") from error

    def _set_up(self) -> None:
        import firebase_admin

        with self._lock:
            if not firebase_admin._apps:  # noqa: SLF001  # the SDK has no public way to ask whether it is set up
                firebase_admin.initialize_app(options={"projectId": self._project})


def _provider(claim: object) -> object:
    """Sign-in provider of the claim `firebase`, None where there is none."""
    return claim.get("sign_in_provider") if isinstance(claim, dict) else None


def _organizers(claim: object) -> tuple[str, ...]:
    """Organizer ids of the claim `organizer`, an id or a list of ids; anything else means none."""
    ids = claim if isinstance(claim, list) else [claim]
    return tuple(organizer_id for organizer_id in ids if isinstance(organizer_id, str) and organizer_id)
