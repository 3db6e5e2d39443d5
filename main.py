"""Entry points of the deployed functions; `functions.yaml` describes them to the Firebase CLI."""

import gc
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

# On Google Cloud a setting that cannot be used stops the deployment, not the first request.
if "K_SERVICE" in os.environ:
    import_module("functions.wiring").read_settings(os.environ)

__all__ = ["api", "event", "interaction", "monitor", "retrain"]  # noqa: F822  # `__getattr__` gives them


def __getattr__(name: str) -> Callable[..., Any]:
    """The function of this name: an instance serves one, so it imports no other."""
    if name not in __all__:
        raise AttributeError(f"main has no {name!r}, only {', '.join(__all__)}")
    entry: Callable[..., Any] = getattr(import_module(f"functions.{name}"), name)
    # All that is loaded by now stays for good. The server forks next: a collection that looked at it would take a tenth
    # of the start and copy its pages.
    gc.freeze()
    return entry
