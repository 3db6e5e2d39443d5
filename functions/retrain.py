"""Scheduled function `retrain`: trains on the interactions so far and publishes a model that passes the gate."""

import json
import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

from flask import Request, Response

from functions import responses
from functions.wiring import Services, calendar, services, trainer
from shared.entities import fields
from shared.errors import InvalidField, MarqueeError
from shared.services.training.retrain import Plan
from shared.services.training.retrain import retrain as perform
from shared.services.training.run import Step

_log = logging.getLogger(__name__)
_SCHEDULE_TIME: Final = "X-CloudScheduler-ScheduleTime"
_OLDEST: Final = timedelta(days=2)
"""Age of the oldest scheduled time that is accepted."""
_AHEAD: Final = timedelta(minutes=5)
"""Margin by which a scheduled time may lie in the future, for clocks that differ."""


def retrain(request: Request) -> Response:
    """Training handler, called by Cloud Scheduler with an OIDC token that Cloud Run verifies beforehand.

    The scheduled time names the run, so a repeated call does not train twice.
    """
    # The Firebase emulators probe every HTTP function with a GET, which must not cost a training.
    if request.method != "POST":
        return responses.method_not_allowed("POST")
    try:
        wired = services()
        settings = wired.settings
        plan = Plan(
            model=settings.model,
            half_life_days=settings.half_life_days,
            challengers_s=settings.challengers_s,
            keep_days=settings.keep_days,
            calendar=calendar(settings),
            has_friends=settings.has_friends,
            prices=settings.prices,
        )
        document = perform(trainer(wired, _tell), plan, scheduled_at=_scheduled_at(request, wired))
        _log.info(json.dumps({"message": f"run {document.decision}", "run": json.loads(document.to_json())}))
        return responses.ok(asdict(document))
    except MarqueeError as error:
        _log.error("run failed: %s", error.for_log())
        return responses.problem(error)
    except Exception:  # noqa: BLE001  # the edge: the caller gets a clean 500 and the log the cause
        _log.exception("run failed")
        return responses.unexpected()


def _scheduled_at(request: Request, wired: Services) -> datetime:
    now = wired.now()
    given = fields.time({_SCHEDULE_TIME: request.headers.get(_SCHEDULE_TIME)}, _SCHEDULE_TIME)
    if given is not None and not now - _OLDEST <= given <= now + _AHEAD:
        raise InvalidField(_SCHEDULE_TIME, given.isoformat(), "a time of the last two days")
    return given or now


def _tell(step: Step) -> None:
    _log.info(json.dumps(asdict(step)))
