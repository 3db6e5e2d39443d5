"""Entry points of the deployed Cloud Functions; `functions.yaml` describes them to the Firebase CLI."""

import gc
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

# A setting that cannot be used stops the start, and so a deployment, not the first request.
import_module("functions.wiring").read_settings(os.environ)

__all__ = ["api", "event", "interaction", "monitor", "retrain"]  # noqa: F822  # `__getattr__` gives them


def __getattr__(name: str) -> Callable[..., Any]:
    """Deployed function by name, imported on demand, since an instance serves a single function."""
    if name not in __all__:
        raise AttributeError(f"main has no {name!r}, only {', '.join(__all__)}")
    import_module("functions.logs").configure(os.environ)
    entry: Callable[..., Any] = getattr(import_module(f"functions.{name}"), name)
    if name == "api":
        import_module("functions.bodies").protect()
    # All loaded objects live as long as the process. The server forks next; a garbage collection that visited them
    # would take a tenth of the cold start and copy their pages.
    gc.freeze()
    return entry
