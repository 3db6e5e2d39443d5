"""Health of this instance."""

from flask import Response

from functions import responses
from functions.routes.call import Call
from functions.wiring import Services


def get(_call: Call, wired: Services) -> Response:
    """Health report: the model in service, its age, and the parts that are degraded."""
    now = wired.now()
    snapshot = wired.serving.current(now)
    manifest = snapshot.manifest
    return responses.ok(
        {
            "status": "degraded" if snapshot.degraded else "ok",
            "degraded": snapshot.degraded,
            "model_version": snapshot.model_version,
            "model_age_s": round((now - manifest.trained_at).total_seconds()) if manifest else None,
            "live_events": int(snapshot.recommender.catalog.live(now).sum()),
        }
    )
