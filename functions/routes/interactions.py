"""What users do."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.errors import Unauthenticated
from shared.services.record import receive


def post(call: Call, wired: Services) -> Response:
    """Store a batch, entry by entry."""
    user_id = call.acting_user()
    if not user_id:
        raise Unauthenticated("expected the user's ID token in the Authorization header, got none")
    entries = call.body["interactions"]
    return responses.ok(receive(wired.documents.interactions, entries, user_id=user_id, now=wired.now()))
