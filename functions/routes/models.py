"""Published models, for administrators."""

from dataclasses import asdict

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.registry import activate, versions


def get(_call: Call, wired: Services) -> Response:
    """The models that can serve, newest first."""
    return responses.ok({"models": [asdict(one) for one in versions(wired.objects)]})


def activate_version(call: Call, wired: Services) -> Response:
    """Put a version into service, for instance the one before a bad one."""
    hold = bool((call.body or {}).get("hold", False))
    return responses.ok(asdict(activate(wired.objects, call.parameters["version"], now=wired.now(), hold=hold)))
