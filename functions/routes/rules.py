"""Business rules, for admins."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.entities import Rules


def get(_call: Call, wired: Services) -> Response:
    """Business rules in force."""
    return responses.ok(wired.documents.rules.read().to_document())


def put(call: Call, wired: Services) -> Response:
    """Replace the business rules; instances load them at their next refresh."""
    rules = Rules.from_document(call.body)
    wired.documents.rules.write(rules)
    return responses.ok(rules.to_document())
