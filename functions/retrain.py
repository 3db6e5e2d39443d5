"""The scheduled function: trains on the store as it is and publishes the model."""

import json
import logging

from flask import Request, Response

from functions import responses
from functions.wiring import services
from shared.services.train import train

_log = logging.getLogger(__name__)


def retrain(request: Request) -> Response:
    """Train and publish; Cloud Scheduler calls it with an OIDC token that Cloud Run checks before we do."""
    # The Firebase emulators probe every HTTP function with a GET, which must not cost a training.
    if request.method != "POST":
        return responses.method_not_allowed("POST")
    wired = services()
    manifest = train(
        wired.documents,
        wired.objects,
        model=wired.settings.model,
        now=wired.now(),
        suffix=wired.new_id()[:8],
        half_life_days=wired.settings.half_life_days,
        progress=lambda message: _log.info(json.dumps({"message": message})),
    )
    return responses.ok({"version": manifest.version, "counts": manifest.counts, "metrics": manifest.metrics})
