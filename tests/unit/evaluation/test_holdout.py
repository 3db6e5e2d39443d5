"""Cutoff of the temporal holdout."""

from shared.catalog.catalog import Catalog
from shared.entities import InteractionType
from shared.evaluation.holdout import latest_cutoff
from shared.feedback.interactions import InteractionTable
from tests.examples import DAY, NOW, an_event, an_interaction

VIEW = InteractionType.VIEW
CATALOG = Catalog.of([an_event("a", starts_at=NOW + 9 * DAY)])


def test_the_latest_share_of_hits_lies_after_the_cutoff() -> None:
    given = [an_interaction(f"u{n}", "a", occurred_at=NOW + n * DAY) for n in range(10)]
    given += [an_interaction("u", "a", VIEW, occurred_at=NOW + 99 * DAY)]
    table = InteractionTable.of(given, CATALOG)
    assert latest_cutoff(table, share=0.2) == NOW + 8 * DAY
    assert latest_cutoff(table, share=0.5) == NOW + 5 * DAY
    assert latest_cutoff(table.before(NOW + DAY), share=0.2) is None
