"""The scheduled function: counts what triggers leave to it, and mends what they missed or counted twice."""

import json
import logging
from dataclasses import asdict

from flask import Request, Response

from functions import responses
from functions.wiring import services
from shared.services.ingest.reconcile import reconcile

_log = logging.getLogger(__name__)


def monitor(request: Request) -> Response:
    """Reconcile; Cloud Scheduler calls it with an OIDC token that Cloud Run checks before we do."""
    # The Firebase emulators probe every HTTP function with a GET, which must cost nothing.
    if request.method != "POST":
        return responses.method_not_allowed("POST")
    wired = services()
    report = asdict(reconcile(wired.documents, now=wired.now()))
    serious = report["lost"] or report["doubled"]
    _log.log(
        logging.WARNING if serious else logging.INFO,
        json.dumps({"message": "counts reconciled", **report, "until": report["until"].isoformat()}),
    )
    return responses.ok(report)
