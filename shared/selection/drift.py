"""Whether the present still looks like what a model was trained on.

The population stability index, Σ (p − q) ln(p / q) over the bins of a reference, and its thresholds 0.1 and 0.25 are
those of credit scoring (Siddiqi: "Credit risk scorecards", 2006). Numbers are also held to the two-sample
Kolmogorov–Smirnov distance, at the same bins, which sees a shift that leaves the shares of wide bins alike. What is
compared are whole windows, so a verdict needs no memory but the reference that the model's manifest carries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.weights import TYPES

WINDOW_DAYS: Final = 28.0
STABLE, MOVED, DRIFTED = "stable", "moved", "drifted"
PSI_MOVED: Final = 0.1
PSI_DRIFTED: Final = 0.25
UNKNOWN_MOVED: Final = 0.1
UNKNOWN_DRIFTED: Final = 0.25
COVERAGE_LOSS: Final = 0.5
MIN_SIZE: Final = 200
"""Fewer values say nothing: 10 bins of so few move by 0.1 by chance."""
_BINS: Final = 10
_NAMES: Final = 20
_OTHER: Final = ""
_FLOOR: Final = 1e-4
_KS_FACTOR: Final = 1.95
"""c(α) of the two-sample test for α = 0.001: with a dozen quantities a run, chance fires once in eighty runs."""


@dataclass(frozen=True, slots=True)
class Reference:
    """How one quantity was distributed in a window.

    Attributes
    ----------
    cuts : inner borders of the bins of a number, ascending; empty for a name.
    names : the most frequent values of a name, of which the last, "", stands for all others; empty for a number.
    shares : the share of each bin; `size` the number of values.
    """

    cuts: Sequence[float]
    names: Sequence[str]
    shares: Sequence[float]
    size: int

    @classmethod
    def of_numbers(cls, values: NDArray[np.floating]) -> Self:
        """The deciles of the finite values."""
        values = values[np.isfinite(values)]
        cuts = np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS)) if len(values) else np.empty(0)
        return cls(cuts.tolist(), (), _shares(_binned(values, cuts), len(cuts) + 1), len(values))

    @classmethod
    def of_names(cls, names: Sequence[str], codes: NDArray[np.integer]) -> Self:
        """The most frequent of the values that `codes` point to; -1 is unknown and left out."""
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        kept = np.sort(np.argsort(-counts, kind="stable")[:_NAMES])
        kept = kept[counts[kept] > 0]
        total = max(int(counts.sum()), 1)
        shares = [*(counts[kept] / total).tolist(), float((total - counts[kept].sum()) / total)]
        return cls((), (*(names[place] for place in kept), _OTHER), shares, int(counts.sum()))

    def distances(self, now: Self) -> tuple[float, float]:
        """Population stability index and Kolmogorov–Smirnov distance of another window, binned alike."""
        there = dict(zip(now.names, now.shares, strict=True)) if self.names else {}
        shares = [there.get(name, 0.0) for name in self.names[:-1]] if self.names else list(now.shares)
        if self.names:
            shares.append(max(1.0 - sum(shares), 0.0))
        p, q = np.array(shares), np.array(self.shares)
        ks = 0.0 if self.names else float(np.abs(np.cumsum(p) - np.cumsum(q)).max())
        p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
        return float(((p - q) * np.log(p / q)).sum()), ks

    def like(self, values: NDArray[np.floating]) -> Self:
        """Other values in the same bins."""
        values = values[np.isfinite(values)]
        cuts = np.array(self.cuts)
        return type(self)(self.cuts, (), _shares(_binned(values, cuts), len(cuts) + 1), len(values))

    @classmethod
    def from_document(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `asdict`."""
        return cls(data["cuts"], data["names"], data["shares"], int(data["size"]))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one detector says of one quantity.

    Attributes
    ----------
    score : what was measured; `threshold` from where on it counts as drifted.
    verdict : `stable`, `moved` or `drifted`.
    """

    quantity: str
    detector: str
    score: float
    threshold: float
    verdict: str


Numbers = Mapping[str, NDArray[np.floating]]


def numbers(table: InteractionTable, catalog: Catalog, scores: NDArray[np.floating], now_s: float) -> Numbers:
    """The quantities of the window of `WINDOW_DAYS` before `now_s` that are numbers.

    `scores` are those that lists showed; an event's attributes count once for each interaction with it.
    """
    recent = _recent(table, now_s)
    rows = recent.event_rows[recent.event_rows >= 0]
    times = recent.occurred_at[recent.event_rows >= 0]
    per_user, per_event = (np.bincount(column) for column in (recent.user_rows, rows))
    return {
        "price": np.log1p(catalog.price[rows]),
        "lead_days": (catalog.starts_at[rows] - times) / DAY_S,
        "user_activity": np.log1p(per_user[per_user > 0]),
        "event_popularity": np.log1p(per_event[per_event > 0]),
        "score": scores,
    }


def references(table: InteractionTable, catalog: Catalog, scores: NDArray[np.floating], now_s: float) -> dict[str, Any]:
    """All quantities of the window as plain values, for the manifest."""
    found = {
        name: Reference.of_numbers(values) for name, values in numbers(table, catalog, scores, now_s).items()
    } | _named(table, catalog, now_s)
    return {name: asdict(reference) for name, reference in found.items()}


def detect(
    before: Mapping[str, Any],
    table: InteractionTable,
    catalog: Catalog,
    *,
    scores: NDArray[np.floating],
    now_s: float,
    unknown_share: float,
    coverage: tuple[float, float] | None,
) -> list[Finding]:
    """What has changed since a model's `references`.

    Parameters
    ----------
    scores : that the model in service gives now.
    unknown_share : of the window's interactions, those with an event that the model does not know.
    coverage : the share of candidates in any list, before and now; None without a model that was judged.
    """
    findings: list[Finding] = []
    for name, values in numbers(table, catalog, scores, now_s).items():
        if name in before:
            reference = Reference.from_document(before[name])
            findings += _compared(name, reference, reference.like(values))
    for name, now in _named(table, catalog, now_s).items():
        if name in before:
            findings += _compared(name, Reference.from_document(before[name]), now)
    findings.append(
        Finding(
            "unknown_events",
            "share",
            unknown_share,
            UNKNOWN_DRIFTED,
            _verdict(unknown_share, UNKNOWN_MOVED, UNKNOWN_DRIFTED),
        )
    )
    if coverage and coverage[0]:
        lost = 1 - coverage[1] / coverage[0]
        findings.append(
            Finding("coverage", "loss", lost, COVERAGE_LOSS, _verdict(lost, COVERAGE_LOSS / 2, COVERAGE_LOSS))
        )
    return findings


def summary(findings: Sequence[Finding]) -> dict[str, Any]:
    """The worst verdict and everything behind it, for the run document."""
    order = (STABLE, MOVED, DRIFTED)
    worst = max((order.index(one.verdict) for one in findings), default=0)
    return {"verdict": order[worst], "findings": [asdict(one) for one in findings]}


def _recent(table: InteractionTable, now_s: float) -> InteractionTable:
    return table.where((table.occurred_at >= now_s - WINDOW_DAYS * DAY_S) & (table.occurred_at < now_s))


def _named(table: InteractionTable, catalog: Catalog, now_s: float) -> dict[str, Reference]:
    recent = _recent(table, now_s)
    found = {"type": Reference.of_names([str(kind) for kind in TYPES], recent.codes)}
    for name in ("category", "slot", "city"):
        field = catalog.fields[name]
        found[name] = Reference.of_names(field.names.ids(), field.at(recent.event_rows))
    return found


def _compared(name: str, before: Reference, now: Reference) -> list[Finding]:
    if min(before.size, now.size) < MIN_SIZE:
        return []
    psi, ks = before.distances(now)
    findings = [Finding(name, "psi", psi, PSI_DRIFTED, _verdict(psi, PSI_MOVED, PSI_DRIFTED))]
    if before.cuts:
        chance = _KS_FACTOR * float(np.sqrt((before.size + now.size) / (before.size * now.size)))
        # With many values chance is next to nothing, but a distance of a twentieth moves no model.
        threshold = max(2 * chance, 0.1)
        findings.append(Finding(name, "ks", ks, threshold, _verdict(ks, max(chance, 0.05), threshold)))
    return findings


def _verdict(score: float, moved: float, drifted: float) -> str:
    return DRIFTED if score >= drifted else MOVED if score >= moved else STABLE


def _binned(values: NDArray[np.floating], cuts: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.searchsorted(cuts, values, side="right")


def _shares(bins: NDArray[np.int64], size: int) -> list[float]:
    shares: list[float] = (np.bincount(bins, minlength=size) / max(len(bins), 1)).tolist()
    return shares
