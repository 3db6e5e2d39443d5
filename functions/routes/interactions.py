"""Interactions (implicit feedback) of users and visitors."""

from dataclasses import asdict
from typing import Any

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.entities import anonymous, is_anonymous
from shared.errors import InvalidField, Unauthenticated
from shared.services.ingest.record import receive
from shared.services.ingest.sign_in import Joined, sign_in


def post(call: Call, wired: Services) -> Response:
    """Store a batch of interactions, entry by entry, and move a visitor's interactions to the user who signed in."""
    body, now = call.body, wired.now()
    caller = call.acting_caller(wired.identity)
    user_id = caller.user_id
    visitor = body.get("anonymous_id", "")
    entries: list[Any] = body["interactions"]
    if not entries and not (user_id and visitor):
        expected = "at least one; none only from a user who signed in, with an anonymous_id to join"
        raise InvalidField("interactions", "0 entries", expected)
    if not user_id and not visitor:
        raise Unauthenticated("expected the user's ID token in the Authorization header, or an anonymous_id, got none")
    if is_anonymous(user_id):
        raise InvalidField("user_id", user_id, "the id of a user; visitors are named by anonymous_id")
    # A sign-in reads and writes, too, so it counts where nothing else does.
    amount = max(len(entries), 1)
    if not user_id or caller.is_anonymous:
        wired.visitor_quota.take(user_id or anonymous(visitor), call.address, amount, now=now)
    else:
        wired.quota.take(user_id, amount, now=now)
    joined = Joined()
    if user_id and visitor and not caller.is_anonymous:
        joined = sign_in(wired.documents, anonymous_id=visitor, user_id=user_id, now=now)
    received = receive(
        wired.documents.interactions,
        entries,
        user_id=user_id or anonymous(visitor),
        now=now,
        anonymous=caller.is_anonymous,
    )
    return responses.ok({**asdict(received), **asdict(joined)})
