"""Who is calling."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request, as far as a verified token says; `user_id` is "" for nobody.

    `organizer_ids` are the organizers that they act for.
    """

    user_id: str = ""
    is_admin: bool = False
    organizer_ids: tuple[str, ...] = ()


class Identity(Protocol):
    """Verifies who a caller is."""

    def caller(self, id_token: str) -> Caller:
        """The caller that a token proves; raises `Unauthenticated` when it does not verify."""

    def attest(self, app_token: str) -> None:
        """Raise `Unauthenticated` unless this App Check token says that the deployment's own app is calling."""
