"""Validated API call, the input of every request handler."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions import access
from shared.entities import Location
from shared.entities.markup import plain_text
from shared.entities.provenance import Provenance
from shared.errors import InvalidField
from shared.ports import Caller, Identity
from shared.ranking.cards import CARD_FIELDS
from shared.ranking.filters import Filters
from shared.ranking.query import ListQuery
from shared.services.serving.context import ListRequest


@dataclass(slots=True)
class Observed:
    """Observations of a request for the figures of operations, filled in while it is answered.

    Attributes
    ----------
    operation : name of its operation, "" for a path or a method that is none.
    provenance : that of the list that was answered, None without one.
    """

    operation: str = ""
    provenance: Provenance | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """API call: a request that is validated against the OpenAPI document, and its caller.

    Attributes
    ----------
    caller : the authenticated caller.
    parameters : values of the query's and the path's parameters by name, with the document's defaults.
    body : the JSON body, None for an operation without a body.
    address : network address of the caller, see `access.address`.
    is_shareable : whether others may get the answer if it is about nobody, see `access.is_shareable`.
    observed : observations, which handlers of lists fill in.
    """

    caller: Caller
    parameters: Mapping[str, Any]
    body: Any
    address: str
    is_shareable: bool = False
    observed: Observed = field(default_factory=Observed)

    def acting_user(self, identity: Identity | None = None) -> str:
        """User id that the call acts for, "" for a cold-start user; raises `Unauthenticated` or `Forbidden`.

        With `identity`, a token in the body is accepted as well, since `sendBeacon` sends no headers.
        """
        return self.acting_caller(identity).user_id

    def acting_caller(self, identity: Identity | None = None) -> Caller:
        """Caller with the user id that the call acts for, see `acting_user`."""
        given = self.body or {}
        caller, token = self.caller, given.get("id_token", "")
        if identity and token and not caller.user_id and not caller.is_admin:
            caller = identity.caller(token)
        user_id = access.acting_user(caller, self.parameters.get("user_id") or given.get("user_id") or "")
        is_own = user_id == caller.user_id
        return replace(caller, user_id=user_id, is_anonymous=is_own and caller.is_anonymous)

    def organizer_ids(self, user_id: str) -> tuple[str, ...]:
        """Organizer ids of a user, known for the caller only, from the token; empty for any other user."""
        return self.caller.organizer_ids if user_id == self.caller.user_id else ()

    def list_request(self, seed: int, query: ListQuery | None = None) -> ListRequest:
        """List request of the acting user, see `acting_user`; `query` is None for that of the call's parameters.

        `seed` is a random number of the request, see `ListRequest`.
        """
        acting = self.acting_caller()
        user_id = acting.user_id
        return ListRequest(
            user_id=user_id,
            query=query or self.query(),
            seed=seed,
            is_visitor=acting.is_anonymous,
            recent=(self.body or self.parameters).get("recent", ()),
            organizer_ids=self.organizer_ids(user_id),
        )

    def is_anybodys(self) -> bool:
        """Whether the answer is about nobody: without a token, a user and a session's events."""
        return self.is_shareable and not self.acting_user() and "recent" not in self.parameters

    def fields(self) -> Sequence[str]:
        """Fields of events that the caller wants in a list, by default all of `CARD_FIELDS`."""
        wanted: Sequence[str] = (self.body or self.parameters).get("fields", CARD_FIELDS)
        return wanted

    def query(self) -> ListQuery:
        """List query of the call's parameters: size, filters, re-ranking and page."""
        given = self.parameters
        near, since, until = given.get("near"), given.get("from"), given.get("to")
        if since and until and until < since:
            raise InvalidField("to", until.isoformat(), f"a time not before that of from, {since.isoformat()}")
        filters = Filters(
            near=Location(*near) if near else None,
            radius_km=given["radius_km"],
            since=since,
            until=until,
            when=given.get("when", ""),
            starts_only=given["dates"] == "starts",
            category=tuple(map(_name, given.get("category", ()))),
            tags=tuple(map(_name, given.get("tags", ()))),
            max_price=given.get("max_price"),
            city=tuple(map(_name, given.get("city", ()))),
            exclude=tuple(given.get("exclude", ())),
        )
        return ListQuery(
            k=given["limit"],
            filters=filters,
            diversity=given["diversity"],
            per_organizer=given.get("per_organizer"),
            per_series=given["per_series"],
            cursor=given.get("cursor", ""),
            explain=given["explain"],
        )


def _name(text: str) -> str:
    """Name as events have it; one of nothing but markup stays as it is, so that it matches no event rather than all."""
    return plain_text(text) or text
