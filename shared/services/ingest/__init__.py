"""Interactions, events and users on their way in and out."""
