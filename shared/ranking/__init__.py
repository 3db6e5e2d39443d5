"""Ranking: recommendation lists from scores."""
