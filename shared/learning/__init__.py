"""Learning to rank: windows of the past, training groups with sampled negatives, listwise fit, replay."""
