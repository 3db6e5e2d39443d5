"""Signals: features of the learning-to-rank blend, one file a family, listed in `registry.py`."""
