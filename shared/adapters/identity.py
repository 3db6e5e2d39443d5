"""Who a caller is, by Firebase Authentication."""

import threading

from shared.errors import StoreUnavailable, Unauthenticated
from shared.ports import Caller


class FirebaseIdentity:
    """Verifies ID tokens with Google's public keys, which the SDK caches; knows the `admin` custom claim."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()

    def caller(self, id_token: str) -> Caller:
        """The caller that a token proves; raises `Unauthenticated` when it does not verify."""
        # Imported here because most of the first answers need no token, and the SDK takes its time.
        import firebase_admin
        from firebase_admin import auth, exceptions

        with self._lock:
            if not firebase_admin._apps:  # noqa: SLF001  # the SDK has no public way to ask whether it is set up
                firebase_admin.initialize_app(options={"projectId": self._project})
        try:
            claims = auth.verify_id_token(id_token)
        except auth.CertificateFetchError as error:
            raise StoreUnavailable(f"cannot fetch the keys that verify ID tokens: {error}") from error
        except (ValueError, exceptions.FirebaseError) as error:
            raise Unauthenticated(f"expected a valid Firebase ID token: {error}") from error
        return Caller(user_id=str(claims["uid"]), is_admin=claims.get("admin") is True)
