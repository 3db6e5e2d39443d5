"""Treatment of a request: the variant of an experiment that its user sees, by a hash of what the request knows."""

from dataclasses import dataclass, replace

from shared.entities.experiment import AUDIENCE, HOLDOUT
from shared.experiments.assignment import assigned
from shared.services.serving.context import ListRequest, RequestView, ServingContext, segment_of


@dataclass(frozen=True, slots=True)
class Treatment:
    """Request as the variant of its user has it.

    Attributes
    ----------
    view, request : view and request with the settings of the variant.
    label : label of the variant, see `Experiment.label`; "" for a user who is in no experiment.
    exploration : share of slots that are explored.
    """

    view: RequestView
    request: ListRequest
    label: str = ""
    exploration: float = 0.0


def treated(context: ServingContext, view: RequestView, request: ListRequest) -> Treatment:
    """Treatment of a request, without any for nobody's, and as usual where the variant's model is not in memory."""
    snapshot, segment = view.snapshot, segment_of(request, view.viewer)
    # What a list of caches, or a user who does not wish to be profiled would tell is not learned from.
    exploration = context.exploration if segment in AUDIENCE.values() else 0.0
    if not (context.has_experiments and snapshot.experiments and request.user_id):
        return Treatment(view, request, exploration=exploration)
    found = assigned(snapshot.experiments, request.user_id, segment, view.now)
    if found is None:
        return Treatment(view, request, exploration=exploration)
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
        degraded = tuple(dict.fromkeys((*view.degraded, "experiments")))
        return Treatment(replace(view, degraded=degraded), request, exploration=exploration)
    if variant.diversity is not None:
        request = replace(request, query=replace(request.query, diversity=variant.diversity))
    if variant.exploration is not None:
        exploration = variant.exploration
    return Treatment(view, request, label, 0.0 if label == HOLDOUT else exploration)
