"""Training run from a shell: trains, compares and publishes a model: `python -m jobs.retrain`."""

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from functions import wiring
from jobs import places
from jobs.console import Console, table
from shared.entities import fields
from shared.errors import InvalidField, MarqueeError
from shared.models.registry import MODELS
from shared.services.training.retrain import Plan, retrain
from shared.services.training.run import RunDocument
from shared.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of a training run; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.retrain",
        description="Read new documents, compare models on the latest time window, publish the better model.",
    )
    parser.add_argument("--store", metavar="STORE", help=places.DOCUMENTS_HELP)
    parser.add_argument("--objects", metavar="PLACE", help=places.OBJECTS_HELP)
    parser.add_argument("--model", choices=MODELS, help="model to publish (default: $MARQUEE_MODEL or blend)")
    parser.add_argument("--at", metavar="TIME", help="time that names the run and counts as now (default: now)")
    parser.add_argument("--reread", action="store_true", help="read all documents again, into a new ledger")
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        at = fields.time({"--at": given.at}, "--at")
        settings = _settings(given)
        wired = wiring.build(settings)
        plan = Plan(
            model=settings.model,
            half_life_days=settings.half_life_days,
            challengers_s=settings.challengers_s,
            reread=given.reread,
            keep_days=settings.keep_days,
            calendar=wiring.calendar(settings),
            has_friends=settings.has_friends,
        )
        trainer = wiring.trainer(wired, lambda step: console.say(f"{step.seconds:7.1f} s  {step.message}"))
        document = retrain(trainer, plan, scheduled_at=at or wired.now())
    except InvalidField as error:
        parser.error(str(error))
    except MarqueeError as error:
        console.say(f"error: {error}")
        return 1
    print("\n\n".join(_report(document)))
    return 0


def _report(document: RunDocument) -> Iterator[str]:
    yield table(["phase", "seconds"], [[name, f"{seconds:.2f}"] for name, seconds in document.phases.items()])
    yield table(["rows", ""], [[name, f"{count:,}"] for name, count in document.rows.items()])
    yield from _odd(document.documents)
    judged = {name: metrics for name, metrics in document.metrics.items() if name != "ratings"}
    if judged:
        names = list(dict.fromkeys(name for metrics in judged.values() for name in metrics))
        rows = [
            [model, *(f"{metrics[name]:.4g}" if name in metrics else "–" for name in names)]
            for model, metrics in judged.items()
        ]
        yield table(["latest window", *names], rows)
    if document.comparisons:
        columns = ("users", "mean", "low", "high")
        rows = [
            [name, *(f"{comparison[column]:.4g}" for column in columns)]
            for name, comparison in document.comparisons.items()
        ]
        yield table(["better than", *columns], rows)
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
    yield f"{document.decision} {document.version}".rstrip() + f": {document.reason}"


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


def _settings(given: argparse.Namespace) -> Settings:
    settings = places.named(wiring.read_settings(os.environ), documents=given.store, objects=given.objects)
    return dataclasses.replace(settings, model=given.model or settings.model)


if __name__ == "__main__":
    sys.exit(main())
