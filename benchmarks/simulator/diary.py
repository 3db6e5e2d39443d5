"""Diary of a simulation: what its users were shown and did, from which it counts by itself what reports must say."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from math import log2
from statistics import fmean

from benchmarks.simulator.system import Shown
from shared.entities import Interaction, InteractionType

IsPart = Callable[[Shown, str], bool]
"""Choice of the events of lists: whether a list's event is one of them."""


@dataclass(frozen=True, slots=True)
class Act:
    """Act of a user: an interaction as the app records it.

    Attributes
    ----------
    type, user_id, event_id, at : as in the interaction's document; `event_id` is "" for a page of a list.
    shown : list that the interaction names, None where it names none.
    event_ids : events of a page, in the order shown.
    position : position of the event in its list, 0 for the first.
    stars : stars of a rating or a review, 0 for none.
    text : words of a review.
    signed_in_at : time at which the user signed in, who was a visitor when acting; None for one who was signed in.
    """

    type: InteractionType
    user_id: str
    at: datetime
    event_id: str = ""
    shown: Shown | None = None
    event_ids: tuple[str, ...] = ()
    position: int = 0
    stars: int = 0
    text: str = ""
    signed_in_at: datetime | None = None

    @property
    def recorded_at(self) -> datetime:
        """Time from which on the act is one of the user."""
        return self.signed_in_at or self.at


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a day, or of a part of the events of its lists.

    Attributes
    ----------
    impressions : distinct pairs of a user and an event that was on a page.
    clicks : those of them of which the user clicked the event on that day.
    credited, organic : bookings that a list earned, and those that none did, without those cancelled on the same day.
    ratings, stars : pairs with stars after bookings that a list earned, and the sum of their latest stars.
    lists : lists of which a page was shown.
    hit_lists : those of them of which the user took something.
    ndcg, reciprocal_rank : their mean NDCG@10 and reciprocal rank, 0 without any.
    """

    impressions: int
    clicks: int
    credited: int
    organic: int
    ratings: int
    stars: int
    lists: int
    hit_lists: int
    ndcg: float
    reciprocal_rank: float

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

    def sign_in(self, user_id: str, since: datetime, at: datetime) -> None:
        """Sign-in of a user, who was a visitor from `since` on."""
        for place, act in enumerate(self.acts):
            if act.user_id == user_id and act.at >= since:
                self.acts[place] = replace(act, signed_in_at=at)

    def of_day(self, day: date, *kinds: InteractionType) -> Iterator[Act]:
        """Acts of some types that were recorded on a UTC day."""
        return (act for act in self.acts if act.recorded_at.date() == day and act.type in kinds)

    def figures(self, day: date, is_part: IsPart = lambda *_: True) -> Figures:
        """Figures of a UTC day, of the events that `is_part` selects; organic bookings are of all."""
        items = {
            (act.shown, event_id): place
            for act in self.of_day(day, InteractionType.IMPRESSION)
            if act.shown is not None
            for place, event_id in enumerate(act.event_ids)
        }
        users = {act.shown: act.user_id for act in self.of_day(day, InteractionType.IMPRESSION) if act.shown}
        shown = {(users[listed], event_id) for listed, event_id in items}
        clicks = self._clicks(day, shown)
        booked = self._bookings(day)
        taken = clicks | {(listed, event_id) for listed, event_id in booked if listed is not None}
        chosen = [(listed, event_id) for listed, event_id in items if is_part(listed, event_id)]
        impressed = {(users[listed], event_id) for listed, event_id in chosen}
        clicked = {(users[listed], event_id) for listed, event_id in clicks if is_part(listed, event_id)}
        judged = self._stars(day, is_part)
        hits = defaultdict[Shown, list[int]](list)
        for listed, event_id in chosen:
            if (listed, event_id) in taken:
                hits[listed].append(items[listed, event_id])
        return Figures(
            impressions=len(impressed),
            clicks=len(impressed & clicked),
            credited=sum(listed is not None and is_part(listed, event_id) for listed, event_id in booked),
            organic=sum(listed is None for listed, _ in booked),
            ratings=len(judged),
            stars=sum(judged.values()),
            lists=len({listed for listed, _ in chosen}),
            hit_lists=len(hits),
            ndcg=fmean(map(_ndcg, hits.values())) if hits else 0.0,
            reciprocal_rank=fmean(1 / (1 + min(places)) for places in hits.values()) if hits else 0.0,
        )

    def hours(self, day: date) -> dict[str, list[int]]:
        """Pairs that were shown, clicked and booked from a list, by the hour of a UTC day in which they came first."""
        firsts: dict[str, dict[tuple[str, str], int]] = {"impressions": {}, "clicks": {}, "bookings": {}}
        shown = {(act.user_id, each) for act in self.of_day(day, InteractionType.IMPRESSION) for each in act.event_ids}
        cancelled = self._cancelled(day)
        for act in sorted(self.of_day(day, InteractionType.IMPRESSION), key=lambda act: act.recorded_at):
            for event_id in act.event_ids:
                firsts["impressions"].setdefault((act.user_id, event_id), act.recorded_at.hour)
        for act in self._recorded():
            pair = act.user_id, act.event_id
            is_click = act.type is InteractionType.CLICK and act.shown is not None and pair in shown
            if is_click and act.recorded_at.date() == day:
                firsts["clicks"].setdefault(pair, act.recorded_at.hour)
        for act, listed in self._credits():
            pair = act.user_id, act.event_id
            if listed is not None and act.recorded_at.date() == day and pair not in cancelled:
                firsts["bookings"].setdefault(pair, act.recorded_at.hour)
        counted = {name: Counter(hours.values()) for name, hours in firsts.items()}
        return {name: [counts[hour] for hour in range(24)] for name, counts in counted.items()}

    def segment(self, shown: Shown, past: Iterable[Interaction]) -> str:
        """Segment of the user for whom a list was made, from what the user did before it and before the simulation.

        What the user does in a visit, which begins with the hour, is sent at its end.
        """
        if not shown.user_id:
            return "nobody"
        begin = shown.at.replace(minute=0, second=0, microsecond=0)
        states: dict[tuple[str, str], InteractionType] = {}
        for entry in sorted(past, key=lambda entry: entry.occurred_at):
            if entry.user_id == shown.user_id:
                states[entry.event_id, entry.type.family] = entry.type
        for act in self.acts:
            if act.user_id == shown.user_id and act.recorded_at < begin:
                states[act.event_id, act.type.family] = act.type
        return "warm" if any(kind.meaning.is_hit for kind in states.values()) else "cold"

    def _clicks(self, day: date, shown: set[tuple[str, str]]) -> set[tuple[Shown, str]]:
        """Events of lists that their users clicked on a day, of those that were `shown` to them that day."""
        return {
            (act.shown, act.event_id)
            for act in self._recorded()
            if act.type is InteractionType.CLICK and act.shown is not None
            if act.recorded_at.date() == day and (act.user_id, act.event_id) in shown
        }

    def _cancelled(self, day: date) -> set[tuple[str, str]]:
        return {(act.user_id, act.event_id) for act in self.of_day(day, InteractionType.CANCEL)}

    def _bookings(self, day: date) -> list[tuple[Shown | None, str]]:
        """Bookings of a day that stand at its end: the list that earned each, None for none, and the event."""
        cancelled = self._cancelled(day)
        return [
            (listed, act.event_id)
            for act, listed in self._credits()
            if act.recorded_at.date() == day and (act.user_id, act.event_id) not in cancelled
        ]

    def _stars(self, day: date, is_part: IsPart) -> dict[tuple[str, str], int]:
        """Latest stars of a day by user and event, where the booking is one that a list earned.

        A review is sent together with a rating, whose stars then hold.
        """
        earned = {
            (act.user_id, act.event_id)
            for act, listed in self._credits()
            if listed is not None and is_part(listed, act.event_id)
        }
        return {
            (act.user_id, act.event_id): act.stars
            for kind in (InteractionType.REVIEW, InteractionType.RATING)
            for act in self.of_day(day, kind)
            if act.stars and (act.user_id, act.event_id) in earned
        }

    def users(self, until: date, is_part: IsPart) -> set[str]:
        """Users who saw an event of lists that `is_part` selects, up to a UTC day."""
        return {
            act.user_id
            for act in self.acts
            if act.type is InteractionType.IMPRESSION and act.at.date() <= until
            if act.shown is not None and any(is_part(act.shown, event_id) for event_id in act.event_ids)
        }

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

        Impressions do not count, what repeats does once a day and user, and of the others the last word.
        """
        counts: Counter[tuple[str, InteractionType]] = Counter()
        last: dict[tuple[str, str, str], InteractionType] = {}
        daily = set()
        for act in self.acts:
            if act.type is InteractionType.IMPRESSION:
                continue
            if act.type.meaning.repeats:
                daily.add((act.user_id, act.at.date(), act.event_id, act.type))
            else:
                last[act.user_id, act.event_id, act.type.family] = act.type
        counts.update((event_id, kind) for _, _, event_id, kind in daily)
        counts.update((event_id, kind) for (_, event_id, _), kind in last.items())
        return counts


def _ndcg(places: list[int]) -> float:
    """NDCG@10 of what was taken of a list, at the places from 0."""
    gained = sum(1 / log2(place + 2) for place in places if place < 10)
    return gained / sum(1 / log2(rank + 2) for rank in range(min(len(places), 10)))
