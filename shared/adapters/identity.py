"""Who a caller is, by Firebase Authentication."""

import threading

from shared.errors import StoreUnavailable, Unauthenticated
from shared.ports import Caller


class FirebaseIdentity:
    """Verifies tokens with Google's public keys, which the SDK caches; knows the claims `admin` and `organizer`."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()

    def caller(self, id_token: str) -> Caller:
        """The caller that a token proves; raises `Unauthenticated` when it does not verify."""
        # Imported here because most of the first answers need no token, and the SDK takes its time.
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
            organizer_ids=_organizers(claims.get("organizer")),
        )

    def attest(self, app_token: str) -> None:
        """Raise `Unauthenticated` unless this App Check token says that the deployment's own app is calling."""
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


def _organizers(claim: object) -> tuple[str, ...]:
    """The claim `organizer`, an id or a list of ids; anything else stands for none."""
    ids = claim if isinstance(claim, list) else [claim]
    return tuple(one for one in ids if isinstance(one, str) and one)
