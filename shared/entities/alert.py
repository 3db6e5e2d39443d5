"""Alert rules: the quantities that the scheduled job watches, each with the threshold above which it alerts.

The names are stable: structured log lines, reports, settings and log-based alerts of a deployment use them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Alert rule: a quantity alerts while it is greater than its threshold.

    Attributes
    ----------
    name : name of the alert in logs, reports and settings.
    describes : sentence of what has happened, for people.
    threshold : default threshold, in `unit`.
    unit : unit of the quantity and of its threshold.
    highest : greatest threshold that makes sense; the least is 0.
    """

    name: str
    describes: str
    threshold: float
    unit: str
    highest: float = 1.0


_ALL: Final = (
    # Warm lists take milliseconds and wait for stores for two seconds at most; a cold start alone stays below it.
    AlertRule("latency_p99", "One list in a hundred takes longer than it should.", 1.0, "s", 60.0),
    AlertRule("errors", "Requests end with a failure of the server.", 0.01, "share of requests"),
    AlertRule("degraded", "Lists are made without a part of the data.", 0.05, "share of lists"),
    AlertRule("fallback", "Lists are made without a model.", 0.05, "share of lists"),
    # The default schedule trains daily: three trainings in a row have not published.
    AlertRule("model_age", "No training has published a model lately.", 3.0, "days", 365.0),
    AlertRule("drift", "The data differ from what the model learned from.", 0.0, "drifted quantities", 1_000.0),
    AlertRule("dead_letters", "Many documents cannot be processed.", 20.0, "dead letters in 24 hours", 1e9),
    AlertRule("lost_counts", "Triggers do not run: states were missing in the counts.", 0.05, "share of interactions"),
    AlertRule("hidden_events", "Events are hidden or undated because of odd values.", 0.0, "events", 1e9),
    # Chance is left out of the quantity already; a smaller loss is hardly worth getting up for.
    AlertRule("click_through", "Fewer of the shown events are clicked than in the week before.", 0.1, "certain loss"),
    AlertRule("cost", "The day costs more than planned.", 20.0, "USD a day", 1e9),
)
ALERT_RULES: Final[Mapping[str, AlertRule]] = {rule.name: rule for rule in _ALL}
"""Alert rules by name."""
THRESHOLDS: Final[Mapping[str, float]] = {rule.name: rule.threshold for rule in _ALL}
"""Default thresholds by name of the alert; a mapping without a name turns that alert off."""
