"""Experiments in the simulator: figures are what the users did, the verdict is right, and lost users are noticed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.abtest import COUNTS, START, analysis, arm_of, counted, defined
from benchmarks.simulator.clock import Clock
from benchmarks.simulator.diary import Act
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from shared.entities import InteractionType, Keys
from shared.entities.provenance import Provenance, verified
from shared.services.training.dataset import TrainingSet
from shared.services.training.explored import ExploredSlots
from shared.services.training.ledger_sync import LedgerFiles


@contextmanager
def simulated(
    folder: Path, *, users: int, days: int, is_silent: Callable[[str], bool] = lambda _: False
) -> Iterator[Simulation]:
    """Deployment with an experiment, before its first day."""
    world = World.of(users=users, events=150, interactions=10 * users, seed=1, start=START, days=days)
    with System.opened(folder, Clock(START - timedelta(hours=2)), model="blend", challengers_s=0.0) as system:
        system.load(world)
        system.retrain()
        defined(system, days=days, effect=0.3)
        yield Simulation(system, world, START, monitor_every=timedelta(hours=12), train_every=0, is_silent=is_silent)


def test_figures_of_thirty_days_are_what_the_users_did_and_the_verdict_is_right(tmp_path: Path) -> None:
    with simulated(tmp_path, users=40, days=31) as simulation:
        for _ in simulation.days(31):
            pass
        found = analysis(simulation.system)
    assert found is not None
    assert found["day"] == (START + timedelta(days=29)).date().isoformat()
    for arm in found["arms"]:
        assert tuple(arm[name] for name in COUNTS) == counted(simulation.diary, arm["name"], days=30)
        assert arm["lists"] > 0
    now, popular = found["arms"]
    assert now["ctr"] > 1.3 * popular["ctr"]
    assert not found["sample_ratio"]["is_mismatch"]
    [ctr] = [each for each in found["comparisons"] if each["metric"] == "ctr"]
    assert ctr["high"] < 0
    # Too few users for a verdict; a test with more of them would take minutes.
    assert "Each arm needs 100 users" in found["verdict"]["text"]


def test_an_arm_whose_users_get_lost_is_noticed(tmp_path: Path) -> None:
    def is_silent(user_id: str) -> bool:
        """App of which a release reports nothing, for nearly all users of one arm."""
        return arm_of(user_id) == "popular" and not user_id.endswith("7")

    with simulated(tmp_path, users=240, days=3, is_silent=is_silent) as simulation:
        for _ in simulation.days(3):
            pass
        found = analysis(simulation.system)
    assert found is not None
    assert found["sample_ratio"]["is_mismatch"]
    assert found["verdict"]["kind"] == "mismatch"


def test_what_was_explored_is_what_the_lists_said_and_models_are_judged_by_it(tmp_path: Path) -> None:
    world = World.of(users=40, events=150, interactions=600, seed=1, start=START, days=3)
    clock = Clock(START - timedelta(hours=2))
    with System.opened(tmp_path, clock, model="svd", challengers_s=0.0, exploration=0.3) as system:
        system.load(world)
        system.retrain()
        simulation = Simulation(system, world, START, monitor_every=timedelta(hours=12), train_every=0)
        for _ in simulation.days(3):
            pass
        system.retrain()
        keys = system.wired.keys()
        training_set = TrainingSet.of_ledger(LedgerFiles(system.wired.objects), now=clock.at)
    found = training_set.explored(keys)
    pages = [act for act in simulation.diary.acts if act.type is InteractionType.IMPRESSION and act.shown]
    drawn = [
        (act.user_id, act.event_ids[position], chance)
        for act in pages
        for position, chance in _verified(act, keys).explored
    ]
    assert len(drawn) > 50
    assert sorted(zip(found.user_ids, found.event_ids, found.propensities, strict=True)) == sorted(drawn)
    # Chance gives a share of the slots of recommendations, and of no other list.
    n_slots = sum(len(act.event_ids) for act in pages if act.shown and act.shown.kind == "recommendations")
    assert 0.22 < len(drawn) / n_slots < 0.38
    slots = ExploredSlots.of(training_set, found, START)
    clicks = {(act.user_id, act.event_id) for act in simulation.diary.acts if act.type is InteractionType.CLICK}
    assert slots.slots.rewards.sum() == sum((user_id, event_id) in clicks for user_id, event_id, _ in drawn)
    chances = slots.chances(training_set.fit("popularity", START, half_life_days=60.0))
    assert 0 < np.count_nonzero(chances) < len(slots)
    compared = slots.compared({"popularity": np.ones(len(slots)), "svd": np.ones(len(slots))}, "popularity")
    assert compared.keys() == {"explored popularity", "explored svd", "explored svd to popularity"}
    assert compared["explored svd to popularity"].mean == 0.0


def _verified(act: Act, keys: Keys) -> Provenance:
    assert act.shown is not None
    found = verified(act.shown.recommendation_id, keys, user_id=act.user_id, at=act.at)
    assert found is not None
    return found
