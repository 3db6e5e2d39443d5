"""Identity port: authentication of callers."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Caller:
    """Caller of a request with the claims of a verified token; `user_id` is "" without a token.

    `organizer_ids` are the organizers that the caller acts for; `is_anonymous` marks an account that nobody has signed
    up for.
    """

    user_id: str = ""
    is_admin: bool = False
    is_anonymous: bool = False
    organizer_ids: tuple[str, ...] = ()


class Identity(Protocol):
    """Identity provider, which verifies ID tokens and App Check tokens."""

    def caller(self, id_token: str) -> Caller:
        """Caller of an ID token; raises `Unauthenticated` when the token does not verify."""

    def attest(self, app_token: str) -> None:
        """App Check of the deployment's own app; raises `Unauthenticated` when the token does not verify."""
