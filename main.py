"""Entry points of the deployed functions; `functions.yaml` describes them to the Firebase CLI."""

from functions.api import api
from functions.event import event
from functions.interaction import interaction
from functions.monitor import monitor
from functions.retrain import retrain

__all__ = ["api", "event", "interaction", "monitor", "retrain"]
