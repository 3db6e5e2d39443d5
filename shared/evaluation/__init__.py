"""Offline evaluation: temporal holdout, ranking metrics and rating prediction."""
