"""Definition of experiments by admins: what is new is checked against what runs already."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shared.entities import Experiment
from shared.entities.experiment import MAX_UNFINISHED, POPULARITY
from shared.errors import Conflict, InvalidField, NotFound
from shared.ports import ExperimentStore, ObjectStore
from shared.services.registry import read_manifest

MAX_LISTED: Final = 200
"""Limit of experiments that are listed, those that end last."""


def define(store: ExperimentStore, objects: ObjectStore, experiment: Experiment, *, now: datetime) -> None:
    """Definition of an experiment, new or in place of the one with its id, which instances see at their next look.

    Raises `InvalidField` for a version that is not published, and `Conflict` for a change that would spoil the figures
    of a running experiment, see `Experiment.check_change`, or with `MAX_UNFINISHED` others that are not over.
    """
    for version in versions_of([experiment]):
        try:
            read_manifest(objects, version)
        except (InvalidField, NotFound) as error:
            raise InvalidField("model", version, f"a published version, {POPULARITY}, or none") from error
    try:
        before = store.get(experiment.experiment_id)
    except InvalidField:
        # Whoever replaces a document that cannot be read mends it.
        before = None
    if before is not None:
        experiment.check_change(before, now)
    has_begun = before is not None and before.starts_at <= now
    # One that is called off before it begins may be over at once.
    is_called_off = before is not None and experiment.ends_at <= now
    if experiment.starts_at < now and not has_begun and not is_called_off:
        raise InvalidField("starts_at", experiment.starts_at.isoformat(), "a time to come, so that no day is cut short")
    others = [each for each in store.ending_after(now) if each.experiment_id != experiment.experiment_id]
    if len(others) >= MAX_UNFINISHED:
        raise Conflict(f"expected at most {MAX_UNFINISHED} experiments that are not over; end one of them first")
    store.put(experiment)


def listed(store: ExperimentStore) -> list[Experiment]:
    """Experiments, those that end last first, at most `MAX_LISTED`."""
    return list(store.ending_after(None))[: -MAX_LISTED - 1 : -1]


def found(store: ExperimentStore, experiment_id: str) -> Experiment:
    """Experiment by id; raises `NotFound` where there is none."""
    experiment = store.get(experiment_id)
    if experiment is None:
        raise NotFound(f"experiment_id: expected the id of an experiment, got {experiment_id!r}")
    return experiment


def versions_of(experiments: Sequence[Experiment]) -> set[str]:
    """Versions of models that variants name."""
    named = {variant.model for each in experiments for variant in each.variants}
    return named - {"", POPULARITY}
