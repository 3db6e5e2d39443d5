"""Lists from the model in memory."""
