"""Scheduled training: ledger sync, model selection, fit, smoke test and publication."""
