"""Implicit feedback as columns."""
