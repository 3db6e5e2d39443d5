"""Training runs, for admins."""

from itertools import islice

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.training.run import newest


def get(call: Call, wired: Services) -> Response:
    """Latest training runs, newest first."""
    found = islice(newest(wired.objects), call.parameters["limit"])
    return responses.ok({"runs": [document.to_document() for document in found]})
