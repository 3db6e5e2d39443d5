"""Random ledgers on the borders of every rule, and what an engine makes of one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from hypothesis import strategies as st

from shared.adapters.objects.folder import FolderObjects
from shared.entities import Event, Interaction, InteractionType, Origin, User
from shared.ledger import parquet
from shared.ledger.digest import BOOKINGS, SUMS, encode
from shared.ledger.index import EVENTS, INTERACTIONS, POINTER, USERS, Chunk, Feed, Ledger
from shared.ports import Digester

NOW: Final = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)
WEEK: Final = date(2026, 4, 27)
_DAY, _TICK = timedelta(days=1), timedelta(microseconds=1)
CUTOFF: Final = datetime(2026, 4, 20, 7, tzinfo=UTC)
MOMENTS: Final = (NOW, CUTOFF)

_MIDNIGHT: Final = datetime(2026, 4, 27, tzinfo=UTC)
_AGES: Final = tuple(timedelta(days=days) for days in (1, 7, 14, 28, 30, 700))
_TIMES: Final = tuple(
    moment + shift
    for moment in (NOW, CUTOFF, _MIDNIGHT, *(NOW - age for age in _AGES), CUTOFF - _DAY, _MIDNIGHT - 260 * 7 * _DAY)
    for shift in (-_TICK, 0 * _TICK, _TICK)
)
_LATE: Final = (timedelta(0), timedelta(seconds=1), timedelta(days=7), timedelta(days=7) + _TICK, -_DAY)
_STARS: Final = (None, float("nan"), 0.5, 1.0, 2.5, 3.2, 4.7, 5.0, 7.0)
_USERS: Final = ("ada", "bob", "zoë", "~visitor", "李")
_EVENTS: Final = ("", "a", "b", "é")


@st.composite
def _interaction(draw: st.DrawFn) -> Interaction:
    occurred_at = draw(st.sampled_from(_TIMES))
    late = draw(st.sampled_from([None, *_LATE]))
    return Interaction(
        interaction_id="",
        user_id=draw(st.sampled_from(_USERS)),
        event_id=draw(st.sampled_from(_EVENTS)),
        organizer_id=draw(st.sampled_from(("", "o", "p"))),
        type=draw(st.sampled_from(list(InteractionType))),
        occurred_at=occurred_at,
        recorded_at=None if late is None else occurred_at + late,
        value=draw(st.sampled_from(_STARS)),
        origin=draw(st.sampled_from(list(Origin))),
        text=draw(st.sampled_from(("", "Ünïcode 'quoted'"))),
        event_ids=draw(st.sampled_from(((), ("a", "b")))),
    )


interactions = st.lists(_interaction(), max_size=40)
users = st.lists(
    st.builds(
        User,
        user_id=st.sampled_from(_USERS),
        city=st.sampled_from(("", "Bern")),
        profiling=st.booleans(),
        mended=st.sampled_from(((), ("city",), ("city", "max_price"))),
        dropped=st.sampled_from(((), ("gender",))),
    ),
    max_size=8,
)


def drawn(seed: int, size: int = 3_000) -> tuple[list[Interaction], list[User]]:
    """Ledger of `size` interactions by a seed, of as many kinds as those of `interactions`."""
    rng = np.random.default_rng(seed)

    def pick(values: Sequence[Any]) -> Any:
        return values[int(rng.integers(len(values)))]

    found = []
    for _ in range(size):
        occurred_at, late = pick(_TIMES) - timedelta(minutes=int(rng.integers(3))), pick([None, *_LATE])
        found.append(
            Interaction(
                interaction_id="",
                user_id=pick([*_USERS, *(f"user_{number}" for number in range(60))]),
                event_id=pick(_EVENTS),
                organizer_id=pick(("", "o", "p")),
                type=pick(list(InteractionType)),
                occurred_at=occurred_at,
                recorded_at=None if late is None else occurred_at + late,
                value=pick(_STARS),
                origin=pick(list(Origin)),
            )
        )
    profiles = [
        User(user_id=f"user_{number}", profiling=bool(rng.random() < 0.8), mended=pick(((), ("city",))))
        for number in rng.integers(0, 80, 100).tolist()
    ]
    return found, profiles


def write(
    folder: Path, done: Sequence[Interaction], profiles: Sequence[User], *, is_early: bool = False
) -> tuple[FolderObjects, Ledger]:
    """Stored ledger of two files a feed, and one of events.

    `is_early`: the first file of each lacks the columns that earlier versions lacked.
    """
    objects = FolderObjects(folder)
    numbered = [replace(entry, interaction_id=f"i{number:05}") for number, entry in enumerate(done)]
    feeds: dict[str, Feed] = dict.fromkeys(Ledger().feeds, Feed())
    data = parquet.encode(EVENTS, [Event(event_id=name, organizer_id="o") for name in _EVENTS if name])
    objects.write(f"ledger/{EVENTS}/x.parquet", data, generation=0)
    feeds[EVENTS] = Feed((Chunk(f"ledger/{EVENTS}/x.parquet", len(_EVENTS) - 1, len(data)),), watermark=NOW)
    for feed, rows in ((INTERACTIONS, numbered), (USERS, list(profiles))):
        half, chunks = len(rows) // 2, []
        for number, part in enumerate((rows[:half], rows[half:])):
            if not part:
                continue
            data = parquet.encode(feed, part)
            if is_early and number == 0:
                table = pa.parquet.read_table(pa.BufferReader(data))
                data = parquet.to_bytes(table.drop_columns(list(parquet.ADDED[feed])))
            # The later file has the name that sorts first.
            month = "month=2026-05/" if feed == INTERACTIONS else ""
            name = f"ledger/{feed}/{month}{'zy'[number]}.parquet"
            objects.write(name, data, generation=0)
            chunks.append(Chunk(name, len(part), len(data)))
        feeds[feed] = Feed(tuple(chunks), watermark=NOW)
    objects.write(POINTER, Ledger(feeds).to_json(), generation=0)
    return objects, Ledger(feeds)


def reduced(digester: Digester, ledger: Ledger, last: int = 0xFFFF) -> dict[str, Any]:
    """Everything that an engine makes of a ledger: counts, and the bytes of each file of a digest."""
    with digester.reduce(ledger, NOW) as reduction:
        counts = reduction.counts()
        return {
            "buckets": {int(bucket): int(counts.by_bucket[bucket]) for bucket in np.flatnonzero(counts.by_bucket)},
            "profiles": (counts.profiles, counts.profiled, dict(counts.mended), dict(counts.dropped)),
            INTERACTIONS: encode(INTERACTIONS, reduction.interactions(last)),
            USERS: encode(USERS, reduction.users(last)),
            SUMS: encode(SUMS, reduction.sums(MOMENTS), MOMENTS),
            BOOKINGS: encode(BOOKINGS, reduction.bookings(WEEK)),
        }
