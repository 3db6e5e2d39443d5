"""Figures of the dashboard: how it must write, in English, what stores hold."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

NONE: Final = "–"
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


def seconds(value: float) -> str:
    """Time of a phase or a training."""
    return f"{number(value, 1 if value < _SHORT_S else 0)} s"


def dollars(value: float) -> str:
    """Price in US dollars."""
    return f"${number(value, 5 if value < _CENT else 2)}"


def tiles(reports: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Values of the tiles by their headings: of each figure the latest that is known, of drift that of the last day."""
    latencies = [report["operations"]["lists"]["latency_s"]["p95"] for report in reports]
    drift = reports[-1]["model"].get("drift") or {}

    def latest(name: str) -> float | None:
        return next((found for each in reversed(reports) if (found := each["feedback"][name]) is not None), None)

    def shown(value: float | None, digits: int, unit: str) -> str:
        return NONE if value is None else f"{number(value, digits)} {unit}"

    latency = next((each for each in reversed(latencies) if each is not None), None)
    return {
        **{
            heading: NONE if (value := latest(name)) is None else percent(value)
            for heading, name in (("Click-through", "ctr"), ("Conversion", "conversion"), ("Coverage", "coverage"))
        },
        "Satisfaction": shown(latest("stars"), 2, "★"),
        "Latency, p95": shown(latency and latency * 1_000, 1 if (latency or 0) < _FINE_S else 0, "ms"),
        "Drift": str(drift.get("verdict", NONE)).capitalize(),
    }


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
