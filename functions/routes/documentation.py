"""API documentation, for programs and for people."""

from flask import Response

from functions import contract, responses
from functions.page import page as render
from functions.routes.call import Call
from functions.wiring import Services


def document(_call: Call, _wired: Services) -> Response:
    """OpenAPI document as JSON."""
    return responses.public(contract.text(), "application/json")


def page(_call: Call, _wired: Services) -> Response:
    """API reference as an HTML page that loads nothing else."""
    return responses.public(render(contract.document()), "text/html; charset=utf-8")
