"""Features of the ranker."""
