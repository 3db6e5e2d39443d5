"""Logs of a deployed function: INFO and above, on Google Cloud as JSON lines that Cloud Logging reads."""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Final, TextIO

from shared.settings import is_on_google_cloud

_OURS: Final = ("functions", "shared")
"""Packages whose INFO is logged: runs, reconciliations and refusals. Of libraries only warnings are."""

_TRACE: Final = re.compile(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?(?:;.*)?", re.ASCII)
"""Header X-Cloud-Trace-Context: TRACE_ID/SPAN_ID;o=OPTIONS, the span as a decimal number."""


def configure(environ: Mapping[str, str], stream: TextIO | None = None) -> None:
    """Set level and format of the process's logs, which go to `stream`, by default standard error.

    Without it Python drops INFO, and Cloud Logging takes every line for a message of no severity.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        CloudFormatter(environ.get("GCLOUD_PROJECT") or environ.get("GOOGLE_CLOUD_PROJECT") or "")
        if is_on_google_cloud(environ)
        else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    logging.getLogger().handlers = [handler]
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    # Google's libraries keep their warnings to themselves where nobody has set a level.
    google = logging.getLogger("google")
    google.setLevel(logging.WARNING)
    google.propagate = True


class CloudFormatter(logging.Formatter):
    """Formatter of structured logs: one JSON object a line, with `severity`, `message` and the trace of the request.

    A message that is a JSON object itself gives the fields of the entry.

    Parameters
    ----------
    project : id of the project, which names traces; "" for entries without them.
    """

    def __init__(self, project: str) -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """Entry of a record, a line of ASCII."""
        text = record.getMessage()
        entry = _fields(text) or {"message": text}
        if record.exc_info:
            # Error Reporting finds the traceback in the message.
            entry["message"] = f"{entry.get('message', text)}\n{self.formatException(record.exc_info)}"
        entry |= {"severity": record.levelname, "logger": record.name, **self._trace()}
        return json.dumps(entry, default=str)

    def _trace(self) -> dict[str, str]:
        # Loaded by then in every function; jobs, which have no requests, do not use this formatter.
        from flask import has_request_context, request

        if not self._project or not has_request_context():
            return {}
        found = _TRACE.fullmatch(request.headers.get("X-Cloud-Trace-Context", ""))
        if not found:
            return {}
        trace = {"logging.googleapis.com/trace": f"projects/{self._project}/traces/{found[1]}"}
        if found[2]:
            trace["logging.googleapis.com/spanId"] = f"{int(found[2]):016x}"
        return trace


def _fields(text: str) -> dict[str, Any] | None:
    """Fields of a message that is a JSON object, None for any other message."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
