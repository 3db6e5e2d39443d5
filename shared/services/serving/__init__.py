"""Serving: lists of events and users from the model in memory."""
