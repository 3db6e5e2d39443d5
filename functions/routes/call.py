"""A request as handlers see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions import access
from shared.entities import Location
from shared.ports import Caller, Identity
from shared.ranking.filters import Filters
from shared.ranking.query import ListQuery


@dataclass(frozen=True, slots=True)
class Call:
    """A request, checked against the document, and who sends it.

    Attributes
    ----------
    parameters : values of the query's and the path's parameters, with the document's defaults.
    body : the JSON body, None where there is none.
    """

    caller: Caller
    parameters: Mapping[str, Any]
    body: Any

    def acting_user(self, identity: Identity | None = None) -> str:
        """The user that this is about, "" for a stranger; raises when that is not for the caller to ask.

        With `identity`, a token in the body will do, since `sendBeacon` sends no headers.
        """
        given = self.body or {}
        caller, token = self.caller, given.get("id_token", "")
        if identity and token and not caller.user_id and not caller.is_admin:
            caller = identity.caller(token)
        return access.acting_user(caller, self.parameters.get("user_id") or given.get("user_id") or "")

    def organizer_ids(self, user_id: str) -> tuple[str, ...]:
        """For whom this user organizes: the token says it of its own user only."""
        return self.caller.organizer_ids if user_id == self.caller.user_id else ()

    def query(self) -> ListQuery:
        """What the parameters ask of a list."""
        given = self.parameters
        near = given.get("near")
        filters = Filters(
            near=Location(*near) if near else None,
            radius_km=given["radius_km"],
            starts_from=given.get("from"),
            starts_to=given.get("to"),
            when=given.get("when", ""),
            category=given.get("category", ""),
            tags=tuple(given.get("tags", ())),
            max_price=given.get("max_price"),
            city=given.get("city", ""),
            exclude=tuple(given.get("exclude", ())),
        )
        return ListQuery(
            k=given["limit"],
            filters=filters,
            diversity=given["diversity"],
            per_organizer=given.get("per_organizer"),
            cursor=given.get("cursor", ""),
            explain=given["explain"],
        )
