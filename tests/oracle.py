"""Test oracle of counts, popularity and histories: a slow implementation, independent of the code under test.

Input is the versions of interaction documents and the erasures alone, not deliveries; the last version of each document
counts. No code is shared with `shared/feedback/counts.py` or `popularity.py`.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from shared.entities import Interaction

# Weights of interaction types as in docs/data.md and `weights.py`; negative feedback adds nothing to popularity.
WORTH = {"view": 0.1, "click": 0.2, "save": 0.8, "share": 0.6, "booking": 1.0, "attend": 1.0, "review": 0.5}
REPEATING = ("impression", "view", "click", "share", "search", "category_click")
NOT_REMEMBERED = ("impression", "search", "category_click")
_FIRST_LANDMARK = datetime(2025, 1, 1, tzinfo=UTC)
_HALF_LIFE_S = 14 * 24 * 3600
_MOST_IN_TEN_MINUTES = 60


@dataclass
class Truth:
    """Expected state.

    Attributes
    ----------
    by_type : event id → type → number of interactions.
    units : event id → landmark → popularity units.
    histories : user id → entries `(type, event id, organizer id, time)`.
    """

    by_type: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    units: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    histories: dict[str, set[tuple[str, str, str, datetime]]] = field(default_factory=lambda: defaultdict(set))


def truth(interactions: Iterable[Interaction], erasures: Mapping[str, datetime] | None = None) -> Truth:
    """Expected state after ingestion of the given interactions.

    Parameters
    ----------
    interactions : versions of documents.
    erasures : user id → time up to which everything was erased, before anything recorded until then was settled.
    """
    result, by_user = Truth(), defaultdict(list)
    last: dict[str, Interaction] = {}
    erased = erasures or {}
    for interaction in interactions:
        if _is_erased(interaction, erased):
            continue
        before = last.get(interaction.interaction_id)
        if before is None or before.occurred_at < interaction.occurred_at:
            last[interaction.interaction_id] = interaction
    for interaction in last.values():
        by_user[interaction.user_id].append(interaction)
    for interaction in (interaction for of_user in by_user.values() for interaction in of_user):
        of_user = by_user[interaction.user_id]
        if interaction.type not in NOT_REMEMBERED:
            entry = (str(interaction.type), interaction.event_id, interaction.organizer_id, interaction.occurred_at)
            result.histories[interaction.user_id].add(entry)
        for event_id in interaction.event_ids or [interaction.event_id]:
            if event_id and _counts(interaction, erased):
                result.by_type[event_id][str(interaction.type)] += 1
                of_event = result.units[event_id]
                if not _is_beyond_the_limit(interaction, of_user):
                    landmark, units = _popularity(interaction)
                    of_event[landmark] += units
    return result


def _is_erased(interaction: Interaction, erasures: Mapping[str, datetime]) -> bool:
    assert interaction.recorded_at
    return interaction.user_id in erasures and interaction.recorded_at <= erasures[interaction.user_id]


def _counts(interaction: Interaction, erasures: Mapping[str, datetime]) -> bool:
    """Whether an interaction counts: no impression, none of a visitor, no repeating one until the day of an erasure."""
    if interaction.type == "impression":
        return False
    if interaction.anonymous or interaction.user_id.startswith("~"):
        return False
    if interaction.type not in REPEATING or interaction.user_id not in erasures:
        return True
    return f"{interaction.occurred_at:%Y%m%d}" > f"{erasures[interaction.user_id]:%Y%m%d}"


def _is_beyond_the_limit(interaction: Interaction, of_user: list[Interaction]) -> bool:
    """Limits of popularity: True for a repeatable interaction that is recorded a day late or after sixty others."""
    if interaction.type not in REPEATING or interaction.type not in WORTH:
        return False
    if _is_late(interaction):
        return True
    before = [
        earlier
        for earlier in of_user
        if earlier.type in REPEATING
        and earlier.type in WORTH
        and not _is_late(earlier)
        and _ten_minutes(earlier) == _ten_minutes(interaction)
        and (earlier.recorded_at, earlier.interaction_id) < (interaction.recorded_at, interaction.interaction_id)
    ]
    return len(before) >= _MOST_IN_TEN_MINUTES


def _is_late(interaction: Interaction) -> bool:
    assert interaction.recorded_at
    return (interaction.recorded_at - interaction.occurred_at).total_seconds() > 24 * 3600


def _ten_minutes(interaction: Interaction) -> str:
    assert interaction.recorded_at
    return f"{interaction.recorded_at:%Y-%m-%d %H:%M}"[:-1]


def _popularity(interaction: Interaction) -> tuple[int, int]:
    """Preceding landmark and popularity units there: w · 2^20 · 2^(half-lives since the landmark), rounded to int."""
    if interaction.type == "rating" and interaction.value:
        weight = (interaction.value - 3) / 2
    else:
        weight = WORTH.get(str(interaction.type), 0.0)
    (as_float32,) = struct.unpack("f", struct.pack("f", max(weight, 0.0)))
    with localcontext() as context:
        context.prec = 60
        half_lives = Decimal(str((interaction.occurred_at - _FIRST_LANDMARK).total_seconds())) / _HALF_LIFE_S
        landmark = int((half_lives / 10).to_integral_value(rounding="ROUND_FLOOR"))
        grown = Decimal(as_float32) * 2**20 * Decimal(2) ** (half_lives - 10 * landmark)
        return landmark, int(grown.to_integral_value(rounding=ROUND_HALF_EVEN))
