"""Retention: how long interactions stay in documents, ledger, histories and models."""

from datetime import datetime, timedelta

from shared.entities import HistoryEntry, Interaction


def kept_since(keep_days: int | None, now: datetime) -> datetime | None:
    """Retention limit at `now`: interactions that occurred earlier expire; None where everything is kept."""
    return None if keep_days is None else now - timedelta(days=keep_days)


def is_kept(entry: Interaction | HistoryEntry, since: datetime | None) -> bool:
    """Retention of an interaction or history entry under the limit `since`, see `kept_since`."""
    return since is None or entry.occurred_at >= since
