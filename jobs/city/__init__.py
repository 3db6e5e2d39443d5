"""Simulator of a synthetic city: venues, events, users and interactions; pure functions of a random generator."""
