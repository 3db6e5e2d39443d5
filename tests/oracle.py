"""What counts, popularity and histories must be, worked out slowly and apart from the code under test.

It knows the documents alone, no deliveries; nothing here is shared with `shared/feedback/counts.py` or `popularity.py`.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from shared.entities import Interaction

# What README and `weights.py` say that a type is worth; what counts against an event adds nothing to it.
WORTH = {"view": 0.1, "click": 0.2, "save": 0.8, "share": 0.6, "booking": 1.0, "attend": 1.0, "review": 0.5}
REPEATING = ("impression", "view", "click", "share", "search", "category_click")
NOT_REMEMBERED = ("impression", "search", "category_click")
_FIRST_LANDMARK = datetime(2025, 1, 1, tzinfo=UTC)
_HALF_LIFE_S = 14 * 24 * 3600
_MOST_IN_TEN_MINUTES = 60


@dataclass
class Truth:
    """By event: how often each type happened, and units of popularity at each landmark. By user: what they did."""

    by_type: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    units: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    histories: dict[str, set[tuple[str, str, str, datetime]]] = field(default_factory=lambda: defaultdict(set))


def truth(interactions: Iterable[Interaction]) -> Truth:
    """The state that follows from these documents."""
    result, of_user = Truth(), defaultdict(list)
    for one in {one.interaction_id: one for one in interactions}.values():
        of_user[one.user_id].append(one)
    for one in (one for theirs in of_user.values() for one in theirs):
        theirs = of_user[one.user_id]
        if one.type not in NOT_REMEMBERED:
            entry = (str(one.type), one.event_id, one.organizer_id, one.occurred_at)
            result.histories[one.user_id].add(entry)
        if one.type == "booking" and _cancelled(one, theirs):
            continue
        for event_id in one.event_ids or [one.event_id]:
            if event_id:
                result.by_type[event_id][str(one.type)] += 1
                if not _is_beyond_the_limit(one, theirs):
                    landmark, units = _popularity(one)
                    result.units[event_id][landmark] += units
    return result


def _cancelled(booking: Interaction, theirs: list[Interaction]) -> bool:
    return any(
        (one.type, one.event_id) == ("cancel", booking.event_id) and one.occurred_at >= booking.occurred_at
        for one in theirs
    )


def _is_beyond_the_limit(one: Interaction, theirs: list[Interaction]) -> bool:
    """Whether its user had repeated enough in these ten minutes before it came."""
    if one.type not in REPEATING or one.type not in WORTH:
        return False
    before = [
        other
        for other in theirs
        if other.type in REPEATING
        and other.type in WORTH
        and _ten_minutes(other) == _ten_minutes(one)
        and (other.recorded_at, other.interaction_id) < (one.recorded_at, one.interaction_id)
    ]
    return len(before) >= _MOST_IN_TEN_MINUTES


def _ten_minutes(one: Interaction) -> str:
    assert one.recorded_at
    return f"{one.recorded_at:%Y-%m-%d %H:%M}"[:-1]


def _popularity(one: Interaction) -> tuple[int, int]:
    """The landmark before it and its weight there: w · 2^20 · 2^(half-lives since), rounded to a whole number."""
    worth = (one.value - 3) / 2 if one.type == "rating" and one.value else WORTH.get(str(one.type), 0.0)
    (as_float32,) = struct.unpack("f", struct.pack("f", max(worth, 0.0)))
    with localcontext() as context:
        context.prec = 60
        half_lives = Decimal(str((one.occurred_at - _FIRST_LANDMARK).total_seconds())) / _HALF_LIFE_S
        landmark = int((half_lives / 10).to_integral_value(rounding="ROUND_FLOOR"))
        grown = Decimal(as_float32) * 2**20 * Decimal(2) ** (half_lives - 10 * landmark)
        return landmark, int(grown.to_integral_value(rounding=ROUND_HALF_EVEN))
