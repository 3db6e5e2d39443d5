"""Drift detection: distributions of the latest window compared with those of the window before the training.

The population stability index (PSI), Σ (p − q) ln(p / q) over the bins of a reference, and its thresholds 0.1 and 0.25
are those of credit scoring (Siddiqi: "Credit risk scorecards", 2006). Numeric quantities are also compared by the
two-sample Kolmogorov–Smirnov distance at the same bins, which adds up small shifts of many bins in one direction.
Whole windows are compared, so detection needs no state but the reference in the model's manifest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from shared.catalog.catalog import Catalog
from shared.entities import fields
from shared.entities.stored import required, required_numbers
from shared.errors import InvalidField
from shared.feedback.eventsums import RECENT_DAYS
from shared.feedback.interactions import DAY_S, InteractionTable
from shared.feedback.weights import TYPES

WINDOW_DAYS: Final = float(RECENT_DAYS)
"""Length of the compared windows, days."""

STABLE, MOVED, DRIFTED = "stable", "moved", "drifted"
"""Verdicts, in ascending order of severity."""

PSI_MOVED: Final = 0.1
PSI_DRIFTED: Final = 0.25
"""Thresholds of the PSI that are customary in credit scoring."""

UNKNOWN_MOVED: Final = 0.1
UNKNOWN_DRIFTED: Final = 0.25
"""Thresholds of the share of interactions with events that the model does not know."""

COVERAGE_LOSS: Final = 0.5
"""Relative loss of catalog coverage that counts as drifted; half of it counts as moved."""

MIN_SIZE: Final = 200
"""Sample size below which nothing is compared: with fewer values, the PSI of 10 bins reaches 0.1 by chance."""

_BINS: Final = 10
"""Bins of a numeric quantity: deciles of the reference."""

_NAMES: Final = 20
"""Most frequent values of a categorical quantity, each of which is a bin of its own."""

_OTHER: Final = ""
"""Name of the bin of all remaining values."""

_FLOOR: Final = 1e-4
"""Smallest share of a bin in the PSI, whose logarithm is not defined for empty bins."""

_KS_FACTOR: Final = 1.95
"""Critical factor c(α) of the two-sample test for α = 0.001: a dozen quantities a run alarm falsely once in 80 runs."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Distribution of one quantity in a window, as a histogram.

    Attributes
    ----------
    cuts : inner borders of the bins of a numeric quantity, ascending; empty for a categorical one.
    names : most frequent values of a categorical quantity, then "" for all others; empty for a numeric one.
    shares : share of the values in each bin, 0..1.
    size : number of values.
    """

    cuts: Sequence[float]
    names: Sequence[str]
    shares: Sequence[float]
    size: int

    @classmethod
    def of_numbers(cls, values: NDArray[np.floating]) -> Self:
        """Histogram of a numeric quantity over its own deciles; values that are not finite are left out."""
        values = values[np.isfinite(values)]
        cuts = np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS)) if len(values) else np.empty(0)
        return cls(cuts.tolist(), (), _shares(_binned(values, cuts), len(cuts) + 1), len(values))

    @classmethod
    def of_names(cls, names: Sequence[str], codes: NDArray[np.integer]) -> Self:
        """Histogram of a categorical quantity over its most frequent values.

        Parameters
        ----------
        names : the categories.
        codes : int of shape (n,) – indices of `names`; -1 for unknown values, which are left out.
        """
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        kept = np.sort(np.argsort(-counts, kind="stable")[:_NAMES])
        kept = kept[counts[kept] > 0]
        total = max(int(counts.sum()), 1)
        shares = [*(counts[kept] / total).tolist(), float((total - counts[kept].sum()) / total)]
        return cls((), (*(names[code] for code in kept), _OTHER), shares, int(counts.sum()))

    def distances(self, current: Self) -> tuple[float, float]:
        """PSI and Kolmogorov–Smirnov distance of the histogram of another window; the latter is 0 if categorical.

        A numeric histogram must have the bins of this one, see `same_bins`; categories are matched by name.
        """
        by_name = dict(zip(current.names, current.shares, strict=True)) if self.names else {}
        shares = [by_name.get(name, 0.0) for name in self.names[:-1]] if self.names else list(current.shares)
        if self.names:
            shares.append(max(1.0 - sum(shares), 0.0))
        p, q = np.array(shares), np.array(self.shares)
        ks = 0.0 if self.names else float(np.abs(np.cumsum(p) - np.cumsum(q)).max())
        p, q = np.maximum(p, _FLOOR), np.maximum(q, _FLOOR)
        return float(((p - q) * np.log(p / q)).sum()), ks

    def same_bins(self, values: NDArray[np.floating]) -> Self:
        """Histogram of other values over the bins of this numeric quantity; values that are not finite are left out."""
        values = values[np.isfinite(values)]
        cuts = np.array(self.cuts)
        return type(self)(self.cuts, (), _shares(_binned(values, cuts), len(cuts) + 1), len(values))

    @classmethod
    def from_document(cls, data: Mapping[str, Any], *, is_numeric: bool) -> Self:
        """Histogram from a stored document, the inverse of `asdict`; raises `InvalidField`."""
        cuts, names, shares = (required(data, name, list) for name in ("cuts", "names", "shares"))
        size = fields.integer(data, "size", low=0, high=10**12)
        for name in ("cuts", "shares"):
            required_numbers({name: {f"{place}": value for place, value in enumerate(data[name])}}, name)
        if not all(isinstance(name, str) for name in names) or len(shares) != (
            len(cuts) + 1 if is_numeric else len(names)
        ):
            raise InvalidField("shares", shares, "a share for each name or bin")
        return cls(cuts, names, shares, size or 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one detector on one quantity.

    Attributes
    ----------
    quantity : name of the quantity, such as `price` or `category`.
    detector : `psi`, `ks`, `share` or `loss`.
    score : measured distance, share or relative loss.
    threshold : score from which on the quantity counts as drifted.
    verdict : `stable`, `moved` or `drifted`.
    """

    quantity: str
    detector: str
    score: float
    threshold: float
    verdict: str


Numbers = Mapping[str, NDArray[np.floating]]
"""Samples of the numeric quantities by name."""


def numbers(
    table: InteractionTable,
    catalog: Catalog,
    scores: NDArray[np.floating],
    now_s: float,
    per_event: NDArray[np.integer] | None = None,
) -> Numbers:
    """Samples of the numeric quantities in the `WINDOW_DAYS` before `now_s`, by name.

    An event's attributes count once for each interaction with it.

    Parameters
    ----------
    scores : float of shape (m,) – scores of listed events.
    now_s : end of the window, POSIX seconds.
    per_event : int of shape (len(catalog),) – interactions with each event in the window, where `table` is a sample of
        users; None for those of `table`. All other quantities have the same distribution in a sample of whole users.
    """
    recent = _recent(table, now_s)
    rows = recent.event_rows[recent.event_rows >= 0]
    times = recent.occurred_at[recent.event_rows >= 0]
    per_user = np.bincount(recent.user_rows)
    per_event = np.bincount(rows) if per_event is None else per_event
    return {
        "price": np.log1p(catalog.price[rows]),
        "lead_days": (catalog.starts_at[rows] - times) / DAY_S,
        "user_activity": np.log1p(per_user[per_user > 0]),
        "event_popularity": np.log1p(per_event[per_event > 0]),
        "score": scores,
    }


def references(
    table: InteractionTable,
    catalog: Catalog,
    scores: NDArray[np.floating],
    now_s: float,
    per_event: NDArray[np.integer] | None = None,
) -> dict[str, Any]:
    """Histograms of all quantities in the window before `now_s`, as plain values for the manifest; see `numbers`."""
    given = numbers(table, catalog, scores, now_s, per_event)
    numeric = {name: Reference.of_numbers(values) for name, values in given.items()}
    return {name: asdict(reference) for name, reference in (numeric | _categorical(table, catalog, now_s)).items()}


def detect(
    before: Mapping[str, Any],
    table: InteractionTable,
    catalog: Catalog,
    *,
    scores: NDArray[np.floating],
    now_s: float,
    unknown_share: float,
    coverage: tuple[float, float] | None,
    per_event: NDArray[np.integer] | None = None,
) -> list[Finding]:
    """Drift findings of the window before `now_s` against a model's references; raises `InvalidField` for damaged ones.

    Parameters
    ----------
    before : histograms by quantity from the model's manifest, see `references`.
    scores : float of shape (m,) – scores that the model in service gives to listed events.
    now_s : end of the window, POSIX seconds.
    unknown_share : share of the window's interactions with events that the model does not know, 0..1.
    coverage : catalog coverage of the lists, at the training and at present; None without an evaluated model.
    per_event : see `numbers`.
    """
    findings: list[Finding] = []
    for name, values in numbers(table, catalog, scores, now_s, per_event).items():
        if name in before:
            reference = Reference.from_document(required(before, name, dict), is_numeric=True)
            findings += _compared(name, reference, reference.same_bins(values))
    for name, current in _categorical(table, catalog, now_s).items():
        if name in before:
            reference = Reference.from_document(required(before, name, dict), is_numeric=False)
            findings += _compared(name, reference, current)
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
    """Summary of findings for the run document: the worst verdict, `stable` without any, and all findings."""
    order = (STABLE, MOVED, DRIFTED)
    worst = max((order.index(finding.verdict) for finding in findings), default=0)
    return {"verdict": order[worst], "findings": [asdict(finding) for finding in findings]}


def _recent(table: InteractionTable, now_s: float) -> InteractionTable:
    return table.where((table.occurred_at >= now_s - WINDOW_DAYS * DAY_S) & (table.occurred_at < now_s))


def _categorical(table: InteractionTable, catalog: Catalog, now_s: float) -> dict[str, Reference]:
    recent = _recent(table, now_s)
    histograms = {"type": Reference.of_names([str(kind) for kind in TYPES], recent.codes)}
    for name in ("category", "slot", "city"):
        field = catalog.fields[name]
        histograms[name] = Reference.of_names(field.names.ids(), field.at(recent.event_rows))
    return histograms


def _compared(name: str, before: Reference, current: Reference) -> list[Finding]:
    if min(before.size, current.size) < MIN_SIZE:
        return []
    psi, ks = before.distances(current)
    findings = [Finding(name, "psi", psi, PSI_DRIFTED, _verdict(psi, PSI_MOVED, PSI_DRIFTED))]
    if before.cuts:
        critical = _KS_FACTOR * float(np.sqrt((before.size + current.size) / (before.size * current.size)))
        # In large samples the critical value is close to 0, but a distance below 0.05 does not matter to a model.
        threshold = max(2 * critical, 0.1)
        findings.append(Finding(name, "ks", ks, threshold, _verdict(ks, max(critical, 0.05), threshold)))
    return findings


def _verdict(score: float, moved: float, drifted: float) -> str:
    return DRIFTED if score >= drifted else MOVED if score >= moved else STABLE


def _binned(values: NDArray[np.floating], cuts: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.searchsorted(cuts, values, side="right")


def _shares(bins: NDArray[np.int64], size: int) -> list[float]:
    shares: list[float] = (np.bincount(bins, minlength=size) / max(len(bins), 1)).tolist()
    return shares
