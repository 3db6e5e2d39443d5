"""What is held about a user, for that user to see and to have forgotten."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.ingest.erasure import export, forget


def delete(call: Call, wired: Services) -> Response:
    """Forget a user."""
    return responses.ok(forget(wired.documents.personal, user_id=call.acting_user(), now=wired.now()))


def get_data(call: Call, wired: Services) -> Response:
    """Everything that is held about a user."""
    cursor = call.parameters.get("cursor", "")
    return responses.ok(export(wired.documents.personal, user_id=call.acting_user(), cursor=cursor))
