"""Scheduled function `monitor`: reconciles event counts with the interaction log, and lets old interactions expire.

It counts what the triggers leave to it and what they missed, reports documents with odd values, and keeps the figures,
alerts and daily reports of the deployment.
"""

import json
import logging
from dataclasses import asdict

from flask import Request, Response

from functions import responses
from functions.wiring import Services, reporter, services
from shared.errors import ArtifactError, Conflict, MarqueeError
from shared.services.ingest.erasure import drop_notes
from shared.services.ingest.expiry import expire
from shared.services.ingest.friends import share_profiles, stop_sharing
from shared.services.ingest.inspection import inspect
from shared.services.ingest.reconcile import reconcile
from shared.services.monitoring import experiments
from shared.services.monitoring.observe import RunFigures, observe
from shared.services.monitoring.rows import RowKeeper, drop_erased, prune

_log = logging.getLogger(__name__)


def monitor(request: Request) -> Response:
    """Reconciliation handler, called by Cloud Scheduler with an OIDC token that Cloud Run verifies beforehand."""
    # The Firebase emulators probe every HTTP function with a GET, which must cost nothing.
    if request.method != "POST":
        return responses.method_not_allowed("POST")
    try:
        return _monitor(services())
    except Conflict as error:
        _log.warning(json.dumps({"message": "reconciliation left to another run", "reason": error.for_log()}))
        return responses.problem(error)
    except MarqueeError as error:
        _log.error(json.dumps({"message": "monitoring failed", "reason": error.for_log()}))  # it names users
        return responses.problem(error)


def _monitor(wired: Services) -> Response:
    now = wired.now()
    has_friends = wired.settings.has_friends
    listed_before = wired.documents.listed()
    noted = experiments.noted(wired.documents.experiments, now)
    of_variants = experiments.salts(wired.objects, noted)
    keeper = RowKeeper(wired.objects, wired.documents.users, wired.keys, now=now, of_variants=of_variants)
    reconciliation = reconcile(wired.documents, now=now, has_friends=has_friends, keep=keeper.keep, clock=wired.now)
    report = asdict(reconciliation)
    drop_erased(wired.objects, wired.documents.personal, wired.keys, noted, now=now)
    prune(wired.objects, now=now)
    experiments.prune(wired.objects, noted)
    if has_friends:
        report["shared"] = share_profiles(wired.documents, now=now)
    else:
        stop_sharing(wired.documents)
    # After the counts, so that nothing expires that is not counted.
    report["expired"] = expire(wired.documents.personal, keep_days=wired.settings.keep_days, now=now)
    try:
        report["notes"] = drop_notes(wired.documents, wired.objects, settled_until=report["until"], now=now)
    except ArtifactError as error:
        # The notes stay, since only a readable ledger tells that it has dropped what they are about.
        _log.warning(json.dumps({"message": "notes of erasures are kept", "reason": error.for_log()}))
    # After all that must not wait, since the first run looks at all documents.
    odd = inspect(wired.documents, now=now)
    report["documents"] = asdict(odd)
    _log.log(
        logging.WARNING if report["lost"] or odd.hides_events() else logging.INFO,
        json.dumps({"message": "counts reconciled", **report, "until": report["until"].isoformat()}),
    )
    figures = RunFigures(
        reconciliation=reconciliation,
        expired=report["expired"],
        odd=odd,
        reads=wired.documents.listed() - listed_before,
    )
    observed = observe(wired.documents, reporter(wired, noted), figures, wired.settings.thresholds, now=now)
    return responses.ok({**report, "monitoring": observed})
