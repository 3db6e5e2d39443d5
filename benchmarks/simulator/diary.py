"""Diary of a simulation: what its users were shown and did, from which it counts by itself what reports must say."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime

from benchmarks.simulator.system import Shown
from shared.entities import InteractionType


@dataclass(frozen=True, slots=True)
class Act:
    """Act of a user: an interaction as the app records it.

    Attributes
    ----------
    type, user_id, event_id, at : as in the interaction's document; `event_id` is "" for a page of a list.
    shown : list that the interaction names, None where it names none.
    event_ids : events of a page, in the order shown.
    position : position of the event in its list, 0 for the first.
    stars : stars of a rating, 0 for any other act.
    """

    type: InteractionType
    user_id: str
    at: datetime
    event_id: str = ""
    shown: Shown | None = None
    event_ids: tuple[str, ...] = ()
    position: int = 0
    stars: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a day, or of a part of its lists.

    Attributes
    ----------
    impressions : distinct pairs of a user and an event that was on a page.
    clicks : those of them of which the user clicked the event on that day.
    credited, organic : bookings that a list earned, and those that none did, without those cancelled on the same day.
    ratings, stars : ratings after bookings that a list earned, and the sum of their stars.
    lists : lists of which a page was shown.
    """

    impressions: int
    clicks: int
    credited: int
    organic: int
    ratings: int
    stars: int
    lists: int

    @property
    def ctr(self) -> float:
        """Click-through rate, 0..1, 0 without an impression."""
        return self.clicks / self.impressions if self.impressions else 0.0


@dataclass(slots=True)
class Diary:
    """Diary of all acts, in order of time."""

    acts: list[Act] = field(default_factory=list)

    def add(self, act: Act) -> None:
        """Entry of an act, which is not earlier than those before."""
        self.acts.append(act)

    def of_day(self, day: date, *kinds: InteractionType) -> Iterator[Act]:
        """Acts of some types on a UTC day."""
        return (act for act in self.acts if act.at.date() == day and act.type in kinds)

    def figures(self, day: date, is_part: Callable[[Shown], bool] = lambda _: True) -> Figures:
        """Figures of a UTC day, of the lists that `is_part` selects; organic bookings are of all."""
        pages = [
            (act, act.shown)
            for act in self.of_day(day, InteractionType.IMPRESSION)
            if act.shown is not None and is_part(act.shown)
        ]
        impressed = {(act.user_id, event_id) for act, _ in pages for event_id in act.event_ids}
        clicked = {
            (act.user_id, act.event_id)
            for act in self._recorded()
            if act.type is InteractionType.CLICK
            if act.at.date() == day and act.shown is not None and is_part(act.shown)
        }
        cancelled = {(act.user_id, act.event_id) for act in self.of_day(day, InteractionType.CANCEL)}
        earners = list(self._credits())
        booked = [
            shown for act, shown in earners if act.at.date() == day and (act.user_id, act.event_id) not in cancelled
        ]
        earned = {(act.user_id, act.event_id) for act, shown in earners if shown is not None and is_part(shown)}
        rated = [act for act in self.of_day(day, InteractionType.RATING) if (act.user_id, act.event_id) in earned]
        return Figures(
            impressions=len(impressed),
            clicks=len(impressed & clicked),
            credited=sum(shown is not None and is_part(shown) for shown in booked),
            organic=booked.count(None),
            ratings=len(rated),
            stars=sum(act.stars for act in rated),
            lists=len({shown.recommendation_id for _, shown in pages}),
        )

    def _recorded(self) -> Iterator[Act]:
        """Acts that a store records: of what repeats, the first of a user and an event on a day."""
        known = set[tuple[str, str, InteractionType, date]]()
        for act in self.acts:
            key = act.user_id, act.event_id, act.type, act.at.date()
            if act.event_ids or not act.type.meaning.repeats or key not in known:
                yield act
            known.add(key)

    def _credits(self) -> Iterator[tuple[Act, Shown | None]]:
        """Bookings with the list that earned each: the one it names, else that of the last click or view before."""
        looked: dict[tuple[str, str], Shown | None] = {}
        for act in self._recorded():
            if act.type in (InteractionType.CLICK, InteractionType.VIEW):
                looked[act.user_id, act.event_id] = act.shown
            elif act.type is InteractionType.BOOKING:
                yield act, act.shown or looked.get((act.user_id, act.event_id))

    def counts(self) -> Counter[tuple[str, InteractionType]]:
        """Counts that the store must keep, by event and type.

        A page counts for each of its events, what repeats once a day and user, and of the others the last word.
        """
        counts: Counter[tuple[str, InteractionType]] = Counter()
        last: dict[tuple[str, str, str], InteractionType] = {}
        daily = set()
        for act in self.acts:
            if act.event_ids:
                counts.update((event_id, act.type) for event_id in act.event_ids)
            elif act.type.meaning.repeats:
                daily.add((act.user_id, act.at.date(), act.event_id, act.type))
            else:
                last[act.user_id, act.event_id, act.type.family] = act.type
        counts.update((event_id, kind) for _, _, event_id, kind in daily)
        counts.update((event_id, kind) for (_, event_id, _), kind in last.items())
        return counts
