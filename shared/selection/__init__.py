"""Model selection: which model serves."""
