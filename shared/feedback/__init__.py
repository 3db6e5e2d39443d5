"""Implicit feedback as columns: interactions, histories, confidence weights, popularity, counts, declared profiles."""
