"""Simulation: days of visits, in which users ask a deployment for lists, act on them, and book what they find."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulator.behaviour import Habits, review, stars
from benchmarks.simulator.diary import Act, Diary
from benchmarks.simulator.system import Shown, System
from benchmarks.simulator.world import World
from shared.entities import InteractionType as T
from shared.entities import Status

PAGE: Final = 10
"""Events of a page."""
_KINDS: Final = {"recommendations": 0.65, "popular": 0.1, "trending": 0.05, "similar": 0.1, "rank": 0.1}
"""Kinds of lists, and the share of visits that ask for each."""
_RANKED: Final = 15
"""Events that a page has ranked."""
_SEARCH: Final = {"type": "search", "query": "tonight"}
"""Interaction with which a visitor's sign-in comes, since a request must have one."""
_OPEN_H: Final = (8, 22)
"""Hours of the day, UTC, between which users visit."""
_EVENING_H: Final = 23
"""Hour of the day, UTC, at which users cancel, and tell how an event was."""
_APART: Final = timedelta(milliseconds=100)
"""Time between two acts of a visit."""
_DAY: Final = timedelta(days=1)
_GOLDEN: Final = (5**0.5 - 1) / 2
"""Golden ratio, whose multiples are spread evenly between whole numbers."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Plan of a user for an event, due at a time: a booking, a cancellation, or what follows an event."""

    due: datetime
    user: int
    event: int
    type: T


@dataclass
class Simulation:
    """Simulation of a city's users on a deployment, from `start` on.

    All chance follows from `seed`, the day, the user and the event: two deployments that show an event to a user at the
    same place on the same day see the same act.

    Attributes
    ----------
    start : midnight of the first day, UTC.
    monitor_every : time between two runs of `monitor`, a whole part of an hour or more.
    train_every : days from a training to the next, each at the end of its day; 0 for none.
    is_silent : whether the app of a user reports nothing of what the user sees and does.
    until : time at which a day is left as it is, without evening and training; None for whole days.
    shifts_on : number of the day from which on tastes are `World.shifted`, 0 for the first; None for never.
    """

    system: System
    world: World
    start: datetime
    seed: int = 0
    habits: Habits = field(default_factory=Habits)
    monitor_every: timedelta = timedelta(hours=1)
    train_every: int = 1
    until: datetime | None = None
    shifts_on: int | None = None
    is_silent: Callable[[str], bool] = lambda _: False
    diary: Diary = field(default_factory=Diary)

    def __post_init__(self) -> None:
        shape = self.world.utilities.shape
        self._seen = np.zeros(shape, np.int64)
        self._taken = np.zeros(shape, np.bool_)
        self._plans: list[_Plan] = []
        self._clicked: dict[int, int] = {}
        self._visitors: list[_Acts] = []
        events = self.world.events
        self._row = {event.event_id: row for row, event in enumerate(events)}
        self._created = np.array([event.created_at.timestamp() if event.created_at else 0.0 for event in events])
        self._starts = np.array([event.starts_at.timestamp() if event.starts_at else 0.0 for event in events])
        for entry in self.world.past:
            if entry.type.meaning.takes_event or entry.type.meaning.hides_event:
                self._taken[int(entry.user_id.removeprefix("user_")) - 1, self._row[entry.event_id]] = True
        self._published = np.array([event.status in (None, Status.PUBLISHED) for event in events])

    def days(self, count: int) -> Iterator[dict[str, Any]]:
        """Simulated days, each ended by `monitor` and maybe a training, whose document it gives; empty without one."""
        for number in range(count):
            yield self._day(number)

    def utilities(self, day: int) -> NDArray[np.float64]:
        """Utility of the events on a day, float64 of shape (u, e)."""
        is_shifted = self.shifts_on is not None and day >= self.shifts_on
        return self.world.shifted if is_shifted else self.world.utilities

    def row_of(self, event_id: str) -> int:
        """Row of an event in `World.events`."""
        return self._row[event_id]

    def seen(self) -> NDArray[np.int64]:
        """Times that each user examined each event in vain, int64 of shape (u, e)."""
        return self._seen

    def taken(self) -> NDArray[np.bool_]:
        """Events that each user has booked or dismissed, bool of shape (u, e)."""
        return self._taken

    def await_sign_in(self, acts: "_Acts") -> None:
        """Acts of a visitor who will sign in this evening."""
        self._visitors.append(acts)

    def _day(self, number: int) -> dict[str, Any]:
        day, clock = self.start + number * _DAY, self.system.clock
        clock.forward(day)
        rng = np.random.default_rng([self.seed, number])
        visits = rng.random(len(self.world.users)) < self.habits.visits
        hours = rng.integers(*_OPEN_H, len(visits))
        monitored = day
        for hour in range(_OPEN_H[0], _EVENING_H):
            if self._is_over(day + timedelta(hours=hour + 1)):
                return {}
            clock.forward(day + timedelta(hours=hour))
            self._publish(day + timedelta(hours=hour - 1) if hour > _OPEN_H[0] else day - _DAY)
            for user in np.flatnonzero(visits & (hours == hour)).tolist():
                self._visit(number, user)
            if clock.at - monitored >= self.monitor_every:
                self.system.monitor()
                monitored = clock.at
        if self._is_over(day + _DAY):
            return {}
        clock.forward(day + timedelta(hours=_EVENING_H))
        self._evening(number)
        # Everything of the day is settled before the next one begins.
        clock.forward(day + timedelta(hours=_EVENING_H, minutes=45))
        self.system.monitor()
        is_due = self.train_every and (number + 1) % self.train_every == 0
        return self.system.retrain() if is_due else {}

    def _is_over(self, moment: datetime) -> bool:
        return self.until is not None and moment > self.until

    def _publish(self, since: datetime) -> None:
        """Publication of the events that were announced since the last hour."""
        now = self.system.clock.at.timestamp()
        new = np.flatnonzero((self._created > since.timestamp()) & (self._created <= now))
        self.system.publish([self.world.events[row] for row in new])

    def _visit(self, number: int, user: int) -> None:
        rng = np.random.default_rng([self.seed, number, user])
        by_event = rng.random((3, len(self.world.events)))
        is_visitor = np.random.default_rng([self.seed, number, user, 2]).random() < self.habits.signs_in_late
        utilities, acts = self.utilities(number)[user], _Acts(self, user, is_visitor=is_visitor)
        for plan in self._due(user, T.BOOKING):
            if not self._taken[user, plan.event]:
                self._book(acts, plan.event, by_event[2, plan.event])
        shown = self._asked(rng, user, "" if is_visitor else acts.user_id)
        if shown is not None and shown.event_ids:
            self._act_on(rng, acts, shown, utilities, by_event)
        if rng.random() < self.habits.wanders:
            self._wander(rng, acts, utilities, by_event)
        acts.send()

    def _asked(self, rng: np.random.Generator, user: int, user_id: str) -> Shown | None:
        """List that a user opens, who is known as `user_id` or not, ""; None where there is nothing to ask about."""
        kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
        live = np.flatnonzero(self._live())
        some = rng.permutation(live)[:_RANKED]
        if kind == "similar":
            clicked = self._clicked.get(user)
            if clicked is None:
                return None
            return self.system.list(kind, user_id, limit=PAGE, event_id=self.world.events[clicked].event_id)
        if kind == "rank":
            ranked = [self.world.events[row].event_id for row in some]
            return self.system.list(kind, user_id, limit=PAGE, event_ids=ranked) if ranked else None
        return self.system.list(kind, user_id, limit=PAGE)

    def _act_on(
        self,
        rng: np.random.Generator,
        acts: "_Acts",
        shown: Shown,
        utilities: NDArray[np.float64],
        by_event: NDArray[np.float64],
    ) -> None:
        """Acts of a user on a list of n events, all of which fit the page."""
        habits, user = self.habits, acts.user
        rows = np.array([self._row[event_id] for event_id in shown.event_ids])
        acts.add(T.IMPRESSION, shown=shown, event_ids=shown.event_ids)
        examined = rng.random(PAGE)[: len(rows)] < habits.examination(np.arange(len(rows)))
        clicks = examined & (by_event[0, rows] < habits.attraction(utilities[rows], self._seen[user, rows]))
        books = clicks & (by_event[1, rows] < habits.booking(utilities[rows]))
        dismisses = examined & ~clicks & (by_event[1, rows] < habits.dismissal(utilities[rows]))
        self._seen[user, rows[examined & ~clicks]] += 1
        for place in np.flatnonzero(clicks | dismisses).tolist():
            row = int(rows[place])
            if dismisses[place]:
                acts.add(T.DISMISS, row, shown=shown, position=place)
                self._taken[user, row] = True
                continue
            acts.add(T.CLICK, row, shown=shown, position=place)
            self._clicked[user] = row
            chance = by_event[2, row]
            if not books[place] or self._taken[user, row]:
                continue
            if chance < habits.books_later:
                self._plans.append(_Plan(self.system.clock.at + _DAY, user, row, T.BOOKING))
            else:
                is_named = rng.random() < habits.names_list
                self._book(acts, row, rng.random(), shown if is_named else None, place)

    def _wander(
        self,
        rng: np.random.Generator,
        acts: "_Acts",
        utilities: NDArray[np.float64],
        by_event: NDArray[np.float64],
    ) -> None:
        """Look at a live event that no list has shown, and perhaps a booking: the likelier, the more it is worth."""
        rows = np.flatnonzero(self._live() & ~self._taken[acts.user])
        if not len(rows):
            return
        weights = np.exp(utilities[rows] - utilities[rows].max())
        row = int(rows[np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())])
        acts.add(T.VIEW, row)
        if by_event[1, row] < self.habits.booking(utilities[row : row + 1])[0]:
            self._book(acts, row, rng.random())

    def _book(self, acts: "_Acts", row: int, fate: float, shown: Shown | None = None, position: int = 0) -> None:
        """Booking, whose `fate`, 0..1, says whether it is cancelled: a third of those the same evening."""
        acts.add(T.BOOKING, row, shown=shown, position=position)
        self._taken[acts.user, row] = True
        start, end = self.world.events[row].starts_at, self.world.events[row].ends_at
        now, habits = self.system.clock.at, self.habits
        if fate < habits.cancels:
            later = timedelta(0) if fate < habits.cancels / 3 else _DAY
            self._plans.append(_Plan(now + later, acts.user, row, T.CANCEL))
        elif fate < habits.cancels + habits.attends and start is not None and end is not None:
            self._plans.append(_Plan(end, acts.user, row, T.ATTEND))

    def _evening(self, number: int) -> None:
        """Sign-ins of the day's visitors, cancellations that are due, and what users say of events they went to."""
        for visit in self._visitors:
            visit.sign_in()
        self._visitors.clear()
        by_user: dict[int, list[_Plan]] = defaultdict(list)
        for kind in (T.CANCEL, T.ATTEND):
            for plan in self._due(None, kind):
                by_user[plan.user].append(plan)
        for user in sorted(by_user):
            rng, acts = np.random.default_rng([self.seed, number, user, 1]), _Acts(self, user)
            for plan in by_user[user]:
                acts.add(plan.type, plan.event)
                if plan.type is T.ATTEND and rng.random() < self.habits.rates:
                    worth = stars(float(self.utilities(number)[user, plan.event]), float(rng.normal()))
                    acts.add(T.RATING, plan.event, stars=worth)
                    if rng.random() < self.habits.reviews:
                        has_stars = plan.event * _GOLDEN % 1 < self.habits.stars_in_reviews
                        said = max(worth - 1, 1) if has_stars else 0
                        acts.add(T.REVIEW, plan.event, stars=said, text=review(worth))
            acts.send()

    def _due(self, user: int | None, kind: T) -> Sequence[_Plan]:
        """Plans of a kind whose time has come, of one user or of all; they are no plans any more."""
        now = self.system.clock.at
        due = [plan for plan in self._plans if plan.type is kind and plan.due <= now and user in (None, plan.user)]
        self._plans = [plan for plan in self._plans if plan not in due]
        return [
            plan
            for plan in due
            if plan.type is T.ATTEND or self._starts[plan.event] > now.timestamp()  # an event that began is past choice
        ]

    def _live(self) -> NDArray[np.bool_]:
        """Events that are announced and to come, bool of shape (e,)."""
        now = self.system.clock.at.timestamp()
        return np.asarray((self._created <= now) & (self._starts > now) & self._published)


class _Acts:
    """Acts of a visit, which the app sends together at its end.

    Parameters
    ----------
    simulation : simulation whose clock, diary and deployment they go to.
    user : row of the user.
    is_visitor : whether the app does not know yet who it is.
    """

    def __init__(self, simulation: Simulation, user: int, *, is_visitor: bool = False) -> None:
        self.user = user
        self.user_id = simulation.world.users[user].user_id
        self._simulation = simulation
        self._began = simulation.system.clock.at
        self._visitor = f"visitor-of-{self.user_id:-<20}" if is_visitor else ""
        self._entries: list[Mapping[str, Any]] = []

    def add(self, kind: T, row: int | None = None, *, shown: Shown | None = None, **given: Any) -> None:
        """Entry of an act on the event of a row; `given` are `event_ids`, `position`, `stars` or `text`."""
        simulation = self._simulation
        event_id = "" if row is None else simulation.world.events[row].event_id
        clock = simulation.system.clock
        clock.forward(clock.at + _APART)
        act = Act(kind, self.user_id, clock.at, event_id, shown, **given)
        simulation.diary.add(act)
        self._entries.append(_entry(act))

    def send(self) -> None:
        """Request with all entries; that of a visitor, who signs in later."""
        if self._entries and not self._simulation.is_silent(self.user_id):
            who = {"anonymous_id": self._visitor} if self._visitor else {"user_id": self.user_id}
            self._simulation.system.record(who, self._entries)
            if self._visitor:
                self._simulation.await_sign_in(self)

    def sign_in(self) -> None:
        """Sign-in of the visitor, who then searches for something."""
        simulation = self._simulation
        clock = simulation.system.clock
        clock.forward(clock.at + _APART)
        simulation.diary.sign_in(self.user_id, self._began, clock.at)
        simulation.system.record({"user_id": self.user_id, "anonymous_id": self._visitor}, [_SEARCH])


def _entry(act: Act) -> dict[str, Any]:
    """Interaction of an act, as the API takes it."""
    entry: dict[str, Any] = {"type": act.type.value, "occurred_at": act.at.isoformat()}
    if act.event_ids:
        entry |= {"event_ids": list(act.event_ids), "position": 0}
    else:
        entry["event_id"] = act.event_id
    if act.shown is not None:
        entry["recommendation_id"] = act.shown.recommendation_id
        if not act.event_ids:
            entry["position"] = act.position
    if act.stars:
        entry["value"] = act.stars
    if act.text:
        entry["text"] = act.text
    return entry
