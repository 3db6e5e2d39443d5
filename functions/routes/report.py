"""Daily reports, for admins."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.services.monitoring.reports import asked_days, read_reports


def get(call: Call, wired: Services) -> Response:
    """Daily reports of a period."""
    given = call.parameters
    first, last = asked_days(given.get("from"), given.get("to"), names=("from", "to"), now=wired.now())
    reports = [report.to_document() for report in read_reports(wired.objects, first, last)]
    return responses.ok({"from": first.isoformat(), "to": last.isoformat(), "reports": reports})
