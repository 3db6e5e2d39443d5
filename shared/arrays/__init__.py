"""Numpy without a domain."""
