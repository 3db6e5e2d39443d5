"""Feedback section of a day's report, from the rows of attribution in the bucket."""

from collections.abc import Iterable
from datetime import date

from shared.entities.provenance import named
from shared.monitoring.feedback import FeedbackFigures, figures_of
from shared.ports import ObjectStore
from shared.services.monitoring.rows import read_rows
from shared.services.registry import versions


def feedback(
    objects: ObjectStore, day: date, *, live_events: int | None = None, labels: Iterable[str] = ()
) -> FeedbackFigures:
    """Feedback figures of a UTC day, of what was recorded on it and is settled; empty ones once its rows are deleted.

    Raises `ArtifactError` for rows that cannot be read.

    Parameters
    ----------
    live_events : number of events that could be shown, for the coverage; None where it is unknown.
    labels : labels of the arms of experiments, by which the figures name variants.
    """
    rows = read_rows(objects, day)
    names = {named(each.version): each.version for each in versions(objects)} if len(rows) else {}
    variants = {named(label): label for label in labels}
    return figures_of(rows, day, model_names=names, variant_names=variants, live_events=live_events)
