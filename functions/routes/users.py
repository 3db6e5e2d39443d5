"""Personal data of a user: export, erasure and the wish not to be profiled."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.ingest.erasure import export, forget


def delete(call: Call, wired: Services) -> Response:
    """Erase a user's data."""
    return responses.ok(forget(wired.documents.personal, user_id=call.acting_user(), now=wired.now()))


def get_data(call: Call, wired: Services) -> Response:
    """Export a page of the documents about a user."""
    cursor = call.parameters.get("cursor", "")
    return responses.ok(export(wired.documents.personal, user_id=call.acting_user(), cursor=cursor))


def put_profiling(call: Call, wired: Services) -> Response:
    """Allow or refuse the profiling of a user."""
    allowed = call.body["allowed"]
    wired.documents.users.allow_profiling(call.acting_user(), allowed=allowed, now=wired.now())
    return responses.ok({"allowed": allowed})
