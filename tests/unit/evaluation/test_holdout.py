"""Holdout: cutoff, candidates and hits, defined once."""

from datetime import datetime

import numpy as np
import pytest

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.evaluation.holdout import Holdout, candidate_rows, first_hits, has_feedback, latest_cutoff
from shared.feedback.interactions import InteractionTable
from tests.examples import DAY, NOW, an_event, an_interaction

VIEW, SAVE, ATTEND, DISMISS = (
    InteractionType.VIEW,
    InteractionType.SAVE,
    InteractionType.ATTEND,
    InteractionType.DISMISS,
)
EVENTS = [
    an_event("later", starts_at=NOW + 9 * DAY, created_at=NOW + DAY),
    an_event("on", starts_at=NOW - DAY, ends_at=NOW + DAY, created_at=NOW - 9 * DAY),
    an_event("over", starts_at=NOW - 3 * DAY, created_at=NOW - 9 * DAY),
    an_event("quiet", starts_at=NOW + 9 * DAY, created_at=NOW - DAY),
    an_event("soon", starts_at=NOW + DAY, created_at=NOW - 9 * DAY),
    an_event("undated", starts_at=None, created_at=NOW - 9 * DAY),
    an_event("unknown since when", starts_at=NOW + 20 * DAY),
]
CATALOG = Catalog.of(EVENTS)


def _named(rows: np.ndarray) -> list[str]:
    return CATALOG.events.ids(rows)


def _hits(holdout: Holdout) -> list[tuple[str, bool]]:
    """Event of each hit, and whether it is new."""
    events = _named(holdout.candidates[holdout.columns])
    return list(zip(events, holdout.is_new[holdout.columns].tolist(), strict=True))


def test_the_latest_share_of_hits_lies_after_the_cutoff() -> None:
    given = [an_interaction(f"u{n}", "soon", occurred_at=NOW + n * DAY) for n in range(10)]
    given += [an_interaction("u", "soon", VIEW, occurred_at=NOW + 99 * DAY)]
    table = InteractionTable.of(given, CATALOG)
    assert latest_cutoff(table, share=0.2) == NOW + 8 * DAY
    assert latest_cutoff(table, share=0.5) == NOW + 5 * DAY
    assert latest_cutoff(table.before(NOW + DAY), share=0.2) is None


def test_candidates_start_after_the_cutoff_and_were_known_by_then() -> None:
    at = NOW.timestamp()
    assert _named(candidate_rows(CATALOG, at)) == ["quiet", "soon", "undated", "unknown since when"]
    assert _named(candidate_rows(CATALOG, at, horizon_days=10)) == ["quiet", "soon"]
    everything = candidate_rows(CATALOG, at, known_by_s=np.inf)
    assert _named(everything) == ["later", "quiet", "soon", "undated", "unknown since when"]


@pytest.mark.parametrize(
    ("before", "after", "is_a_hit"),
    [
        (None, InteractionType.BOOKING, True),
        (None, SAVE, True),
        (None, ATTEND, True),
        (None, VIEW, False),
        (VIEW, SAVE, True),
        (DISMISS, SAVE, True),
        (SAVE, InteractionType.BOOKING, True),
        (InteractionType.BOOKING, ATTEND, False),
        (ATTEND, SAVE, False),
    ],
)
def test_hits_are_bookings_saves_and_attendances_of_events_that_the_user_had_not_taken(
    before: InteractionType | None, after: InteractionType, *, is_a_hit: bool
) -> None:
    given = [an_interaction("u", "soon", after, occurred_at=NOW + DAY / 2)]
    given += [an_interaction("u", "soon", before, occurred_at=NOW - DAY)] if before else []
    table = InteractionTable.of([*given, an_interaction("v", "quiet", occurred_at=NOW - DAY)], CATALOG)
    candidates = candidate_rows(CATALOG, NOW.timestamp())
    later = table.between(NOW.timestamp(), np.inf)
    users, columns = first_hits(table.before(NOW), later, candidates, len(CATALOG))
    found = list(zip(table.users.ids(users), _named(candidates[columns]), strict=True))
    assert found == ([("u", "soon")] if is_a_hit else [])


def test_repeated_hits_count_once_and_hits_on_other_events_do_not_count() -> None:
    given = [an_interaction("u", "soon", kind, occurred_at=NOW + DAY / 2) for kind in (SAVE, ATTEND)]
    given += [
        an_interaction("u", name, occurred_at=NOW + DAY / 2) for name in ("over", "on", "later", "never heard of")
    ]
    table = InteractionTable.of(given, CATALOG)
    holdout = Holdout.of(table, CATALOG, NOW)
    assert (_hits(holdout), holdout.owners.tolist()) == ([("soon", True)], [0])


def test_a_hit_is_new_without_any_interaction_before_the_cutoff_and_a_user_is_warm_with_a_positive() -> None:
    at: datetime = NOW - DAY
    given = [an_interaction("u", "soon", VIEW, occurred_at=at), an_interaction("v", "over", SAVE, occurred_at=at)]
    given += [an_interaction(user, "soon", occurred_at=NOW + DAY / 2) for user in "uv"]
    given += [an_interaction("u", "quiet", occurred_at=NOW + DAY / 2)]
    table = InteractionTable.of(given, CATALOG)
    holdout = Holdout.of(table, CATALOG, NOW)
    assert table.users.ids(holdout.user_rows) == ["u", "v"]
    assert holdout.warm.tolist() == [False, True]
    assert _hits(holdout) == [
        ("quiet", True),
        ("soon", False),
        ("soon", False),
    ]
    assert _named(np.flatnonzero(has_feedback(table.before(NOW), len(CATALOG)))) == ["over", "soon"]
