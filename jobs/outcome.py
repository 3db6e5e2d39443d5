"""Outcome of a training run as text: how good the models are, the decision in words, and what the run took."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jobs.console import table
from shared.selection.judging import K
from shared.services.training.run import FAILED, PUBLISHED, REFUSED, YIELDED, RunDocument

_NDCG: Final = f"ndcg@{K}"
_RECALL: Final = f"recall@{K}"
_NORMAL: Final = 1.96
"""Standard errors on either side of a mean that bound its 95 % interval, for a normal distribution."""
_BASELINES: Final = {"served": "the model in service", "popularity": "popularity"}
_EXPLORED: Final = "explored"
"""Beginning of the names of comparisons by explored slots, see `ExploredSlots.compared`."""
_GROUPS: Final = {
    "all": "all users",
    "warm": "users with a hit before",
    "cold": "users without a hit before",
    "new_events": "hits on new events",
    "known_candidates": "lists of known events alone",
    "new_candidates": "lists of new events alone",
}
"""Segments of `judging.REPORTED` in words."""
_DECISIONS: Final = {
    PUBLISHED: "The new model {version} is in service.",
    REFUSED: "The new model is not published; what was in service stays.",
    YIELDED: "Nothing is published; what was in service stays.",
    FAILED: "The training failed; what was in service stays.",
}


def models(document: RunDocument) -> Iterator[str]:
    """Table of the judged models, best first, and the decision in words."""
    judged = {name: metrics for name, metrics in document.metrics.items() if _NDCG in metrics}
    if judged:
        rows = [
            [_BASELINES.get(name, name), *_quality(metrics)]
            for name, metrics in sorted(judged.items(), key=lambda item: -item[1][_NDCG])
        ]
        yield table(["model", f"NDCG@{K}", "95 % interval", "users", f"recall@{K}", "coverage"], rows)
    lines = [_DECISIONS[document.decision].format(version=document.version)]
    for name, words in _BASELINES.items():
        found = document.comparisons.get(f"{name} all")
        if found and found["users"]:
            lines.append(
                f"It {_compared(found)} {words}: the NDCG@{K} differs by {found['mean']:+.3f}, with a 95 % interval of "
                f"{_interval(found)} over {found['users']:,} users."
            )
    # The lines above say what the gate says of a model that passed it; notes on the selection may stand before that.
    notes, passed, _ = document.reason.partition("passed; ")
    reason = notes.strip("; ") if passed else document.reason
    yield "\n".join([*lines, f"Reason: {reason}"] if reason else lines)


def groups(document: RunDocument) -> Iterator[str]:
    """Table of the differences to popularity and to the model in service, by group of users and events."""
    rows = [
        [f"{_BASELINES[name]}, {_GROUPS[group]}", f"{found['mean']:+.3f}", _interval(found), f"{found['users']:,}"]
        for key, found in document.comparisons.items()
        for name, _, group in [key.partition(" ")]
        if name in _BASELINES and found["users"]
    ]
    if rows:
        yield table(["difference to", f"NDCG@{K}", "95 % interval", "users"], rows)


def explored(document: RunDocument) -> Iterator[str]:
    """Table of what users would click in explored slots if each model chose their events, by what they clicked."""
    rows = [
        [key.removeprefix(f"{_EXPLORED} "), f"{found['mean']:.3f}", _interval(found), f"{found['users']:,}"]
        for key, found in document.comparisons.items()
        if key.startswith(f"{_EXPLORED} ")
    ]
    if rows:
        yield table(["explored slots", "CTR", "95 % interval", "users"], rows)


def details(document: RunDocument) -> Iterator[str]:
    """Tables of what the run read and found, and of how long it took."""
    yield table(["phase", "seconds"], [[name, f"{seconds:.2f}"] for name, seconds in document.phases.items()])
    yield table(["rows", ""], [[name, f"{count:,}"] for name, count in document.rows.items()])
    yield from _odd(document.documents)
    if document.drift:
        rows = [
            [
                f"{finding['quantity']} {finding['detector']}",
                f"{finding['score']:.3f}",
                f"{finding['threshold']:.3f}",
                finding["verdict"],
            ]
            for finding in document.drift["findings"]
        ]
        yield table([f"drift: {document.drift['verdict']}", "score", "threshold", "verdict"], rows)
    price = f"{document.reads:,} documents read, ${document.price_usd:.6f} at Firestore's list price"
    yield f"{price}; at most {document.peak_memory_mb:,.0f} MB of memory"


def _quality(metrics: Mapping[str, float]) -> list[str]:
    ndcg, error = metrics[_NDCG], metrics.get(f"{_NDCG} error")
    # Runs of earlier versions, and means over a single user, have no error.
    interval = "–" if error is None else f"{ndcg - _NORMAL * error:.3f} to {ndcg + _NORMAL * error:.3f}"
    return [
        f"{ndcg:.3f}",
        interval,
        f"{metrics['users']:,.0f}",
        f"{metrics[_RECALL]:.3f}",
        f"{metrics['coverage']:.2f}",
    ]


def _compared(found: Mapping[str, float]) -> str:
    if found["low"] > 0:
        return "is better than"
    return "is worse than" if found["high"] < 0 else "cannot be told from"


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['low']:+.3f} to {found['high']:+.3f}"


def _odd(documents: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [collection, name, f"{found['mended'].get(name, 0):,}", f"{found['dropped'].get(name, 0):,}"]
        for collection, found in documents.items()
        for name in sorted({*found["mended"], *found["dropped"]})
    ]
    if rows:
        yield table(["odd values", "field", "mended", "dropped"], rows)
    for reason, told in (("hidden", "field"), ("undated", "title")):
        named = documents.get("events", {}).get(reason, {})
        if named.get("count"):
            rows = [[event["event_id"], event[told]] for event in named["events"]]
            yield table([f"{named['count']:,} {reason} events", told], rows)
