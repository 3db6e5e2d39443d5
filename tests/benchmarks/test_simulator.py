"""Simulator of an app: what it says happened is what the deployment counts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import pytest

from benchmarks.simulator.behaviour import Habits
from benchmarks.simulator.clock import Clock
from benchmarks.simulator.comparison import differences
from benchmarks.simulator.diary import Diary
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import System
from benchmarks.simulator.world import World
from shared.entities import InteractionType
from shared.feedback.exposures import Exposures
from shared.services.training.dataset import TrainingSet
from shared.services.training.ledger_sync import LedgerFiles

START: Final = datetime(2026, 5, 4, tzinfo=UTC)
DAYS: Final = 3
HABITS: Final = Habits(signs_in_late=0.2, stars_in_reviews=0.5, rates=0.9, reviews=0.7)


@pytest.fixture(scope="module")
def world() -> World:
    return World.of(users=40, events=100, interactions=500, seed=1, start=START, days=DAYS)


@pytest.fixture(scope="module")
def simulated(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulation, Counter[object]]]:
    """Simulation of two days, and what the store had counted before."""
    folder = tmp_path_factory.mktemp("simulated")
    with System.opened(folder, Clock(START - timedelta(hours=2)), model="svd", challengers_s=0.0) as system:
        system.load(world)
        system.retrain()
        before = counted(system)
        simulation = Simulation(system, world, START, habits=HABITS)
        for document in simulation.days(DAYS):
            assert document["decision"] in ("published", "refused")
        yield simulation, before


def counted(system: System) -> "Counter[object]":
    """Counts of the store, by event and type."""
    return Counter(
        {
            (event_id, kind): number
            for event_id, counts, _ in system.wired.documents.counters.changed_since(None)
            for kind, number in counts.by_type.items()
        }
    )


def test_the_store_counts_what_the_users_did(simulated: tuple[Simulation, Counter[object]]) -> None:
    simulation, before = simulated
    after = counted(simulation.system)
    after.subtract(before)
    assert {key: number for key, number in after.items() if number} == simulation.diary.counts()


def test_the_figures_of_each_day_are_what_the_users_did(simulated: tuple[Simulation, Counter[object]]) -> None:
    simulation, _ = simulated
    diary = simulation.diary
    days = [(START + timedelta(days=number)).date() for number in range(DAYS)]
    for day in days:
        assert differences(simulation, day) == []
    assert sum(diary.figures(day).credited for day in days) > 5
    segments = {diary.segment(act.shown, simulation.world.past) for act in diary.acts if act.shown is not None}
    assert segments >= {"nobody", "warm"}


def test_what_the_users_did_not_do_is_a_difference(simulated: tuple[Simulation, Counter[object]]) -> None:
    simulation, _ = simulated
    click = next(act for act in simulation.diary.acts if act.type is InteractionType.CLICK)
    acts = [act for act in simulation.diary.acts if act is not click]
    told = differences(replace(simulation, diary=Diary(acts)), click.at.date())
    assert any(text.startswith("all lists: clicks: the report has") for text in told)
    assert any(text.startswith("hours") for text in told)


def test_some_users_act_before_they_sign_in(simulated: tuple[Simulation, Counter[object]]) -> None:
    simulation, _ = simulated
    late = [act for act in simulation.diary.acts if act.signed_in_at is not None]
    assert {InteractionType.IMPRESSION, InteractionType.CLICK} <= {act.type for act in late}
    assert {act.shown.user_id for act in late if act.shown is not None} == {""}


def test_a_training_learns_from_every_event_that_was_shown(simulated: tuple[Simulation, Counter[object]]) -> None:
    simulation, _ = simulated
    system = simulation.system
    now = system.clock.at
    training_set = TrainingSet.of_ledger(LedgerFiles(system.wired.objects), now=now)
    exposed = Exposures.of_columns(
        training_set.exposed(training_set.table.users), training_set.table, training_set.catalog
    )
    learned = set(training_set.table.users.ids(training_set.table.user_rows))
    shown = Counter(
        (act.user_id, event_id, place)
        for act in simulation.diary.acts
        for place, event_id in enumerate(act.event_ids)
        if act.user_id in learned
    )
    found = zip(
        training_set.table.users.ids(exposed.user_rows),
        training_set.catalog.events.ids(exposed.event_rows),
        exposed.positions.tolist(),
        strict=True,
    )
    assert Counter(found) == shown


def test_users_do_what_people_do(simulated: tuple[Simulation, Counter[object]]) -> None:
    simulation, _ = simulated
    acts = simulation.diary.acts
    done = Counter(act.type for act in acts)
    for kind in (InteractionType.IMPRESSION, InteractionType.CLICK, InteractionType.VIEW, InteractionType.BOOKING):
        assert done[kind] > 0, kind
    assert {act.at.date() for act in acts} == {(START + timedelta(days=day)).date() for day in range(DAYS)}
    assert all(later.at > earlier.at for earlier, later in pairwise(acts))
    places = [act.position for act in acts if act.type is InteractionType.CLICK]
    assert places.count(0) > places.count(9)


def test_equal_seeds_give_equal_worlds_and_others_do_not(world: World) -> None:
    again = World.of(users=40, events=100, interactions=500, seed=1, start=START, days=DAYS)
    assert again.past == world.past
    assert again.events == world.events
    assert (again.utilities == world.utilities).all()
    other = World.of(users=40, events=100, interactions=500, seed=2, start=START, days=DAYS)
    assert other.past != world.past


def test_no_event_of_the_future_has_a_past(world: World) -> None:
    announced = {event.event_id: event.created_at for event in world.events}
    for entry in world.past:
        at = announced[entry.event_id]
        assert at is not None
        assert at <= entry.occurred_at < START
