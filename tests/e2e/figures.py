"""Figures of the dashboard: how it must write, in English, what stores hold."""

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

NONE: Final = "–"
_TILES: Final = ("Conversion", "Satisfaction", "Latency, p95", "Coverage")
_ACCURACY: Final = "ndcg@10"
_FINE_S: Final = 0.01
_SHORT_S: Final = 10
_CENT: Final = 0.01
"""Latency, time of a phase and price below which they have more digits."""


def number(value: float, digits: int = 0) -> str:
    """Number with its thousands grouped; halves are rounded up, of the shortest decimal number, as browsers do."""
    return f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


def percent(value: float) -> str:
    """Share, 0..1, in percent."""
    return f"{number(value * 100, 1)} %"


def stars(value: float) -> str:
    """Mean of ratings."""
    return f"{number(value, 2)} ★"


def decimal(value: float) -> str:
    """Measure between 0 and 1, such as NDCG."""
    return number(value, 3)


def milliseconds(value: float) -> str:
    """Latency, given in seconds."""
    return f"{number(value * 1_000, 1 if value < _FINE_S else 0)} ms"


def words(name: str) -> str:
    """Name of a code as people write it."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def seconds(value: float) -> str:
    """Time of a phase or a training."""
    return f"{number(value, 1 if value < _SHORT_S else 0)} s"


def dollars(value: float) -> str:
    """Price in US dollars."""
    return f"${number(value, 5 if value < _CENT else 2)}"


def day(report: dict[str, Any]) -> dict[str, str]:
    """Figures of a day by their names in the choice of trends."""
    feedback, operations = report["feedback"], report["operations"]
    latency = operations["lists"]["latency_s"]["p95"]
    drift = report["model"].get("drift") or {}
    values = {
        "Click-through rate": (feedback["ctr"], percent),
        "Conversion": (feedback["conversion"], percent),
        "Satisfaction": (feedback["stars"], stars),
        "Latency, p95": (latency, milliseconds),
        "Coverage": (feedback["coverage"], percent),
        "NDCG@10": (feedback["ndcg_at_10"], decimal),
        "Impressions": (feedback["impressions"], number),
        "Drifted quantities": (len(drift["drifted"]) if "drifted" in drift else None, number),
        "Price": (operations["price_usd"], dollars),
    }
    return {name: NONE if value is None else shown(value) for name, (value, shown) in values.items()}


def tiles(reports: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Values of the tiles by their headings: of each figure the latest that is known, of drift that of the last day."""
    days = [day(report) for report in reports]
    headings = {"Click-through": "Click-through rate"} | {name: name for name in _TILES}
    drift = reports[-1]["model"].get("drift") or {}
    return {
        **{
            heading: next((each[name] for each in reversed(days) if each[name] != NONE), NONE)
            for heading, name in headings.items()
        },
        "Drift": str(drift.get("verdict", NONE)).capitalize(),
    }


def breakdown(reports: Sequence[dict[str, Any]], dimension: str) -> dict[str, dict[str, str]]:
    """Cells of a breakdown by the headings of their columns, by name: sums of the period, and shares of these."""
    names = {name for report in reports for name in report["feedback"]["by"].get(dimension, {})}
    return {name.replace("_", " ").lower(): _row(reports, dimension, name) for name in names}


def _row(reports: Sequence[dict[str, Any]], dimension: str, name: str) -> dict[str, str]:
    found = [own for report in reports if (own := report["feedback"]["by"].get(dimension, {}).get(name))]
    sums = {part: sum(own.get(part) or 0 for own in found) for part in ("impressions", "clicks", "bookings")}
    shown = sums["impressions"]
    return {
        "Impressions": number(shown),
        "CTR": percent(sums["clicks"] / shown) if shown else NONE,
        "Bookings": number(sums["bookings"]),
        "Conversion": percent(sums["bookings"] / shown) if shown else NONE,
    }


def forecast(report: dict[str, Any]) -> list[list[str]]:
    """Cells of the first series: the expected bookings of three weeks, their interval, and those counted."""
    [series, *_] = report["forecast"]["series"]
    weeks = [[_fine(value) for value in row] for row in zip(series["mean"], series["low"], series["high"], strict=True)]
    return [[NONE, NONE, NONE, _fine(series["last"])], *([*week, NONE] for week in weeks)]


def alerts(reports: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """Alerts of the period and their state, each in the latest report that has it."""
    latest = {(each["alert"], each["since"]): each for report in reports for each in report["alerts"]}
    return {(words(each["alert"]), "closed" if each.get("until") else "open") for each in latest.values()}


def odd_fields(reports: Sequence[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Fields with odd values, what was done with them, and the number of documents."""
    sums = Counter[str]()
    for report in reports:
        sums.update(report["operations"].get("odd_documents") or {})
    rows = set()
    for name, count in sums.items():
        collection, treatment, *field = name.split(".")
        rows.add((".".join([collection, *field]), words(treatment), number(count)))
    return rows


def _fine(value: float) -> str:
    text = number(value, 1)
    return text.removesuffix(".0")


def model(version: str, manifest: dict[str, Any]) -> dict[str, str]:
    """Cells of a published model by the headings of their columns, without its time, its size and its button."""
    metrics = manifest["metrics"].get(manifest["model"], {})
    accuracy = number(metrics[_ACCURACY], 3) if _ACCURACY in metrics else NONE
    if error := metrics.get(f"{_ACCURACY} error"):
        accuracy += f" ± {number(error, 3)}"
    return {
        "Version": version,
        "Model": manifest["model"],
        "NDCG@10": accuracy,
        "Coverage": percent(metrics["coverage"]) if "coverage" in metrics else NONE,
        "Interactions": number(manifest["counts"]["interactions"]),
    }


def run(document: dict[str, Any]) -> dict[str, str]:
    """Cells of a training run by the headings of their columns, without its times and its accuracy."""
    return {
        "Decision": document["decision"],
        "Time": seconds(sum(document["phases"].values())),
        "Price": dollars(document["price_usd"]),
        "Memory": f"{number(document['peak_memory_mb'])} MB",
    }


def phases(document: dict[str, Any]) -> set[str]:
    """Phases of a training run with their times."""
    return {f"{name} {seconds(taken)}" for name, taken in document["phases"].items()}
