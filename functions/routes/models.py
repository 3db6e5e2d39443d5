"""Published models, for admins."""

from dataclasses import asdict

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.registry import activate, versions


def get(_call: Call, wired: Services) -> Response:
    """Published models that can serve, newest first."""
    return responses.ok({"models": [asdict(model) for model in versions(wired.objects)]})


def activate_version(call: Call, wired: Services) -> Response:
    """Activate a published version, for instance to roll back."""
    hold = bool((call.body or {}).get("hold", False))
    return responses.ok(asdict(activate(wired.objects, call.parameters["version"], now=wired.now(), hold=hold)))
