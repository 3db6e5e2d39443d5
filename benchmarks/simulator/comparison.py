"""Comparison of a deployment's report of a day with what the simulated users did, as their diary counts it."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from benchmarks.simulator.diary import Figures
from benchmarks.simulator.simulation import Simulation
from benchmarks.simulator.system import Shown


def differences(simulation: Simulation, day: date) -> list[str]:
    """Figures of a UTC day that differ between report and diary, in words; none where all are equal.

    Compared are those of all lists, by list, model, segment and source, and by hour.
    """
    feedback, diary = simulation.system.report(day).get("feedback", {}), simulation.diary
    shown = {act.shown for act in diary.acts if act.shown is not None}
    segments = {each: diary.segment(each, simulation.world.past) for each in shown}
    dimensions: dict[str, Callable[[Shown, str], str]] = {
        "list": lambda each, _: each.kind,
        "model": lambda each, _: each.model_version,
        "segment": lambda each, _: segments[each],
        "source": lambda each, event_id: each.source(event_id),
    }
    every = diary.figures(day)
    found = [
        *_unequal("all lists", feedback, every),
        *_not_equal("organic bookings", feedback.get("organic_bookings", 0), every.organic),
        *_not_equal("hours", feedback.get("hours"), diary.hours(day)),
    ]
    for dimension, name_of in dimensions.items():
        reported = feedback.get("by", {}).get(dimension, {})
        names = {name_of(each, event_id) for each in shown for event_id in each.event_ids}
        found += _not_equal(f"names by {dimension}", sorted(reported.keys() - names), [])
        for name in sorted(names):
            part = diary.figures(day, lambda each, event_id, of=name, by=name_of: by(each, event_id) == of)  # type: ignore[misc]  # mypy infers no lambda with a default
            found += _unequal(f"{dimension} {name}", reported.get(name, {}), part)
    return found


def _unequal(where: str, reported: Mapping[str, Any], counted: Figures) -> list[str]:
    stars = round((reported.get("stars") or 0) * reported.get("ratings", 0))
    expected = {
        "impressions": counted.impressions,
        "clicks": counted.clicks,
        "bookings": counted.credited,
        "ratings": counted.ratings,
        "lists": counted.lists,
        "hit_lists": counted.hit_lists,
        "ndcg_at_10": _near(counted.ndcg),
        "reciprocal_rank": _near(counted.reciprocal_rank),
    }
    found = [
        each for name in expected for each in _not_equal(f"{where}: {name}", _near(reported.get(name)), expected[name])
    ]
    return [*found, *_not_equal(f"{where}: stars", stars, counted.stars)]


def _not_equal(where: str, reported: object, counted: object) -> list[str]:
    return [] if reported == counted else [f"{where}: the report has {reported}, the users did {counted}"]


def _near(mean: float | None) -> float:
    """Mean without what the order of its terms makes of it."""
    return round(mean or 0, 9)
