"""Treatment of a request: the variant of an experiment that its user sees, by a hash of what the request knows."""

from dataclasses import dataclass, replace

from shared.experiments.assignment import assigned
from shared.services.serving.context import ListRequest, RequestView, ServingContext, segment_of


@dataclass(frozen=True, slots=True)
class Treatment:
    """Request as the variant of its user has it.

    Attributes
    ----------
    view, request : view and request with the settings of the variant.
    label : label of the variant, see `Experiment.label`; "" for a user who is in no experiment.
    """

    view: RequestView
    request: ListRequest
    label: str = ""


def treated(context: ServingContext, view: RequestView, request: ListRequest) -> Treatment:
    """Treatment of a request, without any for nobody's, and as usual where the variant's model is not in memory."""
    snapshot = view.snapshot
    if not (context.has_experiments and snapshot.experiments and request.user_id):
        return Treatment(view, request)
    found = assigned(snapshot.experiments, request.user_id, segment_of(request, view.viewer), view.now)
    if found is None:
        return Treatment(view, request)
    label, variant = found
    if variant.ranker() in snapshot.alternatives:
        other = snapshot.alternatives[variant.ranker()]
        viewer = view.viewer
        if other.recommender.catalog is not view.recommender.catalog:
            viewer = viewer.in_catalog(other.recommender.catalog, view.now)
        seen = replace(snapshot, model=other.model, manifest=other.manifest)
        view = replace(view, snapshot=seen, model=other.model, viewer=viewer)
    elif not variant.is_default():
        # Figures of another model than the variant's would be worth nothing.
        return Treatment(replace(view, degraded=tuple(dict.fromkeys((*view.degraded, "experiments")))), request)
    if variant.diversity is not None:
        request = replace(request, query=replace(request.query, diversity=variant.diversity))
    return Treatment(view, request, label)
