"""Dead letters, for admins."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services


def get(call: Call, wired: Services) -> Response:
    """Latest dead letters, newest first, without the documents' fields, which may be anything."""
    found = wired.documents.dead_letters.newest(call.parameters["limit"])
    return responses.ok(
        {
            "dead_letters": [
                {
                    "put_at": put_at,
                    "collection": letter.collection,
                    "document_id": letter.document_id,
                    "reason": letter.reason,
                }
                for put_at, letter in found
            ]
        }
    )
