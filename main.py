"""Entry points of the deployed functions; `functions.yaml` describes them to the Firebase CLI."""

import os

from functions.api import api
from functions.event import event
from functions.interaction import interaction
from functions.monitor import monitor
from functions.retrain import retrain
from shared.settings import Settings

# On Google Cloud a setting that cannot be used stops the deployment, not the first request.
if "K_SERVICE" in os.environ:
    Settings.from_environ(os.environ)

__all__ = ["api", "event", "interaction", "monitor", "retrain"]
