"""Models (scorers) as pure functions on numpy and scipy: no I/O, no clock, seeds as arguments."""
