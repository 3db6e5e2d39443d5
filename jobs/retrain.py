"""Trains and publishes a model from a shell: `python -m jobs.retrain`."""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Sequence

from functions import wiring
from jobs.console import Console, table
from shared.errors import MarqueeError
from shared.models.recommender import MODELS
from shared.services.train import train
from shared.settings import Settings, check_store


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jobs.retrain",
        description="Train on the store as it is, evaluate on its latest part, publish the model.",
    )
    parser.add_argument(
        "--store", metavar="STORE", help="sqlite:PATH or firestore:PROJECT (default: $MARQUEE_DOCUMENTS)"
    )
    parser.add_argument("--objects", metavar="PLACE", help="folder:PATH or gs:BUCKET (default: $MARQUEE_OBJECTS)")
    parser.add_argument("--model", choices=MODELS, help="which model to publish (default: $MARQUEE_MODEL or blend)")
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    try:
        settings = _settings(given)
        wired = wiring.build(settings)
        started = time.perf_counter()
        manifest = train(
            wired.documents,
            wired.objects,
            model=settings.model,
            now=wired.now(),
            suffix=wired.new_id()[:8],
            half_life_days=settings.half_life_days,
            progress=console.say,
        )
    except MarqueeError as error:
        console.say(f"error: {error}")
        return 1
    seconds = time.perf_counter() - started
    print(f"{manifest.version}: {manifest.model}, {seconds:.1f} s, into {settings.objects}")
    for name, metrics in manifest.metrics.items():
        print(table([name, *metrics], [["", *(f"{value:.4g}" for value in metrics.values())]]))
    return 0


def _settings(given: argparse.Namespace) -> Settings:
    settings = Settings.from_environ(os.environ)
    changes = {
        "documents": given.store and check_store(given.store, ("sqlite", "firestore"), "--store"),
        "objects": given.objects and check_store(given.objects, ("folder", "gs"), "--objects"),
        "model": given.model,
    }
    return dataclasses.replace(settings, **{name: value for name, value in changes.items() if value})


if __name__ == "__main__":
    sys.exit(main())
