"""Drift detection on seeded streams: alarms at the window of the change, and none on stable streams."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TypedDict, Unpack

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.arrays.vocabulary import Vocabulary
from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.selection import drift
from shared.selection.drift import DRIFTED, MOVED, STABLE, Finding, Reference
from tests.examples import DAY, NOW, an_event

WINDOWS = 40
CHANGE = 17
Sample = Callable[[np.random.Generator], NDArray[np.floating]]


def _normal(rng: np.random.Generator) -> NDArray[np.floating]:
    return rng.normal(3, 1, 1_500)


def _shifted(rng: np.random.Generator) -> NDArray[np.floating]:
    return rng.normal(3.6, 1, 1_500)


def _wider(rng: np.random.Generator) -> NDArray[np.floating]:
    return rng.normal(3, 2.2, 1_500)


def _skewed(rng: np.random.Generator) -> NDArray[np.floating]:
    return rng.exponential(3, 1_500)


def _verdicts(before: Sample, after: Sample, seed: int) -> list[str]:
    """Verdicts by window of a stream that changes at window `CHANGE`, against a reference from before."""
    rng = np.random.default_rng(seed)
    reference = Reference.of_numbers(before(rng))
    return [
        drift.summary(drift._compared("x", reference, reference.same_bins((before if n < CHANGE else after)(rng))))[
            "verdict"
        ]
        for n in range(WINDOWS)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("changed", [_shifted, _wider, _skewed])
def test_drift_is_found_from_the_window_of_the_change_on(changed: Sample, seed: int) -> None:
    verdicts = _verdicts(_normal, changed, seed)
    assert verdicts.index(DRIFTED) == CHANGE
    assert set(verdicts[CHANGE:]) == {DRIFTED}
    assert set(verdicts[:CHANGE]) == {STABLE}


@pytest.mark.parametrize("sample", [_normal, _skewed, lambda rng: np.log1p(rng.poisson(2, 1_500))])
@pytest.mark.parametrize("seed", range(5))
def test_a_stable_stream_gives_no_alarm(sample: Sample, seed: int) -> None:
    assert set(_verdicts(sample, sample, seed)) == {STABLE}


def test_psi_and_ks_agree_with_their_formulas() -> None:
    before = Reference((1.0,), (), (0.5, 0.5), 1_000)
    now = Reference((1.0,), (), (0.8, 0.2), 1_000)
    psi, ks = before.distances(now)
    assert psi == pytest.approx(0.3 * np.log(0.8 / 0.5) - 0.3 * np.log(0.2 / 0.5))
    assert ks == pytest.approx(0.3)
    assert before.distances(before) == (0, 0)


def test_categories_are_matched_by_name_and_new_ones_count_as_others() -> None:
    codes = np.repeat([0, 1, -1], [600, 400, 50])
    before = Reference.of_names(["jazz", "yoga"], codes)
    assert (before.names, before.size) == (("jazz", "yoga", ""), 1_000)
    assert before.shares == pytest.approx([0.6, 0.4, 0])
    # Equal shares with the categories in another order.
    same = Reference.of_names(["yoga", "jazz"], np.repeat([0, 1], [400, 600]))
    assert before.distances(same)[0] == pytest.approx(0, abs=1e-12)
    changed = Reference.of_names(["chess", "jazz", "yoga"], np.repeat([0, 1, 2], [500, 300, 200]))
    assert before.distances(changed)[0] > drift.PSI_DRIFTED


def test_a_reference_survives_storage_as_json() -> None:
    rng = np.random.default_rng(1)
    for reference in (Reference.of_numbers(rng.normal(size=500)), Reference.of_names(["a"], np.zeros(9, np.int64))):
        stored = json.loads(json.dumps(asdict(reference)))
        assert Reference.from_document(stored, is_numeric=not reference.names).distances(reference) == (0, 0)


def test_too_few_values_give_no_finding() -> None:
    reference = Reference.of_numbers(np.arange(drift.MIN_SIZE - 1.0))
    assert drift._compared("x", reference, Reference.of_numbers(np.arange(9_000.0))) == []
    assert Reference.of_numbers(np.array([np.nan, np.inf])).size == 0


class Market(TypedDict, total=False):
    """Options of `_market`."""

    price: float
    users: int
    size: int
    ahead: float


class Measured(TypedDict, total=False):
    """Measurements of a deployment besides its interactions and events."""

    scores: NDArray[np.floating]
    unknown_share: float
    coverage: tuple[float, float] | None


def _market(
    rng: np.random.Generator, *, price: float = 10, users: int = 500, size: int = 4_000, ahead: float = 6
) -> tuple[InteractionTable, Catalog]:
    """Interactions of 20 days with fifty events that all start `ahead` days from the present."""
    catalog = Catalog.of(
        an_event(f"e{n:02}", price=float(price + n % 7), category=f"c{n % 5}", starts_at=NOW + ahead * DAY, city="Bern")
        for n in range(50)
    )
    table = InteractionTable(
        users=Vocabulary.of(f"u{n}" for n in range(users)),
        user_rows=rng.integers(0, users, size).astype(np.int32),
        event_rows=rng.integers(0, 50, size).astype(np.int32),
        organizer_rows=np.full(size, -1, np.int32),
        codes=rng.choice([1, 2, 5], size).astype(np.int8),
        values=np.full(size, np.nan, np.float32),
        occurred_at=np.sort(NOW.timestamp() - rng.uniform(0, 20 * DAY_S, size)),
        until=np.full(size, np.inf),
    )
    return table, catalog


def _verdicts_of(table: InteractionTable, catalog: Catalog, **changes: Unpack[Measured]) -> dict[tuple[str, str], str]:
    scores = np.random.default_rng(3).normal(size=2_000)
    before, known = _market(np.random.default_rng(1))
    references = json.loads(json.dumps(drift.references(before, known, scores, NOW.timestamp())))
    given: Measured = {"scores": scores, "unknown_share": 0.0, "coverage": (0.5, 0.5)}
    given.update(changes)
    findings = drift.detect(references, table, catalog, now_s=NOW.timestamp(), **given)
    return {(finding.quantity, finding.detector): finding.verdict for finding in findings}


def test_another_sample_of_the_same_distributions_is_stable() -> None:
    verdicts = _verdicts_of(*_market(np.random.default_rng(2)))
    assert set(verdicts.values()) == {STABLE}
    # Fifty events are fewer than MIN_SIZE, so event_popularity is not compared.
    assert {quantity for quantity, _ in verdicts} == {
        *("price", "lead_days", "user_activity", "score"),
        *("type", "category", "slot", "city", "unknown_events", "coverage"),
    }


@pytest.mark.parametrize(
    ("changes", "quantity"),
    [({"price": 40}, "price"), ({"users": 4_000}, "user_activity"), ({"ahead": 60}, "lead_days")],
)
def test_only_the_changed_quantity_drifts(changes: Market, quantity: str) -> None:
    verdicts = _verdicts_of(*_market(np.random.default_rng(2), **changes))
    drifted = {name for (name, _), verdict in verdicts.items() if verdict == DRIFTED}
    assert quantity in drifted
    assert drifted <= {quantity, "slot"}


def test_scores_unknown_events_and_coverage_are_monitored() -> None:
    market = _market(np.random.default_rng(2))
    assert _verdicts_of(*market, scores=np.full(2_000, 9.0))["score", "psi"] == DRIFTED
    for share, verdict in ((0.05, STABLE), (0.1, MOVED), (0.3, DRIFTED)):
        assert _verdicts_of(*market, unknown_share=share)["unknown_events", "share"] == verdict
    for coverage, verdict in ((0.45, STABLE), (0.3, MOVED), (0.2, DRIFTED)):
        assert _verdicts_of(*market, coverage=(0.5, coverage))["coverage", "loss"] == verdict
    assert ("coverage", "loss") not in _verdicts_of(*market, coverage=None)


def test_the_summary_has_the_worst_verdict() -> None:
    findings = [Finding("a", "psi", 0.0, 0.25, STABLE), Finding("b", "psi", 0.3, 0.25, DRIFTED)]
    assert drift.summary(findings)["verdict"] == DRIFTED
    assert drift.summary(findings[:1])["verdict"] == drift.summary([])["verdict"] == STABLE
