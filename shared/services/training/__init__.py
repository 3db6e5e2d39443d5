"""The scheduled training."""
