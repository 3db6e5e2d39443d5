"""Experiments in the bucket: the users of each arm, day by day until the experiment is over, and its latest analysis.

Users are stored as hashes with a salt of the variant, which is deleted with them. A day is added before its report is
closed; a run that is killed in between adds it once all the same, since the state names its last day.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np

from shared.entities import Erasures, Experiment, Keys
from shared.entities.experiment import label_names
from shared.entities.provenance import named
from shared.entities.stored import read_object
from shared.errors import ArtifactError, Conflict
from shared.experiments.analysis import analyse
from shared.experiments.arms import ArmState
from shared.monitoring.acts import DayActs
from shared.monitoring.attribution import Rows, Salted
from shared.monitoring.operations import HourFigures, OperationFigures, hexadecimal
from shared.monitoring.report import plain_json
from shared.ports import ExperimentStore, ObjectStore
from shared.services.monitoring.salts import salt

FOLDER: Final = "monitoring/experiments/"
_SALTS: Final = f"{FOLDER}salts/"
KEPT: Final = timedelta(days=30)
"""Time after the end of an experiment at which its users and their salts are deleted; its analysis stays."""
_log = logging.getLogger(__name__)


def noted(store: ExperimentStore, now: datetime) -> list[Experiment]:
    """Experiments whose users are kept: those that are not over, or were until `KEPT` ago."""
    return list(store.ending_after(now - KEPT))


def salts(objects: ObjectStore, experiments: Iterable[Experiment]) -> dict[int, bytes]:
    """Salts of the arms of experiments, by their hash in lists; made where there is none."""
    variants = [named(label) for label in label_names(experiments)]
    remedy = f"delete {FOLDER}, whose users are lost"
    return {variant: salt(objects, _salt_name(variant), remedy=remedy) for variant in variants}


def add_day(
    objects: ObjectStore, experiments: Sequence[Experiment], day: date, rows: Rows, figures: HourFigures
) -> dict[str, Any]:
    """Addition of a day to the experiments that ran on it; returns their analyses by id, without their history.

    Parameters
    ----------
    rows : rows of the day, see `rows.read_rows`.
    figures : figures of the day's requests.
    """
    running = [each for each in experiments if each.starts_at.date() <= day <= each.ends_at.date()]
    acts = DayActs.of(rows) if running else None
    analyses = {}
    for each in running:
        arms = {}
        for arm in each.arms():
            variant = named(each.label(arm))
            name = _state_name(each, arm)
            before, generation = _state(objects, name)
            lists = figures.variants.get(hexadecimal(variant), OperationFigures())
            arms[arm] = before.with_day(day, acts.by_subject(variant), lists) if acts else before
            if arms[arm] is not before:
                objects.write(name, arms[arm].to_bytes(), generation=generation)
        analyses[each.experiment_id] = _analysed(objects, each, arms, day)
    return analyses


def analysis_of(objects: ObjectStore, experiment_id: str) -> dict[str, Any] | None:
    """Latest analysis of an experiment; None before its first day is over."""
    blob = objects.read(_analysis_name(experiment_id))
    return read_object(blob.data, _analysis_name(experiment_id), dict) if blob else None


def drop_erased(objects: ObjectStore, experiments: Iterable[Experiment], forgotten: Erasures, keys: Keys) -> int:
    """Deletion of erased users from the states of experiments; returns their number."""
    dropped = 0
    for each in experiments:
        for arm in each.arms():
            name, salt = _state_name(each, arm), objects.read(_salt_name(named(each.label(arm))))
            if salt is None:
                continue
            salted = Salted(salt.data, keys)
            state, generation = _state(objects, name)
            kept = state.without(np.array([salted.note(note) for note in forgotten.times], np.uint64))
            if len(kept.users) < len(state.users):
                objects.write(name, kept.to_bytes(), generation=generation)
                dropped += len(state.users) - len(kept.users)
    return dropped


def prune(objects: ObjectStore, experiments: Iterable[Experiment]) -> None:
    """Deletion of the users and salts of all experiments but these."""
    kept = list(experiments)
    names = {_state_name(each, arm) for each in kept for arm in each.arms()}
    names |= {_salt_name(named(label)) for label in label_names(kept)}
    for name in objects.names(FOLDER):
        if name not in names and not name.endswith("/analysis.json"):
            objects.delete(name)


def _state(objects: ObjectStore, name: str) -> tuple[ArmState, int]:
    """State of an arm and its generation; an empty one in place of one that cannot be read, which it replaces."""
    blob = objects.read(name)
    if blob is None:
        return ArmState(), 0
    try:
        return ArmState.from_bytes(blob.data, name), blob.generation
    except ArtifactError as error:
        _log.warning(json.dumps({"message": "the users of an experiment are lost", "reason": error.for_log()}))
        return ArmState(), blob.generation


def _analysed(objects: ObjectStore, experiment: Experiment, arms: Mapping[str, ArmState], day: date) -> dict[str, Any]:
    name = _analysis_name(experiment.experiment_id)
    blob = objects.read(name)
    try:
        before = read_object(blob.data, name, dict) if blob else {}
    except ArtifactError as error:
        _log.warning(json.dumps({"message": "the history of an experiment is lost", "reason": error.for_log()}))
        before = {}
    history = [each for each in before.get("history", ()) if each["day"] < day.isoformat()]
    found: dict[str, Any] = plain_json(analyse(experiment, arms, day, history=history))
    try:
        objects.write(name, json.dumps(found).encode(), generation=blob.generation if blob else 0)
    except Conflict:
        _log.info("another run has analysed an experiment")
    return {key: value for key, value in found.items() if key != "history"}


def _salt_name(variant: int) -> str:
    return f"{_SALTS}{hexadecimal(variant)}"


def _state_name(experiment: Experiment, arm: str) -> str:
    return f"{_folder(experiment.experiment_id)}{hexadecimal(named(experiment.label(arm)))}.npz"


def _analysis_name(experiment_id: str) -> str:
    return f"{_folder(experiment_id)}analysis.json"


def _folder(experiment_id: str) -> str:
    """Folder of an experiment; its id may have characters that no name of an object has."""
    return f"{FOLDER}{hexadecimal(named(experiment_id))}/"
