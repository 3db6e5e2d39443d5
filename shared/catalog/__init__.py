"""Events as columns."""
