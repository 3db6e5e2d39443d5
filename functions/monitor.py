"""Scheduled function `monitor`: reconciles event counts with the interaction log.

It counts what the triggers leave to it and corrects what they missed or counted twice.
"""

import json
import logging
from dataclasses import asdict

from flask import Request, Response

from functions import responses
from functions.wiring import services
from shared.services.ingest.reconcile import reconcile

_log = logging.getLogger(__name__)


def monitor(request: Request) -> Response:
    """Reconciliation handler, called by Cloud Scheduler with an OIDC token that Cloud Run verifies beforehand."""
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
