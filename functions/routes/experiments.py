"""Experiments, for admins."""

from typing import Any

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services
from shared.entities import Experiment
from shared.services.experiments import define, found, listed
from shared.services.monitoring.experiments import analysis_of


def get_all(_call: Call, wired: Services) -> Response:
    """Experiments, those that end last first."""
    return responses.ok({"experiments": [_shown(each) for each in listed(wired.documents.experiments)]})


def get(call: Call, wired: Services) -> Response:
    """Experiment with its latest analysis."""
    experiment = found(wired.documents.experiments, call.parameters["experiment_id"])
    analysis = analysis_of(wired.objects, experiment.experiment_id)
    return responses.ok({**_shown(experiment), "analysis": analysis})


def put(call: Call, wired: Services) -> Response:
    """Define an experiment; instances load it at their next refresh."""
    experiment = Experiment.from_document(call.parameters["experiment_id"], call.body)
    define(wired.documents.experiments, wired.objects, experiment, now=wired.now())
    return responses.ok(_shown(experiment))


def _shown(experiment: Experiment) -> dict[str, Any]:
    return {"experiment_id": experiment.experiment_id, **experiment.to_document()}
